"""Webhooks and output.putUrl: who is notified, signatures, and retries when nobody listens."""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread

import pytest
from conftest import begin
from delivering import deliver_due, delivering
from sqlalchemy import select, text

from spherelinks.accounts.worlds import World
from spherelinks.database import Delivery, HostPause, Webhook, transaction
from spherelinks.errors import InvalidRequest, TooManyWebhooks, UnknownWebhook
from spherelinks.jobs import attempts, courier, outbound, outbox, paths, submission, webhooks
from spherelinks.jobs.attempts import Failure
from spherelinks.options import Options
from spherelinks.picture.fetch import Guard

PATIENCE_S = 120.0


class Receiver:
    """An HTTP server that keeps what it is sent and answers as told, by path."""

    def __init__(self):
        self.got = defaultdict(list)
        self.answers = defaultdict(lambda: [200])
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got[self.path].append((self.command, dict(self.headers), body))
                queue = receiver.answers[self.path]
                self.send_response(queue.pop(0) if len(queue) > 1 else queue[0])
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT = _take

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.guard = Guard(ports=frozenset({self._server.server_port}), trusted=(ip_network("127.0.0.1/32"),))
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook(engine, client, receiver):
    with transaction(engine) as session:
        return webhooks.create(session, World(client.account_id), f"{receiver.url}/hook", guard=receiver.guard)


def end(engine, job, failure=None):
    """Do as a worker does whose attempt has succeeded, or failed."""
    attempt = begin(engine, job)
    if failure is not None:
        assert attempts.fail(engine, attempt, failure)
    else:
        assert attempts.complete(engine, attempt, paths.result(job, 1, "00"), "ab" * 32, 4, {})


def believes(secret, headers, body):
    """As a receiver checks a message: any of the signatures will do."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


def deliver(engine, storage, receiver, at_once=True):
    if at_once:
        with engine.begin() as connection:
            connection.execute(text("UPDATE deliveries SET next_at = now() WHERE state = 'pending'"))
    return deliver_due(engine, storage, receiver.guard)


def take(engine):
    """The id of the delivery that Procrastinate calls for next, to a worker that then does nothing about it."""
    fetch = "SELECT args ->> 'delivery_id' FROM procrastinate_fetch_job_v2(ARRAY['deliveries'], :worker)"
    with engine.begin() as connection:
        worker = connection.scalar(text("SELECT worker_id FROM procrastinate_register_worker_v1()"))
        return connection.scalar(text(fetch), {"worker": worker})


def calls(engine):
    """Of each account, how many deliveries are called for."""
    found = (
        "SELECT d.account_id, count(*) FROM procrastinate_jobs q JOIN deliveries d ON d.id = q.args ->> 'delivery_id' "
        "WHERE q.queue_name = 'deliveries' GROUP BY 1"
    )
    with engine.connect() as connection:
        return dict(connection.execute(text(found)).all())


def silence(engine):
    """Nothing has been heard of any worker for long."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'"))


def only_delivery(engine):
    with transaction(engine) as session:
        return session.scalars(select(Delivery)).one()


