"""What is installed, and what works: the findings behind ``spherelinks doctor``."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import NamedTuple

from spherelinks import __version__, extras
from spherelinks.config import Settings
from spherelinks.errors import SphereLinksError
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.options import DEFAULT_GENERATOR
from spherelinks.picture import mattes

LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime")
SERVER_LIBRARIES = ("sqlalchemy", "procrastinate", "flask", "granian")


class Finding(NamedTuple):
    """The result of one check. ``required``: nothing works without it."""

    name: str
    ok: bool
    detail: str
    required: bool = True


def examine() -> list[Finding]:
    """Check everything, in reading order; a failing check is a finding, never an exception."""
    findings = [
        Finding("spherelinks", True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        Finding("machine", True, f"{os.cpu_count()} cores"),
        Finding("libraries", True, _versions(LIBRARIES)),
        *_generators(),
        *_mattes(),
        _checked("pipeline", _pipeline),
        _checked("settings", _settings),
    ]
    try:
        extras.require("server")
    except SphereLinksError as error:
        findings.append(Finding("server", False, f"{error.message} {error.hint}", required=False))
    else:
        findings += [
            Finding("server", True, _versions(SERVER_LIBRARIES)),
            _checked("database", _database),
            _checked("storage", _storage),
        ]
    return [*findings, _validator()]


def _versions(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except SphereLinksError as error:
        return Finding(name, False, f"{error.message} {error.hint}".rstrip())
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _generators() -> Iterator[Finding]:
    installed = registry.look()
    for name, card in installed.cards.items():
        if problem := card.needs.missing():
            yield Finding("generator", False, f"'{name}' version {card.version}: {problem}", name == DEFAULT_GENERATOR)
            continue

        def ready(card: Card = card) -> str:
            card.load()
            return f"'{card.name}' version {card.version}, ready"

        yield _checked("generator", ready)
    for name, problem in installed.problems.items():
        yield Finding("generator", False, f"'{name}': {problem}", required=False)


def _mattes() -> Iterator[Finding]:
    installed = mattes.installed()
    usable = {name: each for name, each in installed.items() if isinstance(each, mattes.Matte)}
    lacking = [f"not '{name}': {each.problem} {each.hint}".rstrip() for name, each in usable.items() if each.problem]
    ready = ", ".join(f"'{name}' version {each.version}" for name, each in usable.items() if not each.problem)
    yield Finding("mattes", True, "; ".join([ready, *lacking]))
    for name, problem in installed.items():
        if isinstance(problem, str):
            yield Finding("mattes", False, f"'{name}': {problem}", required=False)


def _pipeline() -> str:
    from spherelinks.pipeline import warm_up

    start = time.perf_counter()
    warm_up()
    return f"works, ready after {time.perf_counter() - start:.1f} s"


def _settings() -> str:
    return f"home {Settings.from_env().home}"


def _database() -> str:
    from sqlalchemy import text

    from spherelinks import postgres
    from spherelinks.database import connect

    settings = Settings.from_env()
    url = settings.database_url or postgres.running(settings.home)
    if url is None:
        return f"embedded, not running; PostgreSQL programs in {postgres.find_binaries()}"
    engine = connect(url)
    try:
        with engine.connect() as connection:
            served = connection.execute(text("show server_version")).scalar_one()
    finally:
        engine.dispose()
    return f"{'yours' if settings.database_url else 'embedded'}, running, PostgreSQL {served}"


def _storage() -> str:
    from spherelinks.storage import open_storage

    settings = Settings.from_env()
    open_storage(settings).probe()
    return f"{settings.storage_url or settings.home / 'storage'}, writable"


def _validator() -> Finding:
    found = shutil.which("node")
    detail = f"{found}" if found else "not found: needed only by the Khronos validator and the web tests"
    return Finding("node", bool(found), detail, required=False)
