"""The command line, run as a user runs it: a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import numpy as np
import plugins
import pytest
from PIL import Image

from spherelinks import extras
from spherelinks.cli.failing import EXIT_CODES
from spherelinks.formats.writing import KINDS
from spherelinks.model import terms
from spherelinks.options import MEASURES, Options
from spherelinks.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]


def spherelinks(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "spherelinks.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | environment,
    )


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A red disc with a dark rim on transparent background."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    r = np.hypot(x, y)
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 0] = np.where(r < 0.5, 220, 90)
    rgba[..., 3] = 255 * (r < 0.7)
    path = tmp_path_factory.mktemp("cli") / "disc.png"
    Image.fromarray(rgba).save(path)
    return path


def test_generate_writes_a_glb_and_prints_what_it_is(picture, tmp_path):
    out = tmp_path / "disc.glb"
    done = spherelinks("generate", picture, "-o", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes()[:4] == b"glTF"
    assert done.stdout.startswith(f"{out}: ")


def test_json_is_one_object_and_the_same_request_gives_the_same_bytes(picture, tmp_path):
    files = []
    for name in ("a.glb", "b.glb"):
        done = spherelinks("generate", picture, "-o", tmp_path / name, "--texture-size", 512, "--seed", 7, "--json")
        report = json.loads(done.stdout)["report"]
        assert report["textureSize"] == 512
        assert done.stderr == ""
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_finish_makes_an_asset_of_a_mesh(tmp_path):
    mesh, out = tmp_path / "box.obj", tmp_path / "box.glb"
    corners = [(x, y, z) for x in (0, 1) for y in (0, 2) for z in (0, 1)]
    sides = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")
    mesh.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in corners) + "".join(f"f {side}\n" for side in sides))
    done = spherelinks("finish", mesh, "-o", out, "--texture-size", 512, "--height", "3ft", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["report"]
    assert (report["faces"], report["watertight"]) == (12, True)
    assert report["dimensions"]["height"] == pytest.approx(0.9144)
    assert out.read_bytes()[:4] == b"glTF"
    mesh.write_text("v 0 0\nf 1 1 1\n")
    assert spherelinks("finish", mesh, "-o", out).returncode == 7


def test_the_real_size_may_be_given_in_any_unit(picture, tmp_path):
    arguments = ["-o", tmp_path / "x.glb", "--texture-size", 512, "--height", "31cm", "--json"]
    report = json.loads(spherelinks("generate", picture, *arguments).stdout)["report"]
    assert report["dimensions"]["height"] == pytest.approx(0.31, abs=1e-6)


def test_a_size_is_one_length_with_a_unit(picture, tmp_path):
    for wrong, said in ((["--height", "31 feet"], "31cm"), (["--height", "1m", "--width", "1m"], "not allowed with")):
        done = spherelinks("generate", picture, "-o", tmp_path / "x.glb", *wrong)
        assert done.returncode == 2
        assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--texture-size", "99"], 2, "invalid_option"),
        (["--generator", "nope"], 2, "invalid_option"),
        (["--depth", "2000m"], 2, "invalid_option"),
        (["--target-faces", "900", "--simplify-ratio", "0.95"], 2, "invalid_option"),
    ],
)
def test_a_bad_option_has_its_exit_code_and_its_json(picture, tmp_path, arguments, code, error):
    done = spherelinks("generate", picture, "-o", tmp_path / "x.glb", *arguments, "--json")
    assert done.returncode == code
    assert json.loads(done.stdout)["error"]["code"] == error
    assert list(tmp_path.iterdir()) == []


def test_an_option_of_a_generators_own_is_given_by_name(picture, tmp_path, monkeypatch):
    plugins.tuned(tmp_path, monkeypatch)
    out = tmp_path / "ball.glb"
    common = ("generate", picture, "-o", out, "--generator", "tuned", "--texture-size", 512, "--json")
    made = spherelinks(*common, "--option", "ballSize=0.4", "--option", "finish=glossy")
    assert made.returncode == 0, made.stdout
    assert "A ball of 0.4, glossy." in json.loads(made.stdout)["report"]["warnings"]
    for wrong, message, hint in (
        ("ballSize=4", "--option ball_size is 4: ", "0.1 to 0.9"),
        ("ball_size=true", "--option ball_size is ", "0.1 to 0.9"),
        ("ball=0.4", "--option ball is no option of tuned.", "ball_size"),
        ("guidance=7", "--option guidance is no option of tuned.", "Its own: ball_size, finish, strict."),
    ):
        refused = spherelinks(*common, "--option", wrong)
        assert refused.returncode == 2
        error = json.loads(refused.stdout)["error"]
        assert error["message"].startswith(message)
        assert hint in error["hint"]
    for wrong in ("ballSize", "=3", "seed=3"):
        assert spherelinks(*common, "--option", wrong).returncode == 2


def test_the_summary_says_how_sure_it_is_and_what_would_help(picture, tmp_path):
    made = spherelinks("generate", picture, "-o", tmp_path / "x.glb", "--generator", "inflate", "--diffusion-steps", 3)
    assert made.stdout.rstrip().endswith(" MB, low confidence")
    assert "note: inflate uses only the outline: depth and the far side are guesses. The generator lift" in made.stderr
    assert "inflate does not use --diffusion-steps: 3" in made.stderr
    refused = spherelinks("finish", tmp_path / "x.glb", "-o", tmp_path / "y.glb", "--keep-mesh", "--target-faces", 100)
    assert refused.returncode == 2
    assert "--target-faces is given" in refused.stderr
    assert "--keep-mesh and --keep-uv" in refused.stderr
    refused = spherelinks("finish", tmp_path / "x.glb", "-o", tmp_path / "y.glb", "--unit", "cm", "--height", "1m")
    assert "--unit is 'cm' and dimensions are given" in refused.stderr
    kept = spherelinks("finish", tmp_path / "x.glb", "-o", tmp_path / "y.glb", "--keep-mesh")
    assert "confidence" not in kept.stdout


def test_a_mask_is_one_file_for_one_picture(picture, tmp_path):
    mask, out = tmp_path / "mask.png", tmp_path / "x.glb"
    Image.fromarray(np.asarray(Image.open(picture))[..., 3]).save(mask)
    made = spherelinks("generate", picture, "-o", out, "--texture-size", 512, "--mask", mask, "--json")
    assert made.returncode == 0, made.stdout
    assert any("mask" in warning for warning in json.loads(made.stdout)["report"]["warnings"])
    for arguments, code, said in (
        ([picture, picture, "-o", tmp_path, "--mask", mask], 2, "2 pictures"),
        ([picture, "-o", out, "--mask", tmp_path / "none.png"], 7, "none.png"),
        ([picture, "-o", out, "--mask", picture.with_name("wide.png")], 2, "300 × 256"),
    ):
        Image.new("L", (300, 256)).save(picture.with_name("wide.png"))
        refused = spherelinks("generate", *arguments, "--json")
        assert refused.returncode == code, refused.stdout
        assert said in json.loads(refused.stdout)["error"]["message"]


def test_pictures_of_the_sides_are_files_for_one_picture(picture, tmp_path):
    out = tmp_path / "x.glb"
    made = spherelinks("generate", picture, "-o", out, "--texture-size", 512, "--back", picture, "--json")
    assert made.returncode == 0, made.stdout
    assert b"backSha256" in out.read_bytes()
    for arguments, code, said in (
        ([picture, picture, "-o", tmp_path, "--left", picture], 2, "--left"),
        ([picture, "-o", out, "--right", tmp_path / "none.png"], 7, "none.png"),
    ):
        refused = spherelinks("generate", *arguments, "--json")
        assert refused.returncode == code, refused.stdout
        assert said in json.loads(refused.stdout)["error"]["message"]


def test_bad_pictures_have_their_exit_codes(tmp_path):
    page = tmp_path / "page.jpg"
    page.write_text("<html><body>not a picture</body></html>")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (200, 200), "white").save(blank)
    for path, code, error in (
        (page, 3, "picture_unreadable"),
        (blank, 4, "no_object"),
    ):
        done = spherelinks("generate", path, "-o", tmp_path / "x.glb", "--json")
        assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (code, error)


@pytest.mark.parametrize("command", ["finish", "convert"])
@pytest.mark.parametrize("name", ["body.glb", "body.fbx"])
def test_a_mesh_that_cannot_be_read_has_the_exit_code_of_files(tmp_path, command, name):
    path = tmp_path / name
    path.write_bytes(b"no mesh of any kind")
    done = spherelinks(command, path, "-o", tmp_path / "x.glb" if command == "finish" else tmp_path / "x.stl", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (7, "mesh_unreadable")
    assert error["hint"]


@pytest.mark.parametrize("command", ["generate", "finish", "convert"])
def test_a_file_that_is_missing_has_one_exit_code_and_is_named(tmp_path, command):
    missing = tmp_path / "missing.png"
    done = spherelinks(command, missing, "-o", tmp_path / "x.glb", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (7, "file_error")
    assert error["message"] == f"{missing}: No such file or directory."


@pytest.mark.skipif(os.name != "posix", reason="opening a folder is another error on Windows")
def test_a_folder_in_place_of_pictures_gets_a_hint(tmp_path):
    done = spherelinks("generate", tmp_path, "-o", tmp_path / "x.glb", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (7, "file_error")
    assert "pictures/*.png" in error["hint"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_named_by_the_file_asked_for(picture, tmp_path):
    tmp_path.chmod(0o500)
    done = spherelinks("generate", picture, "-o", tmp_path / "x.glb", "--texture-size", 512)
    assert done.returncode == 7
    assert f"{tmp_path / 'x.glb'}: Permission denied." in done.stderr


def test_an_output_that_is_a_folder_is_named_without_the_file_in_between(picture, tmp_path):
    glb, folder = tmp_path / "x.glb", tmp_path / "x.stl"
    assert spherelinks("generate", picture, "-o", glb, "--texture-size", 512, "--generator", "inflate").returncode == 0
    folder.mkdir()
    done = spherelinks("convert", glb, "-o", folder)
    assert done.returncode == 7
    assert done.stderr.startswith(f"spherelinks: {folder}: Is a directory.")
    assert list(folder.iterdir()) == []


def test_several_pictures_go_into_a_folder_and_one_that_fails_stops_no_other(picture, tmp_path):
    other = tmp_path / "other.png"
    shutil.copy(picture, other)
    page = tmp_path / "page.jpg"
    page.write_text("not a picture")
    out = tmp_path / "out"
    arguments = [picture, page, other, "-o", out, "--generator", "inflate", "--texture-size", 512]
    done = spherelinks("generate", *arguments)
    assert done.returncode == 2
    assert "no folder" in done.stderr
    out.mkdir()
    done = spherelinks("generate", *arguments, "--json")
    assert done.returncode == 3
    first, second, third = json.loads(done.stdout)
    assert (first["input"], first["path"]) == (str(picture), str(out / "disc.glb"))
    assert second["error"]["code"] == "picture_unreadable"
    assert third["report"]["textureSize"] == 512
    assert sorted(path.name for path in out.iterdir()) == ["disc.glb", "other.glb"]
    told = spherelinks("generate", *arguments).stderr
    assert f"spherelinks: {page}: The file is not a JPEG" in told
    for name in ("disc", "other"):
        assert f"note: {out / name}.glb: inflate uses only the outline" in told
    for folder, hint in ((tmp_path / "x.glb", "Give a folder."), (tmp_path / "x", "mkdir")):
        refused = spherelinks("generate", picture, other, "-o", folder)
        assert refused.returncode == 2
        assert hint in refused.stderr
    (tmp_path / "disc.png").write_bytes(picture.read_bytes())
    done = spherelinks("generate", picture, tmp_path / "disc.png", "-o", out)
    assert done.returncode == 2
    assert "disc.glb" in done.stderr
    assert spherelinks("generate", picture, other, "-o", out, "--name", "twin").returncode == 2


def test_a_summary_says_how_large_the_asset_is(picture, tmp_path):
    done = spherelinks("generate", picture, "-o", tmp_path / "x.glb", "--generator", "inflate", "--height", "9.5")
    assert re.search(r" × 9\.5 × [\d.]+ m, ", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generat", "x"], "there is no command 'generat'. Did you mean generate?"),
        (["keys", "lst"], "keys: there is no command 'lst'. Did you mean list?"),
        (["keys"], "keys: give one of create, rotate, revoke, list."),
        (
            ["generate", "x", "-o", "y.glb", "--texture-sise", "5"],
            "--texture-sise is not known. Did you mean --texture-size?",
        ),
        (["generate"], "generate: PICTURE, -o/--output missing."),
        (["generate", "x", "-o", "y.glb", "--texture-size", "9x"], "--texture-size is '9x', which is no whole number."),
        (
            ["generate", "x", "-o", "y.glb", "--simplify-ratio", "half"],
            "--simplify-ratio is 'half', which is no number.",
        ),
        (["generate", "x", "-o", "y.glb", "--texture-size", "9"], "--texture-size is 9: "),
        (["generate", "x", "-o", "y.glb", "--depth", "2km"], "--depth: '2km' is not a length"),
        (["generate", "x", "-o", "y.glb", "--depth", "2000m"], "--depth is 2000 m: "),
        (["generate", "x", "-o", "y.glb", "--pivot", "top"], "--pivot is 'top': "),
        (["generate", "x", "-o", "y.glb", "--lods", "a,b"], "generate: --lods: 'a,b' is no list of numbers"),
        (["finish", "x", "-o", "y.glb", "--unit", "mi"], "--unit is 'mi'. Give one of m, cm, mm, in, ft."),
        (["generate", "x", "-o", "y.obj"], "Name it y.obj.zip."),
        ([], "COMMAND missing."),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_flag_and_json_if_that_is_wanted(arguments, said):
    done = spherelinks(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    done = spherelinks(*arguments, "--json")
    assert (done.returncode, done.stderr) == (2, "")
    error = json.loads(done.stdout)["error"]
    assert said in f"{error['message']} {error['hint']}"


def test_help_gives_every_range_default_and_generator():
    shown = " ".join(spherelinks("generate", "--help").stdout.split())
    for field in ("texture_size", "simplify_ratio", "diffusion_steps", "seed", "collider", "texture_format"):
        assert terms(Options.model_fields[field]) in shown
    assert "Installed: inflate, lift, lift-flow." in shown
    assert not re.search(r"[a-z][A-Z][a-z]+Ratio|simplifyRatio", shown)
    assert "at most 20000 faces are kept" in " ".join(spherelinks("finish", "--help").stdout.split())


@pytest.mark.parametrize("asked", [["--help"], ["--version"], ["keys", "create", "--help"], ["serve", "--help"], ["x"]])
def test_only_what_is_asked_for_is_imported(asked):
    """The options' model, the pipeline's libraries and the server's take most of a second: only their commands wait."""
    script = (
        "import sys\nfrom spherelinks.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *asked], capture_output=True, text=True, timeout=240)
    imported = set(done.stderr.split())
    assert "spherelinks.cli.main" in imported
    heavy = {
        "pydantic",
        "numpy",
        "cv2",
        "PIL",
        "onnxruntime",
        "httpx2",
        "sqlalchemy",
        "flask",
        "dataclasses",
        "inspect",
    }
    heavy |= {"spherelinks.cli.make", "spherelinks.options", "spherelinks.pipeline", "spherelinks.database"}
    assert not heavy & imported


def test_an_output_folder_that_is_missing_is_named_before_any_work(picture, tmp_path):
    done = spherelinks("generate", picture, "-o", tmp_path / "none" / "x.glb")
    assert done.returncode == 7
    assert str(tmp_path / "none") in done.stderr


def test_help_names_every_option():
    done = spherelinks("generate", "--help")
    assert done.returncode == 0, done.stderr
    shown = set(re.findall(r"--[a-z-]+", done.stdout))
    assert shown >= {f"--{name.replace('_', '-')}" for name in Options.model_fields if name != "dimensions"}
    assert shown >= {f"--{measure}" for measure in MEASURES}
    page = (ROOT / "docs/cli.md").read_text()
    assert shown - {"--help"} <= set(re.findall(r"--[a-z-]+", page)) | {"--output"}


def test_size_levels_and_collider_go_together(picture, tmp_path):
    """All that may be asked for at once, as on the command line of a game's asset."""
    arguments = ["--texture-size", 512, "--target-faces", 800, "--lods", "0.5,0.25", "--collider", "box"]
    files = []
    for name in ("a.glb", "b.glb"):
        done = spherelinks("generate", picture, "-o", tmp_path / name, *arguments, "--height", "9.5cm", "--json")
        report = json.loads(done.stdout)["report"]
        assert report["faces"] == pytest.approx(800, rel=0.02)
        assert [lod["faces"] for lod in report["lods"]] == pytest.approx([400, 200], rel=0.04)
        assert report["collider"]["kind"] == "box"
        assert report["dimensions"]["height"] == pytest.approx(0.095, abs=1e-6)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_an_asset_is_converted_by_the_outputs_ending(picture, tmp_path):
    glb, usdz = tmp_path / "disc.glb", tmp_path / "disc.usdz"
    assert spherelinks("generate", picture, "-o", glb, "--texture-size", 512).returncode == 0
    assert spherelinks("generate", picture, "-o", usdz, "--texture-size", 512).returncode == 0
    done = spherelinks("convert", glb, "-o", tmp_path / "again.usdz", "--json")
    assert json.loads(done.stdout) == {"path": str(tmp_path / "again.usdz"), "bytes": usdz.stat().st_size}
    assert (tmp_path / "again.usdz").read_bytes() == usdz.read_bytes()


@pytest.mark.parametrize(
    ("command", "out", "code"),
    [("generate", "x.fbx", 2), ("convert", "x.fbx", 2), ("convert", "x.stl", 7), ("convert", "no/x.stl", 7)],
)
def test_what_cannot_be_written_or_converted_is_said(picture, tmp_path, command, out, code):
    done = spherelinks(command, picture, "-o", tmp_path / out, "--json")
    assert done.returncode == code
    assert json.loads(done.stdout)["error"]["hint"]
    assert list(tmp_path.iterdir()) == []


def test_the_documentation_names_every_kind_of_file():
    page = (ROOT / "docs/cli.md").read_text()
    assert set(re.findall(r"^\| `(\.[\w.]+)` \|", page, re.MULTILINE)) == {kind.suffix for kind in KINDS.values()}


def test_wrong_usage_exits_with_2():
    assert spherelinks("generate").returncode == 2
    assert spherelinks("frobnicate").returncode == 2


BEGIN = """
import runpy
print("begun", flush=True)
runpy.run_module("spherelinks.cli", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("after", [0.3, 0.6, 0.9, 1.2])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_generate_leaves_no_file_and_no_process(picture, tmp_path, stop, after):
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, "generate", str(picture), "-o", str(tmp_path / "x.glb")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"begun\n"  # before that Python itself starts, which has its own ends
    time.sleep(after)  # somewhere in the imports or in the work
    process.send_signal(stop)
    process.communicate(timeout=240)
    # Python itself may end by SIGINT where the interrupt came inside an exec, which a shell shows as 130 too
    assert process.returncode in (130, -signal.SIGINT, -stop, 0)
    assert [p.name for p in tmp_path.iterdir()] in ([], ["x.glb"])
    if process.returncode == 0:
        assert (tmp_path / "x.glb").read_bytes()[:4] == b"glTF"
    else:
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.fixture
def open_home():
    """A home that every user may enter: as root the database runs as another, and pytest's own folder is closed."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def running():
    """What runs until the test ends."""
    with ExitStack() as stack:
        yield stack


def test_keys_and_accounts_live_through_their_whole_life(open_home, running):
    home = open_home

    def run(*arguments):
        done = spherelinks(*arguments, "--json", SPHERELINKS_HOME=str(home), DATABASE_URL="", STORAGE_URL="")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    made = run("keys", "create", "--name", "ci")  # which starts a database and stops it
    assert re.fullmatch(r"sk_sph_live_[0-9A-Za-z]{38,}", made["key"])
    running.enter_context(EmbeddedPostgres(home))  # as beside a server; all others find it running
    (listed,) = run("keys", "list")
    assert made["key"] not in json.dumps(listed)
    assert (listed["id"], listed["name"], listed["state"]) == (made["id"], "ci", "active")

    successor = run("keys", "rotate", made["id"], "--grace-hours", "1")
    assert successor["key"] != made["key"]
    assert {key["id"]: key["state"] for key in run("keys", "list")}[successor["id"]] == "active"
    run("keys", "revoke", successor["id"])
    assert {key["id"]: key["state"] for key in run("keys", "list")}[successor["id"]] == "revoked"

    account = run("accounts", "create", "studio")
    before = {a["id"]: a for a in run("accounts", "list")}[account["id"]]["available"]
    assert run("accounts", "grant", account["id"], "5")["available"] == before + 5

    user = run("users", "create", "Ada@example.com", "--account", account["id"])
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/welcome/\S{43}", user["link"])
    assert run("users", "link", "ada@example.com", "--address", "https://x.example/")["link"].startswith("https://x.ex")
    owner = run("users", "link")
    shown = spherelinks("keys", "list", SPHERELINKS_HOME=str(home), DATABASE_URL="").stdout
    assert "never used" in shown
    assert "None" not in shown
    assert {user["id"]: user["email"] for user in run("users", "list")} == {
        user["id"]: "ada@example.com",
        owner["id"]: None,
    }

    done = spherelinks("keys", "revoke", "key_none", "--json", SPHERELINKS_HOME=str(home), DATABASE_URL="")
    assert done.returncode == 2, done.stdout
    assert "key_none" in json.loads(done.stdout)["error"]["message"]


def test_doctor_says_that_all_is_well(tmp_path):
    done = spherelinks("doctor", "--json", SPHERELINKS_HOME=str(tmp_path))
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ready"]) == (0, True), answer
    assert {"spherelinks", "generator", "database", "storage"} <= {finding["name"] for finding in answer["findings"]}


def test_doctor_names_what_is_wrong(tmp_path):
    done = spherelinks("doctor", "--json", SPHERELINKS_HOME=str(tmp_path), DATABASE_URL="mysql://x")
    assert done.returncode == 6
    wrong = [finding for finding in json.loads(done.stdout)["findings"] if not finding["ok"] and finding["required"]]
    assert any("DATABASE_URL" in finding["detail"] for finding in wrong)


def without_server(*arguments):
    """One command as where only ``pip install spherelinks`` ran: none of the extra's modules can be imported."""
    script = (
        "import sys; from spherelinks import extras; sys.modules.update(dict.fromkeys(extras.MODULES['server']));"
        "from spherelinks.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=240)


def test_files_are_made_without_the_servers_packages(picture, tmp_path):
    for command in (
        ["generate", picture, "-o", tmp_path / "a.glb", "--generator", "inflate"],
        ["finish", tmp_path / "a.glb", "-o", tmp_path / "b.glb"],
        ["convert", tmp_path / "b.glb", "-o", tmp_path / "b.stl"],
        ["--help"],
        ["serve", "--help"],
    ):
        done = without_server(*command)
        assert done.returncode == 0, done.stderr
    done = without_server("doctor", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ready"]) == (0, True), answer
    server = next(finding for finding in answer["findings"] if finding["name"] == "server")
    assert not server["ok"]
    assert "spherelinks[server]" in server["detail"]


@pytest.mark.parametrize(
    "command", ["serve", "web", "worker", "accounts list", "keys create", "users list", "backup x.tar", "restore x.tar"]
)
def test_a_command_that_lacks_the_servers_packages_says_which_extra_to_install(command):
    done = without_server(*command.split())
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert "pip install 'spherelinks[server]'" in done.stderr


def test_the_extra_brings_every_module_that_is_looked_for():
    brought = {
        re.match(r"[\w.-]+", requirement)[0].lower()
        for requirement in metadata.requires("spherelinks")
        if "extra == 'server'" in requirement
    }
    distributions = metadata.packages_distributions()
    for module in extras.MODULES["server"]:
        names = {name.lower().replace("_", "-") for name in distributions[module]}
        assert names & (brought | {"psycopg-pool"}), module  # psycopg[pool] brings that one


def test_the_documented_exit_codes_are_the_real_ones():
    page = (ROOT / "docs/cli.md").read_text()
    documented = {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.+) \|$", page, re.MULTILINE)}
    assert documented == {0: "success"} | {code: text for code, _, text in EXIT_CODES}