def test_the_signature_is_the_specifications():
    """Against the vector that the reference implementation gives."""
    webhook = Webhook(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    moment = datetime.fromtimestamp(1614265330, UTC)
    headers = webhooks.headers(webhook, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', moment)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_every_end_of_a_job_is_told_once_and_can_be_believed(desk, engine, storage, receiver, hook):
    done, failed, cancelled = (desk.submit("succeed") for _ in range(3))
    end(engine, done)
    end(engine, failed, Failure("no_object", "Nothing there.", "Show something."))
    assert attempts.cancel(engine, desk.client.account_id, cancelled)
    assert deliver(engine, storage, receiver) == 3
    assert deliver(engine, storage, receiver) == 0

    told = {}
    for method, headers, body in receiver.got["/hook"]:
        assert method == "POST"
        assert headers["Content-Type"] == "application/json"
        assert believes(hook.secret, headers, body)
        assert not believes(hook.secret, headers, body + b" ")
        assert abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"])) < 120
        message = json.loads(body)
        told[message["data"]["jobId"]] = message
    assert told.keys() == {done, failed, cancelled}
    assert told[done]["type"] == "job.completed"
    assert (told[done]["data"]["status"], told[done]["data"]["creditsCharged"]) == ("COMPLETED", 1)
    assert told[failed]["type"] == told[cancelled]["type"] == "job.failed"
    assert told[failed]["data"]["error"] == {
        "code": "no_object",
        "message": "Nothing there.",
        "hint": "Show something.",
    }
    assert told[cancelled]["data"]["error"]["code"] == "cancelled"


def test_only_what_was_asked_for_and_only_ones_own(desk, engine, storage, receiver, other_client):
    with transaction(engine) as session:
        webhooks.create(
            session, World(desk.client.account_id), f"{receiver.url}/a", ["job.failed"], guard=receiver.guard
        )
        webhooks.create(session, World(other_client.account_id), f"{receiver.url}/b", guard=receiver.guard)
    end(engine, desk.submit("succeed"))
    assert deliver(engine, storage, receiver) == 0


def test_what_rolls_back_is_not_told(desk, engine, storage, receiver, hook):
    job = desk.submit("succeed")
    with transaction(engine) as session:
        ended = "UPDATE jobs SET state = 'failed', finished_at = now(), error_code = 'x', error_message = 'y'"
        session.execute(text(ended))
        webhooks.announce(session, job)
        assert session.scalars(select(Delivery)).all()
        session.rollback()
    assert deliver(engine, storage, receiver) == 0


def test_it_is_tried_again_later_and_later_and_given_up(desk, engine, storage, receiver, hook):
    receiver.answers["/hook"] = [500]
    end(engine, desk.submit("succeed"))
    pauses = []
    for _ in range(len(courier.BACK_OFF)):
        assert deliver(engine, storage, receiver) == 1
        assert deliver(engine, storage, receiver, at_once=False) == 0, "not before its time"
        delivery = only_delivery(engine)
        assert (delivery.state, delivery.answer, delivery.problem) == ("pending", 500, "The answer was HTTP 500.")
        pauses.append(delivery.next_at - datetime.now(UTC))
    slack = timedelta(minutes=2)
    assert all(abs(pause - wanted) < slack for pause, wanted in zip(pauses, courier.BACK_OFF, strict=True))
    assert deliver(engine, storage, receiver) == 1
    assert only_delivery(engine).state == "failed"
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got["/hook"]}) == 1

    receiver.answers["/hook"] = [204]
    delivery = only_delivery(engine)
    with transaction(engine) as session:
        again = webhooks.redeliver(session, World(desk.client.account_id), hook.id, delivery.id)
        assert (again.state, again.attempts) == ("pending", 0)
    assert deliver(engine, storage, receiver) == 1
    assert (only_delivery(engine).state, only_delivery(engine).answer) == ("delivered", 204)


def test_a_receiver_that_is_gone_is_left_alone(desk, engine, storage, receiver, hook):
    receiver.answers["/hook"] = [410]
    end(engine, desk.submit("succeed"))
    deliver(engine, storage, receiver)
    assert only_delivery(engine).state == "failed"


def test_a_courier_that_is_killed_loses_nothing(desk, engine, storage, receiver, hook):
    end(engine, desk.submit("succeed"))
    assert courier.begin(engine, take(engine))  # and dies
    assert deliver_due(engine, storage, receiver.guard) == 0
    silence(engine)
    assert deliver_due(engine, storage, receiver.guard) == 0
    assert deliver(engine, storage, receiver) == 1
    assert only_delivery(engine).state == "delivered"


def test_while_a_secret_is_rotated_both_are_believed(desk, engine, storage, receiver, hook):
    old = hook.secret
    with transaction(engine) as session:
        new = webhooks.rotate(session, World(desk.client.account_id), hook.id).secret
    end(engine, desk.submit("succeed"))
    deliver(engine, storage, receiver)
    with engine.begin() as connection:
        connection.execute(text("UPDATE webhooks SET previous_until = now() - interval '1 s'"))
    end(engine, desk.submit("succeed", seed=2))
    deliver(engine, storage, receiver)
    (_, first, first_body), (_, second, second_body) = receiver.got["/hook"]
    assert believes(old, first, first_body)
    assert believes(new, first, first_body)
    assert not believes(old, second, second_body)
    assert believes(new, second, second_body)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/", "ftp://x.example/", "x", "http://a:1/"]
)
def test_an_address_that_cannot_be_is_refused_at_once(engine, client, url):
    with transaction(engine) as session, pytest.raises(InvalidRequest, match="url"):
        webhooks.create(session, World(client.account_id), url)


