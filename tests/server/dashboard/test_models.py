"""Playground, gallery, a model's page, credits: from the form to the last row of the ledger."""

from __future__ import annotations

import io
import re
from importlib.resources import files as files_of

import pytest
from sqlalchemy import select

from spherelinks.database import ApiKey, Job, User, transaction
from spherelinks.jobs import paths
from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage

from ..conftest import Caller
from .conftest import Person


def submit(person: Person, picture: bytes, **options: str) -> str:
    answer = person.send("/app/playground", accept="application/json", picture=(io.BytesIO(picture), "x"), **options)
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    job: str = answer.json["jobId"]
    return job


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


def test_a_name_is_shown_wherever_the_model_is(person: Person, png: bytes) -> None:
    plain, job = submit(person, png), submit(person, png, name="<b>mug</b>")
    gallery, page = person.get("/app/models").text, person.get(f"/app/models/{job}").text
    assert gallery.count("&lt;b&gt;mug&lt;/b&gt;") == 1
    assert "<h1>&lt;b&gt;mug&lt;/b&gt;</h1>" in page
    assert "<h1>Model</h1>" in person.get(f"/app/models/{plain}").text
    assert 'value="&lt;b&gt;mug&lt;/b&gt;"' in person.get(f"/app/playground?from={job}").text
    assert 'value="None"' not in person.get("/app/playground").text


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

    monkeypatch.setattr("spherelinks.jobs.status.page", broken)
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
