"""Playground, gallery, a model's page, credits: from the form to the last row of the ledger."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Callable
from importlib.resources import files as files_of
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from spherelinks.accounts import keys
from spherelinks.database import ApiKey, Job, User, transaction
from spherelinks.jobs import paths
from spherelinks.jobs.attempts import Failure
from spherelinks.jobs.files import File
from spherelinks.storage import Storage
from spherelinks_server.services import EXTENSION, Services
from spherelinks_server.zipped import OF_ACCOUNT

from ..conftest import Caller, base64_of, mask_of
from .conftest import Person


def submit(person: Person, picture: bytes, **options: str) -> str:
    answer = person.send("/app/playground", accept="application/json", picture=(io.BytesIO(picture), "x"), **options)
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    job: str = answer.json["jobId"]
    return job


def services_of(person: Person) -> Services:
    found: Services = person.http.application.extensions[EXTENSION]
    return found


@pytest.fixture(scope="module")
def glb() -> bytes:
    return (files_of("spherelinks_server") / "static" / "samples" / "robot.glb").read_bytes()


@pytest.fixture
def worker(person: Person) -> Caller:
    """Ends jobs as a worker does."""
    return Caller(person.http, person.engine, person.account_id, "", "")


def test_a_bare_form_leads_to_the_models_page(person: Person, png: bytes) -> None:
    answer = person.send("/app/playground", picture=(io.BytesIO(png), "x.png"))
    assert answer.status_code == 303
    page = person.get(answer.headers["Location"])
    assert "data-busy" in page.text
    assert "Making the shape" in page.text
    # its options are those that the generator heeds
    drawn = person.get(f"/app/models/{submit(person, png, generator='lift-flow')}").text
    assert [("<dt>Seed</dt>" in text, "<dt>Texture size</dt>" in text) for text in (page.text, drawn)] == [
        (False, True),
        (True, True),
    ]


def test_a_name_is_shown_wherever_the_model_is(person: Person, png: bytes) -> None:
    plain, job = submit(person, png), submit(person, png, name="<b>mug</b>")
    gallery, page = person.get("/app/models").text, person.get(f"/app/models/{job}").text
    assert gallery.count("&lt;b&gt;mug&lt;/b&gt;") == 1
    assert '<h1 class="anywhere">&lt;b&gt;mug&lt;/b&gt;</h1>' in page
    assert ">Model</h1>" in person.get(f"/app/models/{plain}").text
    assert 'value="&lt;b&gt;mug&lt;/b&gt;"' in person.get(f"/app/playground?from={job}").text
    assert 'value="None"' not in person.get("/app/playground").text


def names(page: str) -> list[str]:
    return re.findall(r"<span class=\"unseen\">Model, </span>([^<]+)</a>", page)


def test_models_are_found_sorted_and_renamed(
    person: Person, worker: Caller, storage: Storage, png: bytes, glb: bytes, make_person: Callable[[], Person]
) -> None:
    def send(file: str, **options: str) -> str:
        picture = (io.BytesIO(png), file)
        answer = person.send("/app/playground", accept="application/json", picture=picture, **options)
        assert answer.json is not None, answer.text
        return str(answer.json["jobId"])

    mug, robot = send("Blue Mug.JPG"), send("robot_v1.2.png")
    chair = send("IMG_1.webp", name="armchair")  # a name that is given counts
    assert names(person.get("/app/models").text) == ["armchair", "robot_v1.2", "Blue Mug"]
    assert names(person.get("/app/models?sort=oldest").text) == ["Blue Mug", "robot_v1.2", "armchair"]
    assert names(person.get("/app/models?sort=name").text) == ["armchair", "Blue Mug", "robot_v1.2"]
    assert names(person.get("/app/models?q=MUG").text) == ["Blue Mug"]
    assert names(person.get("/app/models?q=%25").text) == [], "it is no pattern"
    assert names(person.get("/app/models?page=2&sort=nothing").text) == []
    # in the ledger, and in what is downloaded
    assert person.get("/app/credits").text.count(">Blue Mug</a>") == 1
    worker.finish(mug, glb, storage)
    renamed = person.send(f"/app/models/{mug}/name", f"/app/models/{mug}", name=" red cup ")
    assert '<h1 class="anywhere">red cup</h1>' in person.get(renamed.headers["Location"]).text
    assert "red cup.glb" in person.get(f"/app/models/{mug}/files/glb").headers["Content-Disposition"]
    with transaction(person.engine) as session:
        kept = session.scalars(select(Job.options).where(Job.id == mug)).one()
    assert kept["textureSize"] == 1024, "the other options stay"
    # refused: no name, another's model
    assert person.send(f"/app/models/{mug}/name", f"/app/models/{mug}", name=" ").status_code == 400
    assert make_person().send(f"/app/models/{mug}/name", "/app/keys", name="mine").status_code == 404
    # failed ones show their picture
    worker.fail(robot, Failure("no_object", "Nothing stands out.", "Use a plain ground."))
    assert f'src="/app/models/{robot}/files/picture"' in person.get(f"/app/models/{robot}/card").text
    assert person.get(f"/app/models/{chair}/files/picture").data == png


def test_chosen_models_are_downloaded_and_deleted_together(
    person: Person, worker: Caller, storage: Storage, png: bytes, glb: bytes, make_person: Callable[[], Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    jobs = [submit(person, png, name=name, seed=str(at)) for at, name in enumerate(["mug", "Mug", "chair", "waiting"])]
    for job in jobs[:3]:
        worker.finish(job, glb, storage)
    other = make_person()
    foreign = submit(other, png)
    everything = {"job": [*jobs, foreign]}
    answer = person.send("/app/models/zip", "/app/models", **everything)
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.namelist() == ["mug.glb", "Mug (2).glb", "chair.glb"]
        assert archive.testzip() is None
        assert archive.read("mug.glb") == glb
    # it is sent as it is written, the account has two at a time, and each ends
    places = services_of(person).zips
    found = [File(paths.picture(jobs[0]), len(png), "", "", "a.png")] * 3
    streams = [places.stream(person.account_id, storage, found) for _ in range(OF_ACCOUNT)]
    assert len(next(streams[0])) < len(png) + 100
    assert person.send("/app/models/zip", "/app/models", **everything).status_code == 429
    streams[0].close()
    assert zipfile.ZipFile(io.BytesIO(b"".join(streams[1]))).namelist() == ["a.png", "a (2).png", "a (3).png"]
    with monkeypatch.context() as small:
        small.setattr("spherelinks_server.zipped.LARGEST", 2 * len(glb))
        assert person.send("/app/models/zip", "/app/models", **everything).status_code == 400
    for wrong in ({}, {"job": [jobs[3]]}, {"job": [f"job_{at}" for at in range(101)]}):
        assert person.send("/app/models/zip", "/app/models", **wrong).status_code == 400
    # deleted, the one in progress cancelled, and the other account's untouched
    answer = person.send("/app/models/delete", "/app/models", **everything)
    assert names(person.get(answer.headers["Location"]).text) == ["waiting"]
    assert "cancelled" in person.get(f"/app/models/{jobs[3]}/card").text
    assert other.get(f"/app/models/{foreign}").status_code == 200


def test_a_cut_out_is_shown_before_anything_is_spent(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the confined process, which finds, finds nothing, and refuses as the intake does; counted by account."""
    samples = Path(__file__).parents[3] / "docs" / "samples"

    def ask(data: bytes, **form: str) -> TestResponse:
        picture = (io.BytesIO(data), "x.png")
        return person.send(
            "/app/playground/cutout", "/app/playground", accept="application/json", picture=picture, **form
        )

    robot = (samples / "robot.png").read_bytes()
    for form in ({}, {"box": "0.02,0.02,0.98,0.98"}):
        found = ask(robot, **form).json
        assert found is not None
        mask = Image.open(io.BytesIO(base64.b64decode(found["mask"].removeprefix("data:image/png;base64,"))))
        assert mask.mode == "L"
        assert 0.1 < np.mean(np.asarray(mask) > 127) < 0.8
        assert ("in the box alone" in " ".join(found["notes"])) == bool(form)
    mug = (samples / "mug.jpg").read_bytes()
    usual, network, again = (ask(mug, **form).json for form in ({}, {"matte": "u2netp"}, {"matte": "auto"}))
    assert usual == again != network
    assert ask(mug, matte="u2netp", box="0.02,0.02,0.98,0.98").json == ask(mug, box="0.02,0.02,0.98,0.98").json
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)).save(noise, "PNG")
    nothing = ask(noise.getvalue()).json
    assert nothing is not None
    assert (nothing["mask"], bool(nothing["notes"])) == (None, True)
    for data, form, status in [
        (b"GIF89a", {}, 422),
        (robot[:3000], {}, 422),
        (robot, {"box": "0,1"}, 400),
        (robot, {"matte": "no such"}, 400),
        (b"", {}, 400),
    ]:
        assert ask(data, **form).status_code == status
    assert "10 credits" in person.get("/app/models").text
    assert names(person.get("/app/models").text) == []
    monkeypatch.setattr(services_of(person).cutouts, "per_minute", 1)
    assert [ask(b"GIF89a").status_code for _ in range(2)][-1] == 429


