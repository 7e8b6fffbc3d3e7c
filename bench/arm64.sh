#!/usr/bin/env bash
# Compares the bits of kernels and assets on this x86-64 Linux machine with those on an emulated arm64 one, on Debian:
#     bench/arm64.sh FOLDER      (about 700 MB; needs qemu-user, which runs Debian's own Python for arm64)
# The arm64 library comes from the wheel of scripts/wheels.py. onnxruntime is left out, as it does not start under qemu 7.2.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1" && cd "$1"
python=$root/.venv/bin/python
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

if [ ! -d system ]; then
    mkdir -p apt/lists/partial apt/archives/partial apt/sources debs
    cp /etc/apt/sources.list.d/debian.sources apt/sources/ 2>/dev/null || true
    : > apt/status
    apt() {
        "apt-$1" -o Dir::State="$PWD/apt" -o Dir::Cache="$PWD/apt" -o Dir::State::status="$PWD/apt/status" \
            -o Dir::Etc::SourceParts="$PWD/apt/sources" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 "${@:2}"
    }
    apt get update
    packages=$(apt cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances python3.11 libstdc++6 libgomp1 | grep '^\w' | sort -u | grep -vE 'perl|debconf|mailcap|media-types|tzdata')
    (here=$PWD && cd debs && PWD=$here apt get download $packages)
    for deb in debs/*.deb; do dpkg -x "$deb" system; done
    echo "Debian $release's Python for arm64: $(qemu-aarch64 -L system system/usr/bin/python3.11 -V)"
fi

if [ ! -d packages ]; then
    # all that the library imports but onnxruntime, in the locked versions
    names='numpy|opencv-python-headless|pillow|pydantic|pydantic-core|annotated-types|typing-extensions|typing-inspection'
    names="$names|manifold3d|pygltflib|dataclasses-json|marshmallow|typing-inspect|mypy-extensions|deprecated|wrapt|tqdm"
    names="$names|safetensors|packaging|httpx2|httpcore2|h11|idna|anyio|truststore"
    grep -oE "^($names)==[^ ;\\]+" "$root/requirements/server.txt" > pins.txt
    "$python" -m pip install --quiet --no-deps --target packages --only-binary :all: --python-version 3.11 \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 -r pins.txt
fi

if ! ls wheels/*manylinux_2_17_aarch64.whl > /dev/null 2>&1; then "$python" "$root/scripts/wheels.py" wheels manylinux_2_17_aarch64; fi
rm -rf library && "$python" -m zipfile -e wheels/*manylinux_2_17_aarch64.whl library

"$python" "$root/bench/bits.py" record calls.pickle
"$root/.venv/bin/spherelinks" generate "$root/docs/samples/mug.jpg" -o mug.glb --generator inflate
"$python" "$root/bench/bits.py" digest calls.pickle mug.glb > x86-64.txt
PYTHONPATH=$PWD/library:$PWD/packages qemu-aarch64 -L system system/usr/bin/python3.11 "$root/bench/bits.py" \
    digest calls.pickle mug.glb > arm64.txt
echo "$(comm -12 <(sort x86-64.txt) <(sort arm64.txt) | grep -c .) of $(grep -c . x86-64.txt) equal; these differ:"
diff x86-64.txt arm64.txt || true
