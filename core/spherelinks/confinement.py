"""Fewer rights, memory and cores than the system would give: for processes that handle strangers' pictures.

On Linux, Landlock (since 5.13) keeps a process from files, networks and other processes; it needs no privileges, and
every thread and child started afterwards is kept from the same. Where there is none, the functions say so and change
nothing: what then stands is an environment without credentials, and closed descriptors.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from spherelinks.config import SECRETS

logger = logging.getLogger(__name__)

_SECRET_PREFIXES = ("AWS_", "PG", "OTEL_", "SENTRY_")
"""Prefixes of variables with credentials that libraries read by themselves."""

# see landlock(7), <linux/landlock.h>, <linux/prctl.h>
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_TCP, _SCOPES = 0b11, 0b11
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CAPABILITY_VERSION = 0x20080522
_NOBODY = 65534

# see mallopt(3); the numbers that it begins with, and the most that it comes to keep by itself
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MAPS, _KEPT, _MOST_KEPT = 65536, 64 << 20, (1 << 31) - 1


def environment(names: Sequence[str] | None = None) -> dict[str, str]:
    """This process's environment without credentials; with `names`, only those variables."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE") not in SECRETS
        and not name.startswith(_SECRET_PREFIXES)
        and (names is None or name in names)
    }


def secret_paths(home: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where credentials and all accounts' files are: the home, and files with secrets."""
    files = [environ[f"{name}_FILE"] for name in SECRETS if environ.get(f"{name}_FILE")]
    files += [environ[name] for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE") if environ.get(name)]
    return [home, *map(Path, files), Path("~/.aws").expanduser(), Path("~/.pgpass").expanduser()]


def die_with_parent() -> None:
    """Have this process killed when the thread that started it ends, whatever it is doing; on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_memory(mebibytes: int) -> None:
    """Limit the memory of this process, so that it fails by itself before the machine runs out.

    RLIMIT_DATA rather than RLIMIT_AS: GPU libraries reserve far more addresses than they use. Outside Linux it does not
    cover what malloc maps, so nothing is limited.
    """
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (mebibytes << 20, mebibytes << 20))


def give_memory_back() -> None:
    """Return what is free to the system, which glibc's malloc would keep for later; elsewhere nothing is kept."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Meanwhile, glibc's malloc keeps what is freed for what is asked for next; at the end all is returned.

    Large arrays would go to the system each by itself, and it fills those that follow with zeros first. This holds for
    the whole process; of two at a time, the first to end ends it for both.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None  # not in every C library
    if tune is None:
        yield
        return
    tune(_M_MMAP_MAX, 0)
    tune(_M_TRIM_THRESHOLD, _MOST_KEPT)
    try:
        yield
    finally:
        tune(_M_MMAP_MAX, _MAPS)
        tune(_M_TRIM_THRESHOLD, _KEPT)
        give_memory_back()


def leave_root() -> None:
    """As root, become the user nobody; any other user stays."""
    if sys.platform != "win32" and os.geteuid() == 0:
        with suppress(OSError):  # in a user namespace there may be nobody else
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def drop_capabilities() -> None:
    """As root, give up what sets root apart, such as to look into other processes; on Linux."""
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24))


def hide(paths: Sequence[Path]) -> bool:
    """Keep this thread, and all that it starts from now on, from these files and folders; whether that could be done.

    Other processes' memory and environment are out of reach then, too (of root only without capabilities). In the
    folders that lead to a hidden one, nothing new can be made or opened. What this very interpreter needs is never
    hidden.
    """
    hidden = [path.resolve() for path in paths if path.exists()]
    needed = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), Path(__file__).resolve()}
    hidden = [path for path in hidden if not any(path in (own, *own.parents) for own in needed)]
    return _restrict(_around(hidden, Path("/")))


def seal() -> bool:
    """Keep this thread, and all that it starts from now on, from every file that is not open, from TCP and from sending
    signals to others; whether that could be done."""
    return _restrict([])


def memory_limit() -> int:
    """Bytes that this process and its children may use together: the cgroup's limit, else the machine's memory."""
    limits = [_number(path) for path in _cgroup_files("memory", "memory.max", "memory.limit_in_bytes")]
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 << 30
    return min([machine, *(limit for limit in limits if limit)])


def cores() -> int:
    """Cores that this process may use: by its affinity and its cgroup's quota."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for path in _cgroup_files("cpu", "cpu.max"):
        with suppress(OSError, ValueError):
            quota, period = path.read_text().split()
            found = min(found, max(1, round(int(quota) / int(period))))
    return found


def _cgroup_files(controller: str, *names: str) -> Iterator[Path]:
    """Files of those names in this process' cgroup and in those above it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    root = Path("/sys/fs/cgroup")
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        # inside a container its own cgroup is mounted at the top, whatever the path says
        for folder in {top / path.lstrip("/"), top}:
            for each in (folder, *folder.parents):
                if root in (each, *each.parents):
                    yield from (each / name for name in names if (each / name).exists())


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # max: no limit
        return None


def _around(hidden: Sequence[Path], folder: Path) -> Iterator[Path]:
    """The largest files and folders of ``folder`` that neither are hidden nor hold what is."""
    try:
        entries = [*folder.iterdir()]
    except OSError:
        return
    for entry in entries:
        if entry in hidden or entry.is_symlink():  # what a link leads to is reached by its own way
            continue
        if any(entry in path.parents for path in hidden):
            yield from _around(hidden, entry)
        else:
            yield entry


def _restrict(allowed: Sequence[Path] | Iterator[Path]) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        logger.warning("this kernel has no Landlock: files are protected by their modes alone")
        return False
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    allowed = [*allowed]
    sealed = not allowed
    attributes = struct.pack("=Q", rights)
    if version >= 4:
        attributes += struct.pack("=Q", _TCP if sealed else 0)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPES if sealed else 0)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path in allowed:
            _allow(libc, ruleset, path, rights if path.is_dir() else rights & _FILE_RIGHTS)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        done: int = libc.syscall(_RESTRICT_SELF, ruleset, 0)
        return done == 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    with suppress(OSError):  # what cannot be opened need not be allowed
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
        finally:
            os.close(descriptor)
