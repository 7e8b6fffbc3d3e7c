#!/usr/bin/env bash
# All of it in one: data, network, sampler, and both into the package. From the root of the repository:
#
#   GLBS=../shared/data/train MANIFEST=../shared/data/manifest.csv training/all.sh 60 [options of training.train]
#
# Both may name several, in one order. Without GLBS it trains on procedural shapes alone. The network gets the minutes
# given, on top of the installed weights, and the sampler a third as many. Two thirds of the network's are on pictures of
# half the side, where a view costs a quarter; the rates fall through both parts. What is already there is gone on with, so
# this may be stopped and called again. On a GPU, at twice the resolution:
#
#   SIDE=128 training/all.sh 60 --device cuda --batch 128 --loaders "$(nproc)" --compile
set -euo pipefail
minutes=$1
shift
side=${SIDE:-64}
work=${WORK:-work}
package=core/spherelinks/generators/lift
export PYTHONPATH=core:.
sets() { # SIDE: data of that size, and the options that name it
    python -m training.data --out "$work/shapes$1" --procedural "${SHAPES:-2000}" --side "$1"
    common=(--data "$work/shapes$1" --hold-out training/shapes.py --everything)
    if [ -n "${GLBS:-}" ]; then
        python -m training.data --out "$work/data$1" --glbs $GLBS --manifest $MANIFEST --side "$1"
        common=(--data "$work/data$1" "$work/shapes$1" --everything)
    fi
}
share() { python -c "print($minutes * $1)"; }
if [ ! -e "$work/lift/checkpoint.pt" ]; then
    sets $((side / 2))
    python -m training.train lift "${common[@]}" --out "$work/low" --minutes "$(share 2/3)" --end .3 \
        --from-weights $package/lift.safetensors "$@"
    mkdir -p "$work/lift"
    cp "$work/low/checkpoint.pt" "$work/lift/checkpoint.pt"
fi
sets "$side"
python -m training.train lift "${common[@]}" --out "$work/lift" --minutes "$(share 1/3)" --rate .3 "$@"
python -m training.export lift --checkpoint "$work/lift/checkpoint.pt" --side "$side"
python -m training.train flow "${common[@]}" --out "$work/flow" --minutes "$(share 1/3)" "$@"
python -m training.export flow --checkpoint "$work/flow/checkpoint.pt" --side "$side"