def test_options_of_form_and_preset_arrive(person: Person, png: bytes) -> None:
    form = {"preset": "", "textureSize": "768", "targetFaces": "5000", "lods": "0.5 0.25", "pivot": "center"}
    form |= {"dimensions": "31", "dimensions.measure": "height", "dimensions.unit": "cm", "simplifyRatio": "0.95"}
    job = submit(person, png, **form)
    with transaction(person.engine) as session:
        options = session.scalars(select(Job.options).where(Job.id == job)).one()
    assert (options["textureSize"], options["targetFaces"], options["lods"]) == (768, 5000, [0.5, 0.25])
    assert (options["pivot"], options["dimensions"]["height"], options["dimensions"]["unit"]) == ("center", 31, "cm")
    page = person.get(f"/app/playground?from={job}").text
    assert 'value="768"' in page
    assert 'value="31"' in page
    assert 'value="0.5, 0.25"' in page
    assert submit(person, b"", **{"from": job, "preset": "draft"}) != job  # the earlier picture, other options


def test_a_model_made_again_keeps_all_its_pictures(person: Person, png: bytes, jpeg: bytes) -> None:
    with transaction(person.engine) as session:
        key, secret = keys.create(session, person.account_id, "test")
    caller = Caller(person.http, person.engine, person.account_id, key.id, secret)
    images = [{"view": view, "imageBase64": base64_of(data)} for view, data in (("front", png), ("left", jpeg))]
    made = caller.generate(images=images, maskBase64=base64_of(mask_of(png))).json
    assert made is not None
    again = submit(person, b"", **{"from": made["jobId"], "preset": "draft"})
    for kind, data in (("picture", png), ("mask", mask_of(png)), ("left", jpeg)):
        assert person.get(f"/app/models/{again}/files/{kind}").data == data
    other = submit(person, jpeg, **{"from": made["jobId"]})  # its own picture
    for kind in ("mask", "left"):
        assert person.get(f"/app/models/{other}/files/{kind}").status_code == 404


