"""Workers' offers: announced, checked at submission, and matched when jobs are taken."""

import json
import time
from dataclasses import replace
from importlib import import_module

import plugins
import pytest
from conftest import silence, take
from sqlalchemy import text

from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError, InvalidOption
from spherelinks.generation import registry
from spherelinks.generation.card import Card, Needs
from spherelinks.generation.registry import Installed
from spherelinks.jobs import attempts, offers, queue
from spherelinks.jobs.worker import run_worker


@pytest.fixture(autouse=True)
def _tuned(tmp_path, monkeypatch, _runners_can_be_imported):
    plugins.tuned(tmp_path / "plugin", monkeypatch)


def announced(engine, worker, *names, **problems):
    with transaction(engine) as session:
        offers.announce(session, worker, Installed({name: registry.card(name) for name in names}, problems))


def standing(engine):
    with transaction(engine) as session:
        return offers.standing(session)


def aged(engine, worker, seconds):
    with engine.begin() as connection:
        sql = "UPDATE offers SET beat_at = beat_at - make_interval(secs => :s) WHERE worker = :w"
        connection.execute(text(sql), {"s": seconds, "w": worker})


def test_what_stands_is_the_ready_offer_and_the_newest(engine):
    assert standing(engine) is None
    announced(engine, "a", "lift", "tuned", tuned="It needs a GPU.", broken="No module.")
    found = standing(engine)
    assert set(found.cards) == {"lift", "tuned"}
    assert found.problems == {"tuned": "It needs a GPU.", "broken": "No module."}
    for name, said in (("tuned", "needs a GPU"), ("broken", "No module"), ("inflate", "no worker offers it")):
        with pytest.raises(InvalidOption, match=said) as caught:
            found.card(name)
        assert caught.value.hint == "Offered: lift."
    announced(engine, "b", "tuned")
    assert standing(engine).problems == {"broken": "No module."}, "one that is ready is enough"
    aged(engine, "b", offers.STANDS_S + 1)
    assert "tuned" in standing(engine).problems
    announced(engine, "a", "inflate")
    assert set(standing(engine).cards) == {"inflate"}, "what it no longer offers is gone"


def test_an_offer_outlives_a_restart_and_is_forgotten_in_the_end(engine):
    announced(engine, "a", "lift")
    aged(engine, "a", offers.STANDS_S - 5)
    assert set(standing(engine).cards) == {"lift"}
    aged(engine, "a", 10)
    assert standing(engine) is None
    with transaction(engine) as session:
        offers.sweep(session)
        assert session.scalar(text("SELECT count(*) FROM offers")) == 1
    aged(engine, "a", 90_000)
    with transaction(engine) as session:
        offers.sweep(session)
        assert session.scalar(text("SELECT count(*) FROM offers")) == 0


def test_a_server_without_the_plug_in_checks_its_options_all_the_same(engine):
    here = registry.card("tuned")
    there = Card.of(here.announced())
    assert there.announced() == here.announced()
    assert there.options.model_json_schema()["properties"] == here.options.model_json_schema()["properties"]
    good = {"generator": "tuned", "ballSize": 0.3, "finish": "glossy", "textureSize": 512}
    dumps = [card.options.from_json(good).model_dump(by_alias=True, mode="json") for card in (here, there)]
    assert dumps[0] == dumps[1]
    for wrong in ({"ballSize": 3}, {"finish": "wet"}, {"strict": 1}, {"ball": 0.3}, {"textureSize": 3}):
        said = []
        for card in (here, there):
            with pytest.raises(InvalidOption) as caught:
                card.options.from_json(wrong)
            said.append((caught.value.message, caught.value.hint, caught.value.field))
        assert said[0] == said[1]