def test_a_name_that_leads_inside_is_never_connected_to(desk, engine, storage, receiver):
    """Judged at every delivery: the name may have led elsewhere when it was set up."""
    with transaction(engine) as session:
        url = receiver.url.replace("127.0.0.1", "localhost")
        webhooks.create(session, World(desk.client.account_id), f"{url}/hook", guard=receiver.guard)
    end(engine, desk.submit("succeed"))
    strict = Guard(ports=receiver.guard.ports)
    assert deliver_due(engine, storage, strict) == 1
    delivery = only_delivery(engine)
    assert (delivery.state, delivery.answer) == ("pending", None)
    assert "not on the public internet" in delivery.problem
    assert not receiver.got


def test_webhooks_are_their_accounts_own_and_not_too_many(engine, client, other_client, receiver, hook):
    with transaction(engine) as session:
        for act in (webhooks.get, webhooks.delete, webhooks.rotate, webhooks.deliveries):
            with pytest.raises(UnknownWebhook):
                act(session, World(other_client.account_id), hook.id)
        for _ in range(webhooks.LIMIT - 1):
            webhooks.create(session, World(client.account_id), f"{receiver.url}/x", guard=receiver.guard)
        with pytest.raises(InvalidRequest, match="10 webhooks"):
            webhooks.create(session, World(client.account_id), f"{receiver.url}/x", guard=receiver.guard)
        webhooks.delete(session, World(client.account_id), hook.id)
        assert len(webhooks.list_webhooks(session, World(client.account_id))) == webhooks.LIMIT - 1


# --- output.putUrl --------------------------------------------------------------------------------------------------


def submit_to(desk, url, **more):
    return submission.submit(
        desk.engine, desk.storage, desk.client.principal, b"succeed", Options(), output={"putUrl": url, **more}
    ).job_id


def test_several_at_once_are_not_too_many_either(engine, client, receiver):
    def create(_):
        try:
            with transaction(engine) as session:
                webhooks.create(session, World(client.account_id), f"{receiver.url}/x", guard=receiver.guard)
        except TooManyWebhooks:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(create, range(30))) == webhooks.LIMIT


def test_a_worker_makes_the_asset_sends_it_and_tells(desk, receiver, hook):
    blob = {"x-ms-blob-type": "BlockBlob"}
    job = submit_to(desk, f"{receiver.url}/bucket/mug.glb?signature=1", headers=blob)
    assert desk.read(job).output_state is None
    with desk.working(guard=receiver.guard):
        desk.ended(job)
        desk.until(job, lambda now: now.output_state == "delivered")
        ((method, headers, body),) = receiver.got["/bucket/mug.glb?signature=1"]
    assert (method, headers["Content-Type"], body) == ("PUT", "model/gltf-binary", b"glTFsucceed")
    assert headers["x-ms-blob-type"] == "BlockBlob"


def test_a_failed_job_sends_no_asset(desk, engine, storage, receiver):
    end(engine, submit_to(desk, f"{receiver.url}/a"), Failure("no_object", "Nothing."))
    assert deliver(engine, storage, receiver) == 0


@pytest.mark.parametrize(("answer", "state"), [(403, "failed"), (500, "pending"), (200, "delivered")])
def test_an_address_that_refuses_for_good_is_not_tried_again(desk, engine, storage, receiver, answer, state):
    receiver.answers["/a"] = [answer]
    job = submit_to(desk, f"{receiver.url}/a")
    desk.storage.put(paths.result(job, 1, "00"), b"glTF")
    end(engine, job)
    deliver(engine, storage, receiver)
    assert desk.read(job).output_state == state


# --- fairness -------------------------------------------------------------------------------------------------------