def test_what_is_wrong_is_said_in_the_form(person: Person, png: bytes) -> None:
    for values, status, words in [
        ({}, 400, "Choose, drop or paste a picture."),
        ({"picture": (io.BytesIO(b"GIF89a"), "x")}, 422, "JPEG"),
        ({"picture": (io.BytesIO(png), "x"), "seed": "many"}, 400, "Give a number."),
        ({"picture": (io.BytesIO(png), "x"), "textureSize": "4096"}, 400, "512"),
        ({"address": "http://127.0.0.1/secret"}, 422, "address"),
    ]:
        answer = person.send("/app/playground", **values)
        assert (answer.status_code, 'role="alert"' in answer.text) == (status, True)
        assert words in answer.text


def test_progress_is_told_with_the_balance(person: Person, worker: Caller, png: bytes) -> None:
    job = submit(person, png)
    worker.work(job, "generator", 0.4)
    told = person.get(f"/app/models/status?ids={job}").json
    assert told is not None
    assert told["balance"] == "9 credits"
    (model,) = told["models"]
    assert (model["id"], model["stage"], model["progress"]) == (job, "generator", 40)


def test_a_failure_gives_the_credit_back_and_the_ledger_says_why(person: Person, worker: Caller, png: bytes) -> None:
    job = submit(person, png)
    worker.fail(job, Failure("no_object", "Nothing stands out.", "Use a plain ground."))
    page = person.get(f"/app/models/{job}").text
    assert "Nothing stands out." in page
    assert "your credit was returned" in page
    ledger = person.get("/app/credits").text
    assert re.findall(r'data-kind="(\w+)"', ledger) == ["release", "hold", "grant"]
    assert "Nothing stands out." in ledger
    assert "10 credits" in ledger


