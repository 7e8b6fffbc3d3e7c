"""Users: passwords stored as argon2id, no revealing who has an account, attempts counted, one-time links."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Engine, text

from spherelinks.accounts import accounts, addresses, devices, ledger, passwords, users
from spherelinks.database import SignInLink, User, transaction
from spherelinks.errors import InvalidRequest, RateLimited

PASSWORD = "three blue otters"


def test_sign_up_then_sign_in(engine: Engine) -> None:
    with transaction(engine) as session:
        assert users.sign_up(engine, " Ada@Example.com ", PASSWORD)
        user = users.sign_in(engine, "ada@example.COM", PASSWORD)
        assert user is not None
        assert user.email == "ada@example.com"
        assert accounts.get(session, user.account_id).plan == "free"
        assert ledger.balance(session, user.account_id).available == 10
        assert users.sign_in(engine, "ada@example.com", PASSWORD + "!") is None
        assert users.sign_in(engine, "bob@example.com", PASSWORD) is None


def test_the_password_is_kept_as_argon2id_alone(engine: Engine) -> None:
    with transaction(engine) as session:
        users.sign_up(engine, "ada@example.com", PASSWORD)
        user = users.by_email(session, "ada@example.com")
        assert user.password_hash is not None
        assert user.password_hash.startswith("$argon2id$")
        assert PASSWORD not in user.password_hash


def test_a_second_sign_up_changes_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        assert users.sign_up(engine, "ada@example.com", PASSWORD)
        assert not users.sign_up(engine, "ada@example.com", "another password")
        assert users.sign_in(engine, "ada@example.com", PASSWORD) is not None
        assert len(accounts.list_accounts(session)) == 1


def test_every_answer_takes_the_same_work(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash or one comparison, whether the address is known, unknown, or has no password yet."""
    with transaction(engine) as session:
        users.sign_up(engine, "ada@example.com", PASSWORD)
        users.create(session, "new@example.com")
    done: list[str] = []

    class Counting:
        def hash(self, password: str) -> str:
            done.append("hash")
            return "$argon2id$"

        def verify(self, hashed: str, password: str) -> bool:
            assert hashed.startswith("$argon2id$")
            done.append("verify")
            raise VerifyMismatchError

    passwords._nobodys()
    monkeypatch.setattr(passwords, "_hasher", Counting())
    for email in ("ada@example.com", "bob@example.com", "new@example.com", "no address"):
        assert users.sign_in(engine, email, PASSWORD) is None
    for email in ("ada@example.com", "bob@example.com"):
        users.sign_up(engine, email, PASSWORD)
    assert done == ["verify"] * 4 + ["hash"] * 2