class Hanging:
    """A server that takes connections and says nothing."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.connections = []
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self._socket.accept()[0])

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def hanging():
    server = Hanging()
    yield server
    server.close()


@pytest.fixture
def open_guard(receiver, hanging):
    """Lets deliveries reach both servers."""
    return Guard(ports=frozenset({*receiver.guard.ports, hanging.port}), trusted=receiver.guard.trusted)


def hooked(engine, client, url, guard):
    with transaction(engine) as session:
        return webhooks.create(session, World(client.account_id), url, guard=guard)


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def fail_jobs(desk, engine, count):
    for seed in range(count):
        job = desk.submit("succeed", seed=seed)
        end(engine, job, Failure("no_object", "Nothing."))


def test_an_account_whose_host_hangs_delays_no_other(
    desk, engine, storage, open_guard, hanging, receiver, other_client, monkeypatch
):
    monkeypatch.setattr(outbound, "DEADLINE_S", 120)  # however slow the machine, they hang until the end
    hooked(engine, desk.client, hanging.url, open_guard)
    hooked(engine, other_client, f"{receiver.url}/other", open_guard)
    fail_jobs(desk, engine, 10)
    other = type(desk)(engine, storage, desk.settings, other_client)
    with delivering(engine, storage, open_guard):
        eventually(lambda: len(hanging.connections) == outbox.OF_HOST)
        for number in (1, 2, 3):  # while those hang, whatever comes later goes out
            end(engine, other.submit("succeed", seed=number), Failure("no_object", "Nothing."))
            eventually(lambda number=number: len(receiver.got["/other"]) == number)
        assert len(hanging.connections) == outbox.OF_HOST
        hanging.close()


def test_one_accounts_many_deliveries_leave_room_for_every_other(engine):
    others = [f"account{number}" for number in range(100)]
    put = (
        "INSERT INTO deliveries (id, event, account_id, host, payload) "
        "SELECT :account || n, 'webhook.test', :account, 'host' || n, '{}' FROM generate_series(1, :count) n"
    )
    with transaction(engine) as session:
        session.execute(text(put), {"account": "crowd", "count": 100})
        outbox.call(session, "crowd")
        for account in others:
            session.execute(text(put), {"account": account, "count": 2})
        outbox.recall(session)
    assert calls(engine) == {"crowd": outbox.OF_ACCOUNT} | dict.fromkeys(others, 1)
    assert {take(engine) for _ in range(101)} >= {f"{account}1" for account in others}, "each one's first comes first"
    with transaction(engine) as session:
        ended = session.scalar(text("UPDATE deliveries SET state = 'delivered' WHERE id = 'crowd1' RETURNING id"))
        outbox.call(session, "crowd", ended)
        session.execute(text(put), {"account": "late", "count": 1})
        outbox.recall(session)
    assert calls(engine)["crowd"] == outbox.OF_ACCOUNT, "while there is a crowd, no second one"
    assert calls(engine)["late"] == 1


def test_a_host_that_hangs_is_paused_and_shown_until_it_answers(
    desk, engine, storage, open_guard, hanging, monkeypatch
):
    monkeypatch.setattr(outbound, "DEADLINE_S", 0.3)
    monkeypatch.setattr(courier, "BACK_OFF", (timedelta(0),) * 9)
    hook = hooked(engine, desk.client, hanging.url, open_guard)
    fail_jobs(desk, engine, 1)
    assert deliver_due(engine, storage, open_guard) == courier.HANGS
    assert deliver_due(engine, storage, open_guard) == 0
    world = World(desk.client.account_id)
    with transaction(engine) as session:
        until = webhooks.paused(session, world.account_id)[f"127.0.0.1:{hanging.port}"]
        assert timedelta(0) < until - datetime.now(UTC) <= courier.PAUSES[0]
        sent = webhooks.deliveries(session, world, hook.id)[0]
        assert (sent.state, sent.attempts) == ("pending", courier.HANGS)
        assert "no answer within" in sent.problem
        webhooks.redeliver(session, world, hook.id, sent.id)
        assert webhooks.paused(session, world.account_id) == {}
    assert deliver_due(engine, storage, open_guard) == courier.HANGS


def test_an_answer_of_any_kind_ends_the_count(desk, engine, open_guard, receiver, storage):
    hooked(engine, desk.client, f"{receiver.url}/hook", open_guard)
    host = f"127.0.0.1:{receiver.url.rpartition(':')[2]}"
    with transaction(engine) as session:
        session.add(HostPause(account_id=desk.client.account_id, host=host, hangs=2, until=datetime.now(UTC)))
    receiver.answers["/hook"] = [500]
    fail_jobs(desk, engine, 1)
    assert deliver_due(engine, storage, open_guard) == 1
    with transaction(engine) as session:
        assert session.get(HostPause, (desk.client.account_id, host)) is None


def test_no_more_than_so_many_deliveries_of_an_account_are_pending(desk, engine, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "PENDING", 3)
    fail_jobs(desk, engine, 5)
    with transaction(engine) as session:
        states = session.execute(select(Delivery.state, Delivery.problem).order_by(Delivery.id)).all()
    assert [state for state, _ in states] == ["pending"] * 3 + ["failed"] * 2
    assert "3 deliveries of this account were pending already" in states[-1].problem


def test_a_delivery_that_cannot_be_sent_at_all_is_given_up_in_the_end(
    desk, engine, storage, receiver, hook, monkeypatch
):
    def broken(*_):
        raise UnicodeError("a host that no library takes")

    monkeypatch.setattr(outbound, "send", broken)
    fail_jobs(desk, engine, 1)
    for _ in range(len(courier.BACK_OFF) + 1):
        assert deliver(engine, storage, receiver) == 1
    assert (only_delivery(engine).state, only_delivery(engine).problem) == (
        "failed",
        "it could not be sent (UnicodeError).",
    )


def test_what_the_database_cannot_hold_of_an_answer_is_no_reason_to_try_for_ever(
    desk, engine, storage, receiver, hook, monkeypatch
):
    def garbled(*_):
        raise outbound.Undelivered("the answer begins with \0\ud800")

    monkeypatch.setattr(outbound, "send", garbled)
    fail_jobs(desk, engine, 1)
    assert deliver(engine, storage, receiver) == 1
    sent = only_delivery(engine)
    assert (sent.state, sent.attempts, sent.problem) == ("pending", 1, "the answer begins with \ufffd?")
    assert sent.next_at - datetime.now(UTC) < courier.BACK_OFF[0]


def test_a_delivery_that_takes_its_courier_with_it_is_given_up_in_the_end(desk, engine, storage, receiver, hook):
    fail_jobs(desk, engine, 1)
    for _ in range(len(courier.BACK_OFF) + 1):
        assert courier.begin(engine, take(engine))  # and nothing more is heard of it
        silence(engine)
        with transaction(engine) as session:
            session.execute(text("UPDATE deliveries SET next_at = now()"))
            outbox.recall(session)
    assert deliver(engine, storage, receiver) == 0
    assert receiver.got == {}
    assert (only_delivery(engine).state, only_delivery(engine).problem) == (
        "failed",
        "No attempt to send it has come to an end.",
    )


def test_a_delivery_asked_for_again_while_it_is_tried_is_the_one_that_counts(desk, engine, storage, receiver, hook):
    receiver.answers["/hook"] = [410, 200]  # the first address is gone, the second one right
    fail_jobs(desk, engine, 1)
    first = courier.begin(engine, take(engine))
    with transaction(engine) as session:
        webhooks.redeliver(session, World(desk.client.account_id), hook.id, first.id)
        outbox.recall(session)
    assert take(engine) is None, "it is not called for before the try under way has ended"
    second = courier.begin(engine, first.id)
    assert (first.attempts, second.attempts) == (1, 1)
    courier._try(engine, storage, receiver.guard, first)
    assert only_delivery(engine).state == "pending"
    courier._try(engine, storage, receiver.guard, second)
    assert (only_delivery(engine).state, only_delivery(engine).answer) == ("delivered", 200)


def test_a_retry_that_is_hours_away_holds_up_no_later_message(desk, engine, storage, receiver, hook):
    receiver.answers["/hook"] = [500, 200]
    fail_jobs(desk, engine, 1)
    assert deliver(engine, storage, receiver) == 1
    assert calls(engine) == {}, "it waits for its time outside the queue"
    for seed in range(1, 2 * outbox.OF_HOST):
        end(engine, desk.submit("succeed", seed=seed), Failure("no_object", "Nothing."))
    assert calls(engine) == {desk.client.account_id: outbox.OF_HOST}
    with delivering(engine, storage, receiver.guard):  # one after the other makes room for the next
        eventually(lambda: len(receiver.got["/hook"]) == 2 * outbox.OF_HOST)
    assert calls(engine) == {}


def test_a_worker_of_the_version_before_works_beside(desk, engine, storage, receiver, hook):
    """Its server calls for nothing; it moves the next attempt ahead of what it has under way."""
    fail_jobs(desk, engine, 2)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE queue_name = 'deliveries'"))
        taken = (
            "UPDATE deliveries SET attempts = attempts + 1, next_at = now() + interval '1 min' "
            "WHERE id = (SELECT min(id) FROM deliveries)"
        )
        connection.execute(text(taken))
    assert deliver_due(engine, storage, receiver.guard) == 1
    assert deliver_due(engine, storage, receiver.guard) == 0
    assert deliver(engine, storage, receiver) == 1, "it was killed at it"
    with transaction(engine) as session:
        assert session.scalars(select(Delivery.attempts).order_by(Delivery.id)).all() == [2, 1]
