"""The Khronos glTF validator and the meshopt decoder (npm, pinned in tests/package-lock.json) as functions.

The first use installs them into tests/node_modules with `npm ci`. If node or npm is missing, or the installation fails,
the test is skipped with the reason.
"""

from __future__ import annotations

import atexit
import base64
import json
import shutil
import struct
import subprocess
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_PACKAGES = [_HERE / "node_modules" / name / "package.json" for name in ("gltf-validator", "meshoptimizer")]
_LOCK = _HERE / "node_modules.lock"

#: What the validator notes of every file with MSFT_lod: that it does not know it, and nodes that are in no scene.
LODS_NOTED = frozenset({"UNSUPPORTED_EXTENSION", "UNUSED_OBJECT"})


def validate(glb: bytes) -> dict[str, Any]:
    """The validator's report: `issues` holds numErrors, numWarnings, numInfos, numHints and messages."""
    report: dict[str, Any] = _node().ask(b"v", glb)
    return report


def assert_spotless(glb: bytes, *, but: frozenset[str] = frozenset()) -> None:
    """No error, warning, info or hint, but infos and hints of the codes in `but`."""
    issues = validate(glb)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues
    assert {message["code"] for message in issues["messages"]} <= but, issues


def unpack(glb: bytes) -> list[bytes]:
    """What the extension's own decoder makes of each compressed view of a GLB."""
    return [base64.b64decode(view) for view in _node().ask(b"u", glb)]


def packed(**what: Any) -> bytes:
    """A stream as meshoptimizer writes it: `rows` (base64), or `colors` that are filtered with `bits`; `count`,
    `stride`, `mode`, `version`."""
    return base64.b64decode(_node().ask(b"p", json.dumps(what).encode()))


class _Node:
    """A process that runs tests/gltf_validator.js; starting one takes longer than most of its answers."""

    def __init__(self) -> None:
        command = [_installed(), "gltf_validator.js"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_HERE)
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, kind: bytes, glb: bytes) -> Any:
        """The answer to one request. An AssertionError says why there is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            guard = threading.Timer(60, self._process.kill)
            guard.start()
            try:
                stdin.write(kind + struct.pack("<I", len(glb)) + glb)
                stdin.flush()
                line = stdout.readline()
            except BrokenPipeError:
                line = b""
            finally:
                guard.cancel()
        if not line:
            _node.cache_clear()
            self.close()
            raise AssertionError(f"gltf_validator.js ended with {self._process.returncode} or took more than 60 s")
        answer = json.loads(line)
        assert "error" not in answer, f"the file could not be read: {answer['error']}"
        return answer["result"]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@cache
def _node() -> _Node:
    return _Node()


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
