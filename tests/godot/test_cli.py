"""Models without a window: what is written into the project, and the exit codes of docs/cli.md."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "samples"
SCRIPT = "res://addons/spherelinks/cli.gd"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def command(godot, project):
    """Runs the command line; its exit code and what it says on stdout."""

    def run(*arguments, code=0, **variables):
        done = subprocess.run(
            [godot.program, "--headless", "--path", project, "--script", SCRIPT, "--", *map(str, arguments)],
            env=godot.environment(**variables),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "SCRIPT ERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert done.returncode == code, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if line and not line.startswith("Godot Engine")]

    return run


def test_a_picture_becomes_an_asset_that_the_editor_imports(command, godot, project, served):
    said = command(
        SAMPLES / "robot.png",
        "--texture-size",
        "512",
        "--collider=convex",
        "--height",
        "1.8",
        "--json",
        SPHERELINKS_SERVER=served.address,
        SPHERELINKS_KEY=served.key,
    )
    [made] = [json.loads(line) for line in said]
    assert made["path"] == "res://models/robot/robot.glb"
    folder = project / "models" / "robot"
    assert sorted(path.name for path in folder.iterdir()) == ["robot.glb", "robot.glb.import"]
    assert (folder / "robot.glb").read_bytes()[:4] == b"glTF"
    godot.run("--headless", "--path", project, "--import")
    facts = godot.facts(project, "scene.gd", path=made["path"])
    assert facts["name"] == "robot"
    assert facts["height"] == pytest.approx(1.8, abs=1e-3)
    assert facts["bodies"] == 1
    assert served.key not in "".join(path.read_text(errors="replace") for path in project.rglob("*.import"))
    # the same name once more gets a folder of its own; from two pictures it is another
    address, key = ("--server", served.address), {"SPHERELINKS_KEY": served.key}
    command(SAMPLES / "robot.png", "--texture-size", "512", "--back", SAMPLES / "robot.png", *address, **key)
    assert b"backSha256" in (project / "models" / "robot_2" / "robot_2.glb").read_bytes()
    command("a.png", "b.png", "--back", SAMPLES / "robot.png", *address, code=2, **key)


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ("no-credits", 2, "insufficient_credits"),
        ("picture-damaged", 3, "picture_unreadable"),
        ("job-failed", 4, "no_object"),
        ("failed-generator", 5, "generator_failed"),
        ("not-json", 6, "bad_answer"),
    ],
)
def test_failures_have_their_exit_codes(command, bad, fault, code, error):
    bad.turn(fault, 1)  # of the scenario, in which the server works at first
    said = command(
        SAMPLES / "robot.png", "--json", "--server", bad.address(fault), code=code, SPHERELINKS_KEY="sk_secret"
    )
    [told] = [json.loads(line) for line in said]
    assert told["error"]["code"] == error
    assert told["error"]["hint"]
    assert "sk_secret" not in str(said)


def test_what_is_wrong_with_the_command_is_told_before_anything_is_sent(command, bad, tmp_path):
    address, key = bad.address("success"), {"SPHERELINKS_KEY": "sk_secret"}
    before = len(bad.seen)
    picture = SAMPLES / "robot.png"
    command(code=2)
    command(picture, "--server", address, code=2)
    command(picture, "--server", "nowhere", code=2, **key)
    command(picture, "--server", address, "--size", "3", code=2, **key)
    command(picture, "--server", address, "--texture-size", "3", code=2, **key)
    command(picture, "--server", address, "--preset", "huge", code=2, **key)
    command(tmp_path / "missing.png", "--server", address, code=7, **key)
    command(picture, "--server", "http://127.0.0.1:1", code=6, **key)
    assert "--texture-size" in "".join(command("--help"))
    assert not [each for each in bad.seen[before:] if each.method == "POST"]


def test_a_killed_run_is_resumed_and_paid_once(godot, project, command, bad):
    """Killed while the server is at work; the same request then goes on, under the same Idempotency-Key."""
    address = bad.address("resumed")
    before = len(bad.seen)
    arguments = ["--headless", "--path", project, "--script", SCRIPT, "--", SAMPLES / "robot.png", "--server", address]
    process = godot.start(*arguments, SPHERELINKS_KEY="sk_secret")
    try:
        for line in process.stdout:
            if "generator" in line:
                break
    finally:
        process.kill()
        process.communicate()
    bad.turn("resumed", 1)
    [made] = [
        json.loads(line) for line in command("--resume", "--json", "--server", address, SPHERELINKS_KEY="sk_secret")
    ]
    assert made["path"] == "res://models/robot/robot.glb"
    assert sum(each.method == "POST" for each in bad.seen[before:]) == 1
    assert (project / "models" / "robot" / "robot.glb.import").exists()
