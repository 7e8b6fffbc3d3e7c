"""A job in every scenario of the contract goes as it says, also where the editor is killed in between."""

import json
import time
from pathlib import Path

import pytest
from editors import Godot, make_project
from player import LIMIT_S, play

from contract import coverage

KEY = "sk_secret"

pytestmark = pytest.mark.timeout(300)


class Editor:
    """A Godot that does what the lines of JSON say that it is given."""

    def __init__(self, godot, project):
        self.process = godot.start("--headless", "--path", project, "--script", "res://player.gd", speaks=True)

    def ask(self, what, **given):
        self.process.stdin.write(json.dumps({"do": what} | given) + "\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith(">"):
                return json.loads(line[1:])
            said.append(line)
        raise AssertionError("".join(said))

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Player:
    """A user with one job, in a Godot that plays every scenario, and in one of its own where that is to be killed."""

    def __init__(self, editor, another, folder, address, key):
        self.editor, self.another, self.folder = editor, another, folder
        self.how = {"folder": str(folder), "address": address, "key": key, "picture": "picture"}
        self.job_id = ""
        self.seen = {}
        self.killed = None

    def start(self):
        self.editor.ask("start", **self.how)

    def submit(self):
        self.start()
        self.job_id = self.editor.ask("submit")

    def submit_elsewhere(self):
        self.killed = self.another()
        self.killed.ask("start", **self.how)
        self.job_id = self.killed.ask("submit")

    def kill(self):
        self.killed.kill()

    def cancel(self):
        assert self.editor.ask("cancel", job=self.job_id)

    def again(self):
        self.job_id = self.editor.ask("again", job=self.job_id)

    def shown(self):
        return json.loads((self.folder / f"{self.job_id}.json").read_text())

    def rest(self):
        self.seen = self.editor.ask("rest")


@pytest.fixture(scope="module")
def another(program, tmp_path_factory):
    """Starts a Godot that plays; all are ended afterwards."""
    project = make_project(tmp_path_factory.mktemp("scenarios") / "project")
    started = []

    def start():
        started.append(Editor(Godot(program, tmp_path_factory.mktemp("home")), project))
        return started[-1]

    yield start
    for editor in started:
        editor.kill()


@pytest.fixture(scope="module")
def editor(another):
    return another()


@pytest.mark.parametrize("name", coverage.files("scenarios"))
def test_a_job_goes_as_the_contract_says(bad, editor, another, tmp_path, name):
    told = json.loads((Path(coverage.HERE) / name).read_text("utf-8"))
    outcome, folder = told["outcome"], Path(name).stem
    before = len(bad.seen)

    def asked(operation):
        return sum(each.folder == folder and each.asks(operation) for each in bad.seen[before:])

    player = Player(editor, another, tmp_path, bad.address(folder), KEY)
    # waiting for what is on disk is the same for every client
    player.until = lambda wanted: until(player, wanted)
    play(told["acts"], player, lambda number: bad.turn(folder, number), asked)
    editor.ask("close")
    job = player.shown()
    assert job["state"] == outcome["state"]
    if outcome["state"] == "ready":
        asset = (tmp_path / f"{player.job_id}.glb").read_bytes()
        assert asset == (Path(coverage.HERE) / "files" / "asset.glb").read_bytes()
    if outcome["state"] == "failed":
        assert job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
    for field in {"states", "progress"} & outcome.keys():
        assert player.seen[field] == outcome[field]
    seen = [each for each in bad.seen[before:] if each.folder == folder]
    assert {operation: asked(operation) for operation in outcome["requests"]} == outcome["requests"]
    keys = {each.headers["Idempotency-Key"] for each in seen if each.method == "POST"}
    assert len(keys) == outcome.get("keys", 1)
    assert {each.headers["X-API-Key"] for each in seen} == {KEY}
    # whatever happens in between, it is the same request, all its pictures included
    [posted] = {each.body for each in seen if each.method == "POST"}
    assert [each["view"] for each in json.loads(posted)["images"]] == ["front", "back", "left"]


def until(player, wanted):
    """Wait until the job shows this."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        job = player.shown()
        if wanted == {name: job[name] if name in job else job["problem"].get(name) for name in wanted}:
            return
        assert job["state"] not in ("ready", "failed", "cancelled"), f"{job} and not {wanted}"
        assert time.monotonic() < deadline, f"{job} and not {wanted}"
        time.sleep(0.02)