@pytest.mark.parametrize("email", ["", "ada", "@b.c", "a b@c.d", "a@", f"{'a' * 250}@b.cd", "a\0b"])
def test_what_is_no_address_is_refused(engine: Engine, email: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        users.sign_up(engine, email, PASSWORD)
    assert caught.value.field == "email"


@pytest.mark.parametrize("password", ["", "123456789", "x" * 201])
def test_passwords_are_judged_by_length(engine: Engine, password: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        users.sign_up(engine, "ada@example.com", password)
    assert caught.value.field == "password"
    assert password not in caught.value.message or not password


def test_the_owner_is_one_user_without_a_password(engine: Engine) -> None:
    with transaction(engine) as session:
        owner = users.local_owner(session)
        assert users.local_owner(session).id == owner.id
        assert (owner.email, owner.password_hash) == (None, None)
        users.set_password(session, owner, passwords.hashed(PASSWORD), "me@home.example")
    signed_in = users.sign_in(engine, "me@home.example", PASSWORD)
    assert signed_in is not None
    assert signed_in.id == owner.id


def test_a_link_signs_in_once(engine: Engine) -> None:
    with transaction(engine) as session:
        user = users.create(session, "ada@example.com")
        assert users.sign_in(engine, "ada@example.com", "") is None
        token = users.link(session, user)
        assert users.redeem(session, token + "x") is None
        assert users.redeem(session, token) == user.id
        assert users.redeem(session, token) is None


def test_a_link_ends_with_time_and_with_a_new_password(engine: Engine) -> None:
    with transaction(engine) as session:
        user = users.create(session, "ada@example.com")
        old = users.link(session, user)
        session.execute(text("UPDATE sign_in_links SET expires_at = now() - interval '1 second'"))
        assert users.redeem(session, old) is None
        fresh = users.link(session, user)
        users.set_password(session, user, passwords.hashed(PASSWORD))
        assert users.redeem(session, fresh) is None
        assert session.query(SignInLink).count() == 0


def test_an_address_is_taken_once(engine: Engine) -> None:
    with transaction(engine) as session:
        users.create(session, "ada@example.com")
        with pytest.raises(InvalidRequest, match="already belongs to a user"):
            users.create(session, "Ada@example.com")
        other = users.create(session, "bob@example.com")
        assert session.get(User, other.id) is not None


def test_tries_are_counted_by_email_known_or_not(engine: Engine) -> None:
    for number in range(users.TRIES_AN_EMAIL):
        users.count_try(engine, "nobody@example.com", f"192.0.2.{number}")
    with pytest.raises(RateLimited) as caught:
        users.count_try(engine, "Nobody@example.com", "198.51.100.1")
    assert 0 < caught.value.retry_after <= users.WINDOW.total_seconds()
    users.count_try(engine, "other@example.com", "192.0.2.1")


def test_tries_are_counted_by_address(engine: Engine) -> None:
    for number in range(users.TRIES_AN_ADDRESS):
        users.count_try(engine, f"user{number}@example.com", f"2001:db8::{number:x}")
    with pytest.raises(RateLimited):
        users.count_try(engine, "last@example.com", "2001:db8::ffff:1")  # the same /64
    users.count_try(engine, "last@example.com", "2001:db8:1::1")


def test_tries_are_forgotten_by_time_and_by_success(engine: Engine) -> None:
    for _ in range(users.TRIES_AN_EMAIL):
        users.count_try(engine, "ada@example.com", "192.0.2.1")
    with transaction(engine) as session:
        users.forget_tries(session, "ada@example.com", "192.0.2.1")
    for _ in range(users.TRIES_AN_EMAIL):
        users.count_try(engine, "ada@example.com", "192.0.2.1")
    with transaction(engine) as session:
        session.execute(text("UPDATE sign_in_tries SET ends_at = now() - interval '1 second'"))
    users.count_try(engine, "ada@example.com", "192.0.2.1")


def sign_in(engine: Engine, password: str, address: str, device: str = "") -> bool:
    return users.try_sign_in(engine, "ada@example.com", password, address, device) is not None


@pytest.mark.usefixtures("cheap_hashes")
def test_strangers_wrong_passwords_do_not_lock_the_right_one_out(engine: Engine) -> None:
    users.sign_up(engine, "ada@example.com", PASSWORD)
    for number in range(users.TRIES_AN_EMAIL):
        assert not sign_in(engine, "wrong", f"192.0.2.{number}")
    with pytest.raises(RateLimited):
        sign_in(engine, "wrong", "198.51.100.1")
    assert sign_in(engine, PASSWORD, "198.51.100.1")


@pytest.mark.usefixtures("cheap_hashes")
def test_from_the_strangers_own_address_a_known_browser_still_gets_in(engine: Engine) -> None:
    users.sign_up(engine, "ada@example.com", PASSWORD)
    with transaction(engine) as session:
        known = devices.remember(session, users.by_email(session, "ada@example.com").id, "")
        others = devices.remember(session, users.create(session, "bob@example.com").id, "")
    for _ in range(users.TRIES_A_PAIR):
        assert not sign_in(engine, "wrong", "192.0.2.1")
    for device in ("", "made up", others):
        with pytest.raises(RateLimited):
            sign_in(engine, PASSWORD, "192.0.2.1", device)
    assert sign_in(engine, PASSWORD, "192.0.2.1", known)


@pytest.mark.usefixtures("cheap_hashes")
def test_a_known_browser_that_was_stolen_guesses_no_more_than_any(engine: Engine) -> None:
    users.sign_up(engine, "ada@example.com", PASSWORD)
    with transaction(engine) as session:
        known = devices.remember(session, users.by_email(session, "ada@example.com").id, "")
    for number in range(users.TRIES_A_DEVICE):
        assert not sign_in(engine, "wrong", f"192.0.2.{number}", known)
    with pytest.raises(RateLimited):
        sign_in(engine, PASSWORD, "198.51.100.1", known)


def test_browsers_are_known_for_a_while_and_not_too_many(engine: Engine) -> None:
    with transaction(engine) as session:
        user = users.create(session, "ada@example.com")
        first = devices.remember(session, user.id, "")
        assert devices.remember(session, user.id, first) == first
        assert devices.knows(session, first, "ada@example.com")
        assert not devices.knows(session, first, "bob@example.com")
        session.execute(text("UPDATE known_devices SET seen_at = now() - interval '179 days'"))
        assert devices.knows(session, first, "ada@example.com")
        later = [devices.remember(session, user.id, "") for _ in range(devices.LIMIT)]
        assert not devices.knows(session, first, "ada@example.com")
        session.execute(text("UPDATE known_devices SET seen_at = now() - interval '181 days'"))
        assert not any(devices.knows(session, token, "ada@example.com") for token in later)
        devices.forget_others(session, user.id, devices.remember(session, user.id, ""))
        assert len(session.execute(text("SELECT 1 FROM known_devices")).all()) == 1


def test_tries_at_once_wait_for_nobody_for_ever(engine: Engine) -> None:
    """Of several buckets each, in different orders, while old ones are swept."""
    for number in range(30):
        users._count(engine, {f"old {number}": 1})
    with transaction(engine) as session:
        session.execute(text("UPDATE sign_in_tries SET ends_at = now() - interval '1 second'"))
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(users._count, engine, {f"old {n % 30}": 99, f"old {7 * n % 30}": 99}) for n in range(200)]
        assert [done.result() for done in tries] == [0.0] * 200


def test_an_owner_who_signs_in_and_one_who_tries_do_not_wait_for_each_other(engine: Engine) -> None:
    """Counts go by their digests' order; rows lie in the database in any, here in the other one."""
    email, address = "ada@example.com", "192.0.2.1"
    names = [f"email {email}", f"email {email} address {addresses.network(address)}"]
    first, last = sorted(names, key=users._digest)
    for name in (last, first):
        users._count(engine, {name: 99})

    def forget() -> None:
        with transaction(engine) as session:
            users.forget_tries(session, email, address)

    count = text(users._COUNT)
    with ThreadPoolExecutor(1) as pool, transaction(engine) as session:
        session.execute(count, {"bucket": users._digest(first), "window": users.WINDOW})
        forgetting = pool.submit(forget)
        while not _waits(engine):
            assert not forgetting.done()
        session.execute(count, {"bucket": users._digest(last), "window": users.WINDOW})
        session.commit()
        forgetting.result()


def _waits(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%tries%'")
        return bool(connection.scalar(waiting))


def test_so_many_accounts_a_day_come_from_one_network(engine: Engine) -> None:
    users.sign_up(engine, "known@example.com", PASSWORD)
    for number in range(3):
        assert users.sign_up(engine, f"user{number}@example.com", PASSWORD, f"2001:db8::{number}", 3)
        with pytest.raises(InvalidRequest):
            users.sign_up(engine, "short@example.com", "short", "2001:db8::1", 3)
    for email in ("known@example.com", "new@example.com"):  # who has an account is not told
        with pytest.raises(RateLimited, match="At most 3 accounts"):
            users.sign_up(engine, email, PASSWORD, "2001:db8::9", 3)
    assert users.sign_up(engine, "new@example.com", PASSWORD, "2001:db8:1::1", 3)
    with transaction(engine) as session:
        session.execute(text("UPDATE sign_in_tries SET ends_at = now()"))
    assert users.sign_up(engine, "next@example.com", PASSWORD, "2001:db8::9", 3)
