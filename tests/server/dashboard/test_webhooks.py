"""Settings → Webhooks: adding, notifying, listing, redelivering, deleting."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

from .conftest import Person

HOOK = "https://93.184.215.14/hook"


def added(person: Person) -> str:
    answer = person.send("/app/webhooks", url=HOOK, events=["job.completed", "job.failed"])
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_webhook_from_its_first_to_its_last_page(person: Person, png: bytes) -> None:
    page = added(person)
    secret = re.search("whsec_[^<]+", person.get(page).text)
    assert secret
    answer = person.send("/app/playground", accept="application/json", picture=(io.BytesIO(png), "x.png"))
    assert answer.json is not None
    job = answer.json["jobId"]
    person.send(f"/app/models/{job}/delete", f"/app/models/{job}")  # ends it
    shown = person.get(page).text
    assert "job.failed" in shown
    message = re.search(rf"{page}/deliveries/msg_\w+", shown)
    assert message
    assert person.send(message[0], page).status_code == 303
    person.send(f"{page}/rotate", page)
    assert secret[0] not in person.get(page).text
    assert person.send(f"{page}/delete", page).status_code == 303
    assert person.get(page).status_code == 404


def test_private_addresses_are_refused(person: Person) -> None:
    answer = person.send("/app/webhooks", url="http://127.0.0.1:9/", events=["job.failed"])
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert person.send("/app/webhooks", url=HOOK).status_code == 400


def test_other_peoples_webhooks_do_not_exist(person: Person, make_person: Callable[[], Person]) -> None:
    page = added(person)
    other = make_person()
    assert other.get(page).status_code == 404
    for action in ("rotate", "delete", "deliveries/msg_x"):
        assert other.send(f"{page}/{action}", "/app/webhooks").status_code == 404
    assert person.get(page).status_code == 200
