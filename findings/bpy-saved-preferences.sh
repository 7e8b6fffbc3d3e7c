#!/usr/bin/env bash
# bpy 4.5.15 (Blender as a Python module): the next script does not see the preferences that a script has saved.
#
# Expected: wm.save_userpref writes userpref.blend, and the next process with the same HOME starts with it, as
# `blender -b` does: with the add-ons that were enabled, and their settings. Seen: the file is there, but `import bpy`
# starts with the factory's preferences, without a word.
# Remedy: call bpy.ops.wm.read_userpref() first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir bpy==4.5.15
export HOME="$folder"

"$folder/venv/bin/python" - <<'PY'
import bpy

bpy.context.preferences.edit.undo_steps = 77
bpy.ops.wm.save_userpref()
PY
ls "$folder/.config/blender/4.5/config/userpref.blend"
"$folder/venv/bin/python" - <<'PY'
import bpy

print(bpy.app.version_string)
at_start = bpy.context.preferences.edit.undo_steps
bpy.ops.wm.read_userpref()
read = bpy.context.preferences.edit.undo_steps
print(f"at the start {at_start}, read {read}")
assert at_start == 32, "the saved preferences are used now"
assert read == 77
PY
# 4.5.15 LTS
# at the start 32, read 77
