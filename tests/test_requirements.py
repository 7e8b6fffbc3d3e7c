"""The lock files fit pyproject.toml and each other, and name no place that packages come from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = {path.stem: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}


def pinned(name: str) -> dict[str, set[str]]:
    """Versions by package; more than one where platforms differ."""
    pins: dict[str, set[str]] = {}
    for line in re.findall(r"^[\w.-]+==[^\\\n]+", FILES[name], re.M):
        requirement = Requirement(line)
        (only,) = requirement.specifier
        pins.setdefault(canonicalize_name(requirement.name), set()).add(only.version)
    return pins


def wanted(*extras: str) -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return [requirement for requirement in map(Requirement, lines) if requirement.name != PROJECT["name"]]


@pytest.mark.parametrize(("name", "extras"), [("server", ["server"]), ("dev", list(PROJECT["optional-dependencies"]))])
def test_every_requirement_is_pinned_to_a_version_it_allows(name, extras):
    pins = pinned(name)
    for requirement in wanted(*extras):
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not in requirements/{name}.txt: run make lock"
        for version in versions:
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, {version}: run make lock"


def test_what_serves_is_what_is_tested():
    server, tested = pinned("server"), pinned("dev")
    assert server.items() <= tested.items()


@pytest.mark.parametrize("name", FILES)
def test_a_lock_has_hashes_and_no_addresses(name):
    text = FILES[name]
    assert "://" not in text
    assert "--index" not in text
    assert not {"torch", "torchvision"} & pinned(name).keys()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) > 50
