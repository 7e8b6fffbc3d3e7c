"""The Khronos glTF validator and the meshopt decoder (npm, pinned in tests/package-lock.json) as functions.

The first use installs them into tests/node_modules with `npm ci`. Where node or npm is missing, or the installation
fails, the test that asked is skipped with the reason.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_PACKAGES = [_HERE / "node_modules" / name / "package.json" for name in ("gltf-validator", "meshoptimizer")]
_LOCK = _HERE / "node_modules.lock"
_SCRIPT = """
const validator = require('gltf-validator');
const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk)).on('end', () =>
  validator.validateBytes(new Uint8Array(Buffer.concat(chunks)), {maxIssues: 100})
    .then(report => process.stdout.write(JSON.stringify(report)), error => { console.error(error); process.exit(1); }));
"""

_UNPACK = """
const {MeshoptDecoder} = require('meshoptimizer');
const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk)).on('end', async () => {
  await MeshoptDecoder.ready;
  const glb = Buffer.concat(chunks), end = 20 + glb.readUInt32LE(12);
  const views = JSON.parse(glb.subarray(20, end)).bufferViews.map(view => view.extensions?.EXT_meshopt_compression);
  process.stdout.write(JSON.stringify(views.filter(Boolean).map(view => {
    const target = new Uint8Array(view.count * view.byteStride);
    const source = glb.subarray(end + 8 + view.byteOffset, end + 8 + view.byteOffset + view.byteLength);
    MeshoptDecoder.decodeGltfBuffer(target, view.count, view.byteStride, source, view.mode, view.filter);
    return Buffer.from(target).toString('base64');
  })));
});
"""

#: What the validator notes of every file with MSFT_lod: that it does not know it, and nodes that are in no scene.
LODS_NOTED = frozenset({"UNSUPPORTED_EXTENSION", "UNUSED_OBJECT"})


def validate(glb: bytes) -> dict[str, Any]:
    """The validator's report: `issues` holds numErrors, numWarnings, numInfos, numHints and messages."""
    node = _installed()
    done = subprocess.run([node, "-e", _SCRIPT], input=glb, capture_output=True, cwd=_HERE, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(f"the validator could not read the file: {done.stderr.decode()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def assert_spotless(glb: bytes, *, but: frozenset[str] = frozenset()) -> None:
    """No error, warning, info or hint, but infos and hints of the codes in `but`."""
    issues = validate(glb)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues
    assert {message["code"] for message in issues["messages"]} <= but, issues


def unpack(glb: bytes) -> list[bytes]:
    """What the extension's own decoder makes of each compressed view of a GLB."""
    done = subprocess.run(
        [_installed(), "-e", _UNPACK], input=glb, capture_output=True, cwd=_HERE, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [base64.b64decode(view) for view in json.loads(done.stdout)]


def _complete() -> bool:
    return all(package.exists() for package in _PACKAGES)


@cache
def _installed() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("the Khronos validator needs node and npm, which are not installed")
    deadline = time.monotonic() + 120
    while not _complete():
        try:  # several test processes may start at once; one installs
            _LOCK.touch(exist_ok=False)
        except FileExistsError:
            if time.monotonic() > deadline:
                _LOCK.unlink(missing_ok=True)
            time.sleep(0.2)
            continue
        try:
            if not _complete():
                done = subprocess.run(
                    [npm, "ci", "--no-audit", "--no-fund"], cwd=_HERE, capture_output=True, check=False
                )
                if done.returncode:
                    pytest.skip(f"the Khronos validator could not be installed: {done.stderr.decode()[-300:]}")
        finally:
            _LOCK.unlink(missing_ok=True)
    return node
