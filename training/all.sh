#!/usr/bin/env bash
# All of it in one: data, network, sampler, and both into the package. From the root of the repository:
#
#   GLBS=../shared/data/train MANIFEST=../shared/data/manifest.csv training/all.sh 60 [options of training.train]
#
# Without GLBS it trains on procedural shapes alone. The network gets the minutes given, on top of the installed weights,
# and the sampler a third as many. What is already there is gone on with, so this may be stopped and called again. On a
# GPU, at twice the resolution:
#
#   SIDE=128 training/all.sh 60 --device cuda --batch 128 --loaders "$(nproc)" --compile
set -euo pipefail
minutes=$1
shift
side=${SIDE:-64}
work=${WORK:-work}
package=core/spherelinks/generators/lift
export PYTHONPATH=core:.
python -m training.data --out "$work/shapes" --procedural "${SHAPES:-2000}" --side "$side"
common=(--data "$work/shapes" --hold-out training/shapes.py)
if [ -n "${GLBS:-}" ]; then
    python -m training.data --out "$work/data" --glbs "$GLBS" --manifest "$MANIFEST" --side "$side"
    common=(--data "$work/data" "$work/shapes")
fi
common+=(--everything)
python -m training.train lift "${common[@]}" --out "$work/lift" --minutes "$minutes" \
    --from-weights $package/lift.safetensors "$@"
python -m training.export lift --checkpoint "$work/lift/checkpoint.pt" --side "$side"
python -m training.train flow "${common[@]}" --out "$work/flow" --minutes "$(python -c "print($minutes / 3)")" "$@"
python -m training.export flow --checkpoint "$work/flow/checkpoint.pt" --side "$side"
