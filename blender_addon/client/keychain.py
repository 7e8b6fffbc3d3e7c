"""API keys in the system's own keychain, if a program to access it is installed: one key per server.

Linux: ``secret-tool`` (GNOME Keyring, KWallet); macOS: ``security``. Both are given the key on standard input, never
as an argument, which other users of the machine could read. On other systems, and if the key cannot be read back,
there is no keychain and the caller stores the key elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

SERVICE = "SphereLinks"
_LIMIT_S = 60  # a locked keychain asks its owner for a password


def store(address: str, key: str) -> bool:
    """Keep a server's key; False if that cannot be done."""
    if sys.platform == "darwin":
        # commands come on standard input, one per line; -U replaces an existing key
        line = f"add-generic-password -U -s {SERVICE} -a {_quoted(address)} -w {_quoted(key)}\n"
        done = _run(["security", "-i"], line)
    else:
        label = f"--label={SERVICE} {address}"
        done = _run(["secret-tool", "store", label, "service", SERVICE, "server", address], key)
    return done is not None and load(address) == key


def load(address: str) -> str:
    """A server's key; empty if the keychain has none, or there is no keychain."""
    if sys.platform == "darwin":
        found = _run(["security", "find-generic-password", "-s", SERVICE, "-a", address, "-w"])
    else:
        found = _run(["secret-tool", "lookup", "service", SERVICE, "server", address])
    return (found or "").strip()


def forget(address: str) -> None:
    """Remove a server's key, if it has one."""
    if sys.platform == "darwin":
        _run(["security", "delete-generic-password", "-s", SERVICE, "-a", address])
    else:
        _run(["secret-tool", "clear", "service", SERVICE, "server", address])


def _run(command: list[str], given: str = "") -> str | None:
    """A program's output; None if it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
