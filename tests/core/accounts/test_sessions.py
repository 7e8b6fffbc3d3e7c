"""Sessions: opaque tokens, ended by time, by disuse, by signing out."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from spherelinks.accounts import sessions, users
from spherelinks.database import transaction


@pytest.fixture
def user_id(engine: Engine) -> str:
    with transaction(engine) as session:
        return users.create(session, "ada@example.com").id


def opened(engine: Engine, user_id: str) -> str:
    with transaction(engine) as session:
        return sessions.create(session, user_id, "Browser")


def found(engine: Engine, token: str) -> sessions.SignedIn | None:
    with transaction(engine) as session:
        return sessions.read(session, token)


def test_a_token_says_who_is_signed_in(engine: Engine, user_id: str) -> None:
    token = opened(engine, user_id)
    me = found(engine, token)
    assert me is not None
    assert (me.user_id, me.email, me.plan, me.by_link) == (user_id, "ada@example.com", "free", False)
    assert found(engine, token + "x") is None
    assert found(engine, "") is None


def test_only_the_digest_is_kept(engine: Engine, user_id: str) -> None:
    token = opened(engine, user_id)
    with transaction(engine) as session:
        kept = session.execute(text("SELECT user_sessions::text FROM user_sessions")).scalar_one()
    assert token not in kept
    assert sessions.digest(token).hex() in kept


@pytest.mark.parametrize("change", ["expires_at = now()", "seen_at = now() - interval '8 days'"])
def test_it_ends_by_time_and_by_disuse(engine: Engine, user_id: str, change: str) -> None:
    token = opened(engine, user_id)
    with transaction(engine) as session:
        session.execute(text(f"UPDATE user_sessions SET {change}"))
    assert found(engine, token) is None


def test_use_keeps_it_alive(engine: Engine, user_id: str) -> None:
    token = opened(engine, user_id)
    with transaction(engine) as session:
        session.execute(text("UPDATE user_sessions SET seen_at = now() - interval '6 days'"))
    assert found(engine, token) is not None
    with transaction(engine) as session:
        assert session.execute(text("SELECT now() - seen_at < interval '1 minute' FROM user_sessions")).scalar_one()


def test_signing_out_here_and_elsewhere(engine: Engine, user_id: str) -> None:
    here, there, third = (opened(engine, user_id) for _ in range(3))
    with transaction(engine) as session:
        sessions.end(session, third)
    assert [found(engine, token) is not None for token in (here, there, third)] == [True, True, False]
    with transaction(engine) as session:
        sessions.end_others(session, user_id, sessions.digest(here))
    assert [found(engine, token) is not None for token in (here, there)] == [True, False]
