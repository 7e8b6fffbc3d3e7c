#!/usr/bin/env bash
# All of it in one: data, network, sampler, and both into the package. From the root of the repository:
#
#   export GLBS=../shared/data/train MANIFEST=../shared/data/manifest.csv
#   training/all.sh 20 --device cuda --batch 512 --rate 1.5 --compile
#
# Both may name several, in one order. Without GLBS it trains on procedural shapes alone. The network gets the minutes
# given, the sampler a tenth of them. Training begins as soon as there are views and draws on what is built meanwhile.
# What is already there is gone on with, so this may be stopped and called again; for a fresh start, name another WORK.
set -euo pipefail
minutes=$1
shift
work=${WORK:-work}
package=core/spherelinks/generation/lift
export PYTHONPATH=core:.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
build() { # FOLDER, and of what: in the background, behind the training
    mkdir -p "$work"
    nice python -m training.data --out "$work/$1" "${@:2}" >"$work/$1.log" 2>&1 &
    until [ -e "$work/$1/rows.json" ]; do sleep 1 && kill -0 $!; done
}
build shapes --procedural "${SHAPES:-10000}"
common=(--data "$work/shapes" --hold-out training/shapes.py --everything)
if [ -n "${GLBS:-}" ]; then
    build objects --glbs $GLBS --manifest $MANIFEST
    common=(--data "$work/objects" "$work/shapes" --everything)
fi
python -m training.train lift "${common[@]}" --out "$work/lift" --minutes "$minutes" "$@"
python -m training.export lift --checkpoint "$work/lift/checkpoint.pt"
python -m training.train flow "${common[@]}" --out "$work/flow" --minutes "$(python -c "print($minutes / 10)")" "$@"
python -m training.export flow --checkpoint "$work/flow/checkpoint.pt"
