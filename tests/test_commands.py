"""What is printed works when pasted: every block of README.md, docs/ and the server's pages is run, or says why not.

A fenced block's language says what it is: ``sh`` and ``python`` run, ``text``, ``json`` and ``toml`` are no commands.
``<!-- not run: REASON -->`` on the line before keeps a block from being run. The blocks of a page run in order, in one
shell, in a folder where the repository's files are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
import requests
from serving import Served, local_server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {"docs/generators.md": "tests/test_generators_page.py"}
"""Pages whose blocks another test runs."""
NOT_RUN = {
    "README.md": 2,
    "docs/api.md": 1,
    "docs/blender.md": 3,
    "docs/dashboard.md": 2,
    "docs/formats.md": 1,
    "docs/godot.md": 2,
    "docs/mattes.md": 1,
    "docs/python.md": 1,
    "docs/quality.md": 4,
    "docs/scale-out.md": 2,
    "docs/security.md": 1,
    "docs/unity.md": 1,
}
"""How many blocks of a page may be marked as not run."""
DATA = {"json": json.loads, "toml": tomllib.loads, "text": str}
_FENCE = re.compile(r"(?:^<!-- not run: ([^\n]+) -->\n)?^```([^\n]*)\n(.*?)^```$", re.M | re.S)
_LINK = re.compile(r"one-time sign-in link: (\S+)")


@dataclass(frozen=True)
class Block:
    place: str
    kind: str
    code: str
    reason: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    name = page.relative_to(ROOT)
    return [
        Block(f"{name}:{text.count(chr(10), 0, found.start(2)) + 1}", found[2], found[3], found[1] or "")
        for found in _FENCE.finditer(text)
    ]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with local_server() as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands run: the repository's files are there, and what they write is lost."""
    for path in ROOT.iterdir():
        if not path.name.startswith(".") or path.name == ".venv":
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def run(code: list[Block], served: Served, folder: Path) -> str:
    """Run blocks one after the other in one shell, which ends where a command fails, a part of a pipe included."""
    script = ["set -euo pipefail"]
    for number, block in enumerate(code):
        script.append(f"printf '%s\\n' '@ {block.place}' >&2")
        lines = block.code.replace("http://127.0.0.1:8000", served.address)
        if block.kind == "python":
            path = folder / f"block{number}.py"
            path.write_text(lines)
            lines = f"python3 {path}"
        script.append(lines)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": programs, "SPHERELINKS_KEY": served.key}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=served.running.environment | own,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_is_marked_for_what_it_is(page: Path) -> None:
    name, found = str(page.relative_to(ROOT)), blocks(page)
    bare = _FENCE.sub("", page.read_text("utf-8"))
    assert "```" not in bare
    assert not re.search(r"(?:\n\n)(?: {4}|\t)\S", bare), "an indented block has no language: fence it"
    for block in found:
        assert block.kind in {"sh", "python", *DATA}, block
        if block.kind in DATA and name not in ELSEWHERE:
            DATA[block.kind](block.code)
        for path in re.findall(r"tests/[\w./]+\.py", block.reason):
            assert (ROOT / path).exists()
    assert len([block for block in found if block.reason]) == NOT_RUN.get(name, 0)
    if name in ELSEWHERE:
        assert name in (ROOT / ELSEWHERE[name]).read_text()


RUNNABLE = {
    page: code
    for page in PAGES
    if str(page.relative_to(ROOT)) not in ELSEWHERE
    and (code := [block for block in blocks(page) if block.kind in ("sh", "python") and not block.reason])
}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Path, served: Served, folder: Path) -> None:
    run(RUNNABLE[page], served, folder)
    for model in folder.glob("*.glb"):
        assert model.read_bytes()[:4] == b"glTF", model.name


def test_the_samples_of_the_servers_pages_run(served: Served, folder: Path) -> None:
    """Of the landing page, the API page with and without a key, and the page that shows a new key."""
    found = _LINK.search(served.running.said())
    assert found is not None
    browser = requests.Session()

    def sent(path: str, form: str, **values: str | list[str]) -> str:
        token = re.search(r'(?:name="csrf" value|name="csrf-token" content)="([0-9a-f]{64})"', browser.get(form).text)
        answer = browser.post(served.address + path, data={"csrf": token[1] if token else "", **values})
        assert answer.ok, answer.text
        return answer.text

    link = found[1]
    sent(link.removeprefix(served.address), link)
    made = sent("/app/keys", f"{served.address}/app/keys", name="new", scopes=["generate", "read"])
    pages = {path: browser.get(served.address + path).text for path in ("/", "/app/api")} | {"a new key": made}
    for path, page in pages.items():
        samples = re.findall(r'<code id="([\w-]+)">(.*?)</code>', page, re.S)
        code = [
            Block(f"{path}#{name}", "python" if name.startswith("python") else "sh", unescape(source), "")
            for name, source in samples
            if name != "secret"
        ]
        assert len(code) == {"/": 3, "/app/api": 4, "a new key": 1}[path]
        run(code, served, folder)
        assert path == "a new key" or (folder / "robot.glb").read_bytes()[:4] == b"glTF"
        (folder / "robot.glb").unlink(missing_ok=True)


def test_the_samples_of_the_reference_run(served: Served, folder: Path) -> None:
    (folder / "mug.jpg").symlink_to(ROOT / "docs/samples/mug.jpg")
    document = requests.get(f"{served.address}/v1/openapi.json").json()
    operations = [document["paths"][path] for path in ("/v1/generate", "/v1/status/{jobId}", "/v1/download/{jobId}")]
    sources = [
        sample["source"] for methods in operations for one in methods.values() for sample in one["x-codeSamples"]
    ]
    assert len(sources) == 3
    run([Block(f"openapi.json {n}", "sh", source, "") for n, source in enumerate(sources)], served, folder)
    assert (folder / "mug.glb").read_bytes()[:4] == b"glTF"
    example = operations[0]["post"]["requestBody"]["content"]["application/json"]["example"]
    headers = {"Authorization": f"Bearer {served.key}", "Prefer": "wait=60"}
    answer = requests.post(f"{served.address}/v1/generate", json=example, headers=headers)
    assert (answer.status_code, answer.content[:4]) == (200, b"glTF"), answer.text[:500]
