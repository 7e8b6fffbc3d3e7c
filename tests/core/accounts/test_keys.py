"""Keys: their form, what is stored of them, and when they work."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from spherelinks.accounts import accounts, keys
from spherelinks.database import ApiKey, transaction
from spherelinks.errors import InvalidKey, InvalidRequest


@pytest.fixture
def session(engine):
    with transaction(engine) as session:
        yield session


def test_a_key_opens_its_own_account(session):
    account = accounts.create(session, "A")
    key, secret = keys.create(session, account.id, "laptop")
    assert keys.authenticate(session, secret) == keys.Principal(account.id, key.id)
    assert keys.authenticate(session.connection(), secret) == keys.Principal(account.id, key.id)


def test_a_key_holds_190_bits_and_starts_with_a_prefix_of_ours(session):
    secret = keys.create(session, accounts.create(session, "A").id, "k")[1]
    assert secret.startswith("sk_sph_live_")
    random = secret.removeprefix("sk_sph_live_")[: -keys.CHECKSUM_LENGTH]
    assert len(keys.ALPHABET) ** len(random) >= 2**190
    assert set(random) <= set(keys.ALPHABET)


def test_the_secret_is_nowhere_in_the_database(session):
    key, secret = keys.create(session, accounts.create(session, "A").id, "k")
    row = session.execute(text("SELECT * FROM api_keys WHERE id = :id"), {"id": key.id}).one()
    assert secret not in repr(row)
    shown = key.prefix.removeprefix(keys.PREFIX) + key.last4
    assert len(shown) == 8  # too little to guess the rest


@given(position=st.integers(len(keys.PREFIX), 49), replacement=st.sampled_from(keys.ALPHABET))
def test_one_wrong_character_is_noticed_without_the_database(position, replacement):
    body = keys.PREFIX + "7" * keys.RANDOM_LENGTH
    secret = body + keys._checksum(body)
    mistyped = secret[:position] + replacement + secret[position + 1 :]
    if mistyped == secret:
        assert len(keys.digest(secret)) == 32
    else:
        with pytest.raises(InvalidKey, match="malformed"):
            keys.digest(mistyped)


@pytest.mark.parametrize("secret", ["", "sk_live_abc", "sk_sph_live_", "sk_sph_live_" + "ü" * 38, "x" * 10_000, "\x00"])
def test_malformed_keys_are_refused(secret):
    with pytest.raises(InvalidKey):
        keys.digest(secret)


def test_a_well_formed_key_that_was_never_issued_is_refused(session):
    body = keys.PREFIX + "Z" * keys.RANDOM_LENGTH
    with pytest.raises(InvalidKey, match="unknown"):
        keys.authenticate(session, body + keys._checksum(body))


def test_a_revoked_key_is_refused_at_once_and_for_good(session):
    key, secret = keys.create(session, accounts.create(session, "A").id, "k")
    first = keys.revoke(session, key.id).revoked_at
    with pytest.raises(InvalidKey):
        keys.authenticate(session, secret)
    assert keys.revoke(session, key.id).revoked_at == first
    assert key.state == "revoked"


def test_rotation_lets_both_keys_work_until_the_grace_ends(session):
    account = accounts.create(session, "A")
    old, old_secret = keys.create(session, account.id, "ci")
    new, new_secret = keys.rotate(session, old.id, timedelta(hours=1))
    assert new.name == "ci"
    assert keys.authenticate(session, old_secret).key_id == old.id
    assert keys.authenticate(session, new_secret).key_id == new.id
    assert old.state == "expiring"

    old.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    session.flush()
    with pytest.raises(InvalidKey):
        keys.authenticate(session, old_secret)
    assert keys.authenticate(session, new_secret).key_id == new.id
    assert old.state == "expired"


def test_rotation_without_grace_ends_the_old_key_now(engine, client):
    with transaction(engine) as session:
        keys.rotate(session, client.principal.key_id, timedelta())
    with transaction(engine) as session, pytest.raises(InvalidKey):
        keys.authenticate(session, client.secret)


def test_a_second_rotation_never_lengthens_the_grace(session):
    old, _ = keys.create(session, accounts.create(session, "A").id, "k")
    keys.rotate(session, old.id, timedelta(hours=1))
    end = old.expires_at
    keys.rotate(session, old.id, timedelta(days=30))
    assert old.expires_at == end


def test_a_dead_key_cannot_be_rotated_into_life(session):
    key, _ = keys.create(session, accounts.create(session, "A").id, "k")
    keys.revoke(session, key.id)
    with pytest.raises(InvalidRequest, match="revoked"):
        keys.rotate(session, key.id, timedelta())


def test_keys_are_listed_for_their_account_only(session):
    one, two = accounts.create(session, "1"), accounts.create(session, "2")
    made = [keys.create(session, one.id, name)[0].id for name in ("a", "b", "c")]
    keys.create(session, two.id, "other")
    assert [key.id for key in keys.list_keys(session, one.id)] == made


@pytest.mark.parametrize(
    "action",
    [
        lambda s: keys.create(s, "acc_none", "k"),
        lambda s: keys.revoke(s, "key_none"),
        lambda s: keys.rotate(s, "key_none", timedelta()),
        lambda s: keys.list_keys(s, "acc_none"),
        lambda s: keys.create(s, accounts.local_owner(s).id, " "),
        lambda s: accounts.create(s, ""),
        lambda s: accounts.create(s, "x" * 201),
        lambda s: accounts.get(s, "acc_none"),
    ],
)
def test_bad_names_and_unknown_ids_name_the_field_and_the_remedy(session, action):
    with pytest.raises(InvalidRequest) as caught:
        action(session)
    assert caught.value.field in ("account", "key", "name")
    assert caught.value.field in caught.value.message
    assert caught.value.hint


def test_the_installation_has_one_owner(engine):
    with transaction(engine) as session:
        first = accounts.local_owner(session).id
    with transaction(engine) as session:
        assert accounts.local_owner(session).id == first
        assert [account.id for account in accounts.list_accounts(session)] == [first]


def test_digests_are_unique(session):
    account = accounts.create(session, "A")
    secrets = {keys.create(session, account.id, "k")[1] for _ in range(50)}
    assert len({keys.digest(secret) for secret in secrets}) == 50
    assert session.query(ApiKey).count() == 50