def test_a_bug_is_a_page_with_its_request_and_nothing_else(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("spherelinks.jobs.status.search", broken)
    answer = person.get("/app/models")
    assert answer.status_code == 500
    assert "Something broke" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert "secret detail" not in answer.text


def test_cancelling_gives_the_credit_back(person: Person, png: bytes) -> None:
    job = submit(person, png)
    answer = person.send(f"/app/models/{job}/delete", f"/app/models/{job}")
    page = person.get(answer.headers["Location"]).text
    assert "its credit returned" in page
    assert "Cancelled" in page
    assert "10 credits" in page


def test_a_finished_model_is_shown_and_deleted(
    person: Person, worker: Caller, storage: Storage, png: bytes, glb: bytes
) -> None:
    job = submit(person, png)
    worker.finish(job, glb, storage)
    page = person.get(f"/app/models/{job}").text
    assert f'src="/app/models/{job}/files/glb"' in page
    assert "1 credit" in page
    assert person.get(f"/app/models/{job}/files/glb").data == glb
    assert person.get(f"/app/models/{job}/files/exe").status_code == 404
    assert job in person.get("/app/models").text
    assert person.send(f"/app/models/{job}/delete", f"/app/models/{job}").status_code == 303
    assert person.get(f"/app/models/{job}").status_code == 404
    assert job not in person.get("/app/models").text


def test_an_account_goes_with_its_data(member: Person, storage: Storage, png: bytes, glb: bytes) -> None:
    account = member.account_id
    worker = Caller(member.http, member.engine, account, "", "")
    done, waiting = submit(member, png), submit(member, png, seed="1")
    worker.finish(done, glb, storage)
    member.send("/app/keys", name="secret project", scopes=["read"])
    wrong = {"sure": "yes", "password": "not the password"}
    assert member.send("/app/account/delete", "/app/account", **wrong).status_code == 400
    assert member.send("/app/account/delete", "/app/account", password="three blue otters").status_code == 400
    right = {"sure": "yes", "password": "three blue otters"}
    answer = member.send("/app/account/delete", "/app/account", **right)
    assert "deleted" in member.get(answer.headers["Location"]).text
    assert member.send("/sign-in", email=member.email, password="three blue otters").status_code == 401
    with transaction(member.engine) as session:
        assert session.scalars(select(User).where(User.account_id == account)).all() == []
        keys = session.scalars(select(ApiKey).where(ApiKey.account_id == account)).all()
        assert [(key.state, key.name) for key in keys] == [("revoked", "deleted")]
        jobs = session.scalars(select(Job).where(Job.account_id == account)).all()
        assert {job.id for job in jobs} == {done, waiting}
        assert all(job.deleted_at and not job.options and not job.report for job in jobs)
    assert [head.path for job in (done, waiting) for head in storage.list(f"{paths.RESULTS}/{job}")] == []
    kept = {head.path for head in storage.list(paths.PICTURES)}
    assert not kept & {paths.picture(done), paths.picture(waiting)}


def test_pictures_of_other_sides_are_kept_shown_and_used_again(person: Person, png: bytes, jpeg: bytes) -> None:
    def send(path: str, **files: bytes) -> TestResponse:
        sent = {name: (io.BytesIO(data), f"{name}.png") for name, data in files.items()}
        origin = {"from": path.partition("=")[2]} if "=" in path else {}
        return person.send("/app/playground", path, accept="application/json", fresh="on", **sent, **origin)

    def files(job: str) -> dict[str, bytes]:
        found = {kind: person.get(f"/app/models/{job}/files/{kind}") for kind in ("picture", "back", "left", "right")}
        return {kind: answer.data for kind, answer in found.items() if answer.status_code == 200}

    answer = send("/app/playground", picture=png, back=jpeg, right=png)
    assert answer.json is not None, answer.text
    job = answer.json["jobId"]
    assert files(job) == {"picture": png, "back": jpeg, "right": png}
    page = person.get(f"/app/models/{job}").text
    assert "Made from 3 pictures" in page
    captions = re.findall(r"files/(\w+)\" alt=\"[^\"]*\"><figcaption>(\w+)", page)
    assert captions == [("picture", "Front"), ("back", "Back"), ("right", "Right")]
    again = f"/app/playground?from={job}"
    assert 'data-sides="back right"' in person.get(again).text
    # a form without a script: what is sent comes before what was sent then
    answer = send(again, back=png, left=jpeg)
    assert answer.json is not None, answer.text
    assert files(answer.json["jobId"]) == {"picture": png, "back": png, "left": jpeg, "right": png}
    answer = send(again, picture=jpeg)
    assert answer.json is not None, answer.text
    assert files(answer.json["jobId"]) == {"picture": jpeg}, "another picture comes without the sides of the first"
    # offered for the generators that use them alone
    assert 'data-heeded-by="lift lift-flow" data-slots' in person.get("/app/playground").text
    refused = send("/app/playground", picture=png, left=png[:60])
    assert refused.status_code == 422
    assert refused.json is not None
    assert refused.json["error"]["message"].startswith("left: ")
