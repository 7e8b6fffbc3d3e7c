#!/usr/bin/env bash
# The candidates for the next `lift`, each against the installed weights, where nothing can be fetched. From the root:
#
#   training/kit.sh 12 --device cuda --batch 512
#
# The first argument is the minutes for all of it; the others go to every training.train. training/README.md says how
# KIT (default: kit) is packed. Views are built in WORK (default: work) while it trains; what is to be kept comes into
# OUT (default: $WORK/out), in six files of at most 15 MiB: compared.txt, curves.tar, weights.NAME.part-* of the two new ones.
set -euo pipefail
minutes=$1
shift
kit=${KIT:-kit} work=${WORK:-work} out=${OUT:-$work/out}
package=core/spherelinks/generation/lift
# whole sources, of which no candidate sees anything; the installed weights were trained on the first three
held=(elpis-lab/ycb aws-robotics/aws-robomaker osrf/gazebo_models usd-wg/assets sceneview/sceneview)
mkdir -p "$work" "$out"
wheels=("$kit"/wheels-*/*.whl)
if [ -e "${wheels[0]}" ]; then
    python3 -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$work/site" \
        "${wheels[@]}"
fi
export PYTHONPATH=core:.:$work/site
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

objects=("$kit"/objects-*/)
part() { python3 -c "print(round($minutes * $1, 3))"; }
build() { # SIDE, PROCESSES: in the background, behind the training, until there is a view
    nice python3 -m training.data --out "$work/$1" --side "$1" --processes "$2" \
        --glbs "${objects[@]}" --manifest "${objects[@]/%/manifest.csv}" >"$work/$1.log" 2>&1 &
    until [ -e "$work/$1/rows.json" ]; do sleep 1 && kill -0 $!; done
}
train() { # NAME, TASK, SIDE, SHARE of the minutes, and more options
    python3 -m training.train "$2" --data "$work/$3" --hold-out "${held[@]}" --out "$work/$1" --minutes "$(part "$4")" \
        "${@:5}"
    {
        echo "$1: $*"
        tail -n 1 "$work/$1/curve.csv"
    } >>"$out/compared.txt"
}
keep() { # NAME, TASK, SIDE
    python3 -m training.export "$2" --checkpoint "$work/$1/checkpoint.pt" --side "$3" --out "$work/$1/weights"
    split -b 15m "$work/$1/weights/lift.safetensors" "$out/weights.$1.part-"
}

enough() { # SIDE: waits until there are views to judge by
    python3 - "$work/$1" "${JUDGES:-256}" "${held[@]}" <<'END'
import sys, time
from pathlib import Path
from training.batches import Views
folder, count, *held = sys.argv[1:]
while len(Views([Path(folder)], tuple(held), only=True)) < int(count):
    time.sleep(1)
END
}

cores=$(nproc)
weights=$package/lift.safetensors
: >"$out/compared.txt"
build 64 $(((cores + 1) / 2))
build 128 $(((cores + 1) / 2))
enough 64
train today lift 64 0.01 --from-weights "$weights" --rate 0 "$@"
train lite lite 64 0.32 --from-weights "$weights" --rate 0.3 "$@"
keep lite lite 64
train on lift 64 0.16 --from-weights "$weights" --rate 0.15 "$@"
enough 128
train today-128 lift 128 0.01 --from-weights "$weights" --rate 0 "$@"
train on-128 lift 128 0.32 --from-weights "$weights" --rate 0.3 "$@"
keep on-128 lift 128
(cd "$work" && tar -cf - -- */curve.csv) >"$out/curves.tar"
head -n 1 "$work/today/curve.csv"
cat "$out/compared.txt"
