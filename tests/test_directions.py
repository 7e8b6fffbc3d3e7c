"""Imports point one way: the server imports the core, jobs import accounts, accounts the database, never back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KEPT = {"spherelinks.database", "spherelinks.accounts", "spherelinks.jobs", "spherelinks.migrations"}
TOOLS = ("formats", "gltf", "mesh", "pixels", "render", "texture")
"""Arrays in, arrays out."""

FORBIDDEN: dict[str, set[str]] = {
    "": {"spherelinks_server", "flask", "training"},
    **{room: {*KEPT, "spherelinks.generation"} for room in TOOLS},
    "picture": {*KEPT, "spherelinks.generation"},
    "generation": KEPT,
    "shape.py": {*KEPT, "spherelinks.generation", "spherelinks.picture", *(f"spherelinks.{room}" for room in TOOLS)},
    "database.py": {"spherelinks.accounts", "spherelinks.jobs"},
    "migrations": {"spherelinks.accounts", "spherelinks.jobs"},
    "accounts": {"spherelinks.jobs"},
}
"""What a file or folder of the core must not import."""


@pytest.mark.parametrize("place", FORBIDDEN, ids=lambda place: place or "core")
def test_nothing_imports_what_stands_above_it(place: str) -> None:
    found = ROOT / "core/spherelinks" / place
    files = [found] if found.is_file() else sorted(found.rglob("*.py"))
    assert files
    for path in files:
        for name in _imports(path):
            above = [other for other in FORBIDDEN[place] if name == other or name.startswith(other + ".")]
            assert not above, f"{path.relative_to(ROOT)} imports {name}"


def _imports(path: Path) -> set[str]:
    """Full names of all that a module imports, inside its functions, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