def test_a_server_reads_what_stands_and_else_what_is_installed(engine):
    desk = offers.Offers(engine)
    assert {"inflate", "lift", "lift-flow", "tuned"} <= set(desk.look().cards)
    announced(engine, "a", "inflate")
    deadline = time.monotonic() + 120
    while set(desk.look().cards) != {"inflate"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_card_of_another_version_is_named_and_hides_no_other(engine):
    announced(engine, "a", "lift", "tuned")
    with engine.begin() as connection:
        connection.execute(text("UPDATE offers SET card = card - 'price' WHERE generator = 'tuned'"))
    found = standing(engine)
    assert "price" in found.problems["tuned"]
    assert set(found.cards) == {"lift"}


# --- workers


def test_a_worker_takes_what_it_offers_and_leaves_the_rest(desk, engine):
    tuned, lift = desk.submit("succeed", generator="tuned"), desk.submit("succeed")
    with desk.working(generators=("lift", "inflate")):
        assert desk.ended(lift).status == "COMPLETED"
        assert set(standing(engine).cards) == {"lift", "inflate"}
        assert desk.read(tuned).stage == "queued"
    with desk.working(generators=("tuned",)):
        assert desk.ended(tuned).status == "COMPLETED"
        assert "tuned" in standing(engine).cards
    assert desk.balance().held == 0
    assert desk.balance().available == 10 - 1 - 5


def test_a_job_that_is_tried_again_waits_for_the_same_generator(desk, engine, tmp_path):
    countdown = tmp_path / "left"
    countdown.write_text("1")
    job = desk.submit(f"die-until {countdown}", generator="tuned")
    with desk.working(generators=("tuned",)):
        desk.until(job, lambda now: countdown.read_text() == "0")
        assert desk.ended(job).status == "COMPLETED"
    lost = desk.submit("succeed", generator="inflate")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs"))
    silence(engine)
    assert attempts.recover(engine, limit=3) == 1
    assert take(engine, ["lift", "tuned"]) is None
    assert take(engine, ["inflate"]).job_id == lost


def test_a_job_in_its_accounts_line_is_called_for_its_generator(desk, engine):
    first, *_, last = [desk.submit("succeed", generator=name) for name in (*["lift"] * 4, "inflate")]
    assert take(engine, ["inflate"]) is None, "the free plan lets four into the queue"
    attempts.cancel(engine, desk.client.account_id, first)
    assert take(engine, ["inflate"]).job_id == last


def queues(engine):
    with engine.connect() as connection:
        return connection.scalars(text("SELECT queue_name FROM procrastinate_jobs ORDER BY id")).all()


def test_a_call_without_a_generator_is_the_default_ones(desk, engine):
    """A server of the version before, beside new workers, writes no generator."""
    job = desk.submit("succeed")
    with engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET args = args - 'generator'"))
    assert take(engine, ["inflate"]) is None
    assert take(engine, ["lift"]).job_id == job


@pytest.mark.parametrize("name", ["lift", 31 * "a", 32 * "a", "-".join(["generator"] * 6)])
def test_each_generator_has_a_queue_whose_name_can_be_announced(engine, name):
    """A server of the version before writes to the queue that it knows, and the database moves it to the same one."""
    with transaction(engine) as session:
        queue.push(session, "job_1", 0, name)
        for args in ({"job_id": "job_2", "generator": name}, {"job_id": "job_3"}):
            values = {"task": queue.TASK, "args": json.dumps(args)}
            old = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', :task, :args)"
            session.execute(text(old), values)
    assert queues(engine) == [queue.of(name), queue.of(name), queue.of("lift")]
    assert len(f"procrastinate_queue_v1#{queue.of(name)}".encode()) <= 63


def test_jobs_that_wait_while_the_tables_are_upgraded_keep_their_generator(desk, engine):
    waiting = {name: desk.submit("succeed", generator=name) for name in ("lift", "inflate")}
    with engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET args = args - 'generator'"))
        connection.execute(text("UPDATE procrastinate_jobs SET queue_name = 'default'"))
        connection.execute(text("DROP TABLE offers"))
        revision = import_module("spherelinks.migrations.versions.0009_offers")
        connection.execute(text(revision.OFFERS))
        connection.exec_driver_sql(revision.WAITING)
        connection.execute(text(import_module("spherelinks.migrations.versions.0014_queues").WAITING))
    assert queues(engine) == [queue.of("lift"), queue.of("inflate")]
    assert take(engine, ["inflate"]).job_id == waiting["inflate"]
    assert take(engine, ["lift"]).job_id == waiting["lift"]


@pytest.mark.parametrize(("named", "said"), [(("nothing",), "'nothing'"), (("tuned", "huge"), "'huge'")])
def test_a_worker_that_cannot_offer_what_it_is_told_to_says_so(settings, monkeypatch, named, said):
    cards = {**registry.look().cards, "huge": Card("huge", "1", "a:B", needs=Needs(memory_mb=9000))}
    monkeypatch.setattr(registry, "look", lambda: Installed(cards))
    with pytest.raises(ConfigurationError, match=said) as caught:
        run_worker(replace(settings, generators=named), settings.database_url)
    assert "SPHERELINKS_GENERATORS" in caught.value.hint


def test_what_cannot_run_here_is_announced_with_the_reason_and_not_taken(settings, monkeypatch):
    offered = offers.own((), 8192)
    assert "lift" in offered.cards
    assert not offered.problems
    monkeypatch.setattr(Needs, "missing", lambda self, limit=None: "Too small.")
    assert offers.own((), 8192).problems["lift"] == "Too small."
