"""The ledger's promises: no credit lost, none spent twice, none spent on a failure; the balance is the entries' sum."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from long import searched
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound

from spherelinks import database
from spherelinks.accounts import accounts, ledger, plans
from spherelinks.accounts.ledger import Balance
from spherelinks.accounts.worlds import World
from spherelinks.database import Job, Plan, transaction
from spherelinks.errors import InsufficientCredits, InvalidRequest


def add_job(session, account_id, credits=1):
    job = Job(id=database.new_id("job"), account_id=account_id, queue_id=0, options={}, credits=credits)
    session.add(job)
    session.flush()
    return job.id


@pytest.fixture
def account(client):
    return client.account_id


def test_ten_free_credits_come_once_a_month(engine, account, monkeypatch):
    def balance_on(*date):
        monkeypatch.setattr(ledger, "_now", lambda: datetime(*date, tzinfo=UTC))
        with transaction(engine) as session:
            return ledger.balance(session, account)

    assert balance_on(2026, 11, 1) == Balance(10, 0)
    assert balance_on(2026, 11, 30, 23, 59) == Balance(10, 0)
    assert balance_on(2026, 12, 1) == Balance(10, 0)  # what is left over is gone
    assert balance_on(2026, 12, 2) == Balance(10, 0)


def test_a_clock_that_was_ahead_and_is_right_again_costs_nothing_and_gives_nothing(engine, account, monkeypatch):
    def on(*date, spend=0):
        monkeypatch.setattr(ledger, "_now", lambda: datetime(*date, tzinfo=UTC))
        with transaction(engine) as session:
            for _ in range(spend):
                ledger.hold(session, account, add_job(session, account))
            return ledger.balance(session, account).available

    assert on(2026, 11, 20, spend=3) == 7
    assert on(2027, 11, 20, spend=4) == 6
    assert on(2026, 11, 20) == 7, "not a year without credits"
    assert on(2026, 12, 1, spend=1) == 9
    assert on(2027, 1, 1) == 10
    assert on(2026, 12, 5) == 9
    assert on(2027, 1, 1) == 10
    assert on(2026, 12, 31, 23, 30) == 10, "the clocks of two machines are a little apart"
    assert on(2027, 11, 1) == 6, "what was spent of it is spent"
    with transaction(engine) as session:
        assert ledger.audit(session) == []


def test_hold_capture_release(engine, account):
    with transaction(engine) as session:
        spent, failed = add_job(session, account), add_job(session, account)
        ledger.hold(session, account, spent)
        ledger.hold(session, account, failed)
        assert ledger.balance(session, account) == Balance(8, 2)
        ledger.capture(session, account, spent)
        assert ledger.balance(session, account) == Balance(8, 1)
        ledger.release(session, account, failed)
        assert ledger.balance(session, account) == Balance(9, 0)


def test_a_grant_adds_up_and_a_bad_one_is_refused(engine, account):
    with transaction(engine) as session:
        ledger.grant(session, account, 5, "gift")
        assert ledger.balance(session, account) == Balance(15, 0)
        for credits in (0, -1, 1_000_001):
            with pytest.raises(InvalidRequest, match="credits is"):
                ledger.grant(session, account, credits, "bad")
        with pytest.raises(InvalidRequest, match="no such account"):
            ledger.grant(session, "acc_none", 1, "nobody")


def test_the_owner_does_not_run_dry(engine):
    with transaction(engine) as session:
        owner = accounts.local_owner(session)
        assert ledger.balance(session, owner.id).available >= 100_000
        assert ledger.balance(session, owner.id).unlimited


def test_the_owner_is_never_refused(engine):
    """Not even where more is held than the plan books a month."""
    with transaction(engine) as session:
        owner = accounts.local_owner(session).id
        booked = ledger.balance(session, owner).available
        for credits in (booked - 1, 3, 2 * booked):
            ledger.hold(session, owner, add_job(session, owner, credits), credits)
        balance = ledger.balance(session, owner)
        assert balance.held == 3 * booked + 2
        assert balance.available >= 0
        assert ledger.audit(session) == []


def test_running_dry_says_the_balance_and_when_credits_come(engine, account, monkeypatch):
    monkeypatch.setattr(ledger, "_now", lambda: datetime(2026, 12, 5, tzinfo=UTC))
    with transaction(engine) as session:
        for _ in range(10):
            ledger.hold(session, account, add_job(session, account))
        with pytest.raises(InsufficientCredits) as caught:
            ledger.hold(session, account, add_job(session, account))
    assert "0 available" in caught.value.message
    assert "10 held" in caught.value.message
    assert "2027-01-01" in caught.value.hint


def test_a_refused_hold_leaves_nothing_behind(engine, account):
    with transaction(engine) as session:
        job = add_job(session, account, credits=11)
        with pytest.raises(InsufficientCredits):
            ledger.hold(session, account, job, credits=11)
        assert ledger.balance(session, account) == Balance(10, 0)
        assert session.scalar(text("SELECT count(*) FROM credit_entries WHERE kind = 'hold'")) == 0


def test_a_job_is_held_once_and_settled_once(engine, account):
    with transaction(engine) as session:
        job, unheld = add_job(session, account), add_job(session, account)
        ledger.hold(session, account, job)

    def refused(error, action, *arguments):
        with pytest.raises(error), transaction(engine) as session:
            action(session, account, *arguments)

    refused(IntegrityError, ledger.hold, job)
    refused(NoResultFound, ledger.capture, unheld)
    refused(NoResultFound, ledger.release, unheld)
    with transaction(engine) as session:
        ledger.capture(session, account, job)
    with transaction(engine) as session:  # another hold, so that the balance itself would suffice
        ledger.hold(session, account, unheld)
    refused(IntegrityError, ledger.capture, job)
    refused(IntegrityError, ledger.release, job)
    with transaction(engine) as session:
        assert ledger.balance(session, account) == Balance(8, 1)


def test_another_account_cannot_settle_a_job(engine, account):
    with transaction(engine) as session:
        job = add_job(session, account)
        ledger.hold(session, account, job)
        other = accounts.create(session, "Other").id
        with pytest.raises(NoResultFound):
            ledger.release(session, other, job)


@pytest.mark.parametrize(
    "statement", ["UPDATE credit_entries SET available = 99", "DELETE FROM credit_entries", "TRUNCATE credit_entries"]
)
def test_entries_can_be_neither_changed_nor_deleted(engine, account, statement):
    with transaction(engine) as session:
        ledger.balance(session, account)
    with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as session:
        session.execute(text(statement))


@pytest.mark.parametrize(
    ("kind", "available", "held"), [("grant", -1, 0), ("hold", 1, -1), ("hold", -1, 2), ("gift", 1, 0), ("grant", 0, 0)]
)
def test_the_database_itself_refuses_entries_that_make_no_sense(engine, account, kind, available, held):
    statement = text(
        "INSERT INTO credit_entries (account_id, kind, available, held, job_id) VALUES (:a, :k, :v, :h, :j)"
    )
    with transaction(engine) as session:
        job = None if kind == "grant" else add_job(session, account)
    values = {"a": account, "k": kind, "v": available, "h": held, "j": job}
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.execute(statement, values)


def test_320_holds_at_once_on_100_credits_take_exactly_100(engine, account):
    with transaction(engine) as session:
        ledger.grant(session, account, 100 - ledger.balance(session, account).available, "to a hundred")

    def take(_):
        try:
            with transaction(engine) as session:
                ledger.hold(session, account, add_job(session, account))
            return True
        except InsufficientCredits:
            return False

    with ThreadPoolExecutor(32) as pool:
        taken = sum(pool.map(take, range(320)))
    assert taken == 100
    with transaction(engine) as session:
        assert ledger.balance(session, account) == Balance(0, 100)
        assert session.scalar(text("SELECT count(*) FROM jobs")) == 100  # a refused hold takes its job's row along
        assert ledger.audit(session) == []


def test_a_month_is_granted_once_to_many_at_once(engine, account):
    def look(_):
        with transaction(engine) as session:
            return ledger.balance(session, account)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(look, range(64))) == {Balance(10, 0)}


def test_the_audit_finds_a_balance_that_is_off_and_a_job_without_its_credit(engine, account, database_url):
    with transaction(engine) as session:
        held, unheld = add_job(session, account), add_job(session, account)
        ledger.hold(session, account, held)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE credit_balances SET available = available + 1")
    with transaction(engine) as session:
        findings = ledger.audit(session)
    assert len(findings) == 2
    assert any(account in finding and "entries sum to" in finding for finding in findings)
    assert any(unheld in finding for finding in findings)


def test_the_months_credits_go_first_and_come_back_to_the_month(engine, account):
    def buckets():
        found = ledger.buckets(session, account)
        return found.monthly, found.lasting, found.held

    with transaction(engine) as session:
        ledger.grant(session, account, 5, "bought")
        assert buckets() == (10, 5, 0)
        small, large = add_job(session, account, 4), add_job(session, account, 9)
        ledger.hold(session, account, small, 4)
        assert buckets() == (6, 5, 4)
        ledger.hold(session, account, large, 9)
        assert buckets() == (0, 2, 13)
        ledger.release(session, account, large)
        assert buckets() == (6, 5, 4)
        ledger.capture(session, account, small)
        assert buckets() == (6, 5, 0)


def test_what_comes_back_after_the_month_expires_at_once_and_what_was_bought_stays(engine, account, monkeypatch):
    monkeypatch.setattr(ledger, "_now", lambda: datetime(2026, 11, 30, tzinfo=UTC))
    with transaction(engine) as session:
        ledger.grant(session, account, 3, "bought")
        job = add_job(session, account, 12)
        ledger.hold(session, account, job, 12)
    monkeypatch.setattr(ledger, "_now", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    with transaction(engine) as session:
        assert ledger.balance(session, account) == Balance(11, 12)
        ledger.release(session, account, job)
        found = ledger.buckets(session, account)
        assert (found.monthly, found.lasting, found.held) == (10, 3, 0)
        newest = ledger.entries(session, World(account))
        told = [(entry.kind, entry.available, entry.monthly, entry.month) for entry in newest[:3]]
        assert told == [
            ("expire", -10, -10, "2026-11"),
            ("release", 12, 10, "2026-11"),
            ("grant", 10, 10, "2026-12"),
        ]
        assert "after its end" in newest[0].reason


def test_a_better_plan_tops_the_month_up_once(engine, account):
    with transaction(engine) as session:
        plans.apply(session, [Plan(name="big", monthly_credits=25), Plan(name="none", monthly_credits=0)])
        for plan, available in (("big", 25), ("free", 25), ("none", 25), ("big", 25)):
            ledger.change_plan(session, account, plan)
            assert ledger.balance(session, account) == Balance(available, 0)
        owner = accounts.local_owner(session).id
        for who, plan in ((account, "owner"), (owner, "free"), (account, "gold")):
            with pytest.raises(InvalidRequest):
                ledger.change_plan(session, who, plan)
        session.rollback()


def test_a_server_of_the_version_before_may_go_on_beside_this_one(engine, account):
    """It changes the balance, then writes the entry, and knows of no months."""

    def hold_as_before(session):
        job = add_job(session, account)
        update = "UPDATE credit_balances SET available = available - 1, held = held + 1 WHERE account_id = :a"
        entry = "INSERT INTO credit_entries (account_id, kind, available, held, job_id) VALUES (:a, 'hold', -1, 1, :j)"
        session.execute(text(update), {"a": account})
        session.execute(text(entry), {"a": account, "j": job})
        return job

    with transaction(engine) as session:
        ledger.grant(session, account, 1, "bought")
    with transaction(engine) as session:
        first, second = hold_as_before(session), hold_as_before(session)  # of what lasts, then of the month
        assert ledger.audit(session) == []
        found = ledger.buckets(session, account)
        assert (found.monthly, found.lasting, found.held) == (9, 0, 2)
        ledger.release(session, account, first)
        ledger.release(session, account, second)
        found = ledger.buckets(session, account)
        assert (found.monthly, found.lasting, found.held) == (10, 1, 0)


@pytest.mark.hypothesis
def test_whatever_happens_in_whatever_order_the_books_balance(engine, monkeypatch):
    """Random sequences against the real database, months included, beside a model that is a few integers."""

    class Books(RuleBasedStateMachine):
        jobs = Bundle("jobs")

        def __init__(self):
            super().__init__()
            self.month = 0
            monkeypatch.setattr(
                ledger, "_now", lambda: datetime(2026 + self.month // 12, self.month % 12 + 1, 15, tzinfo=UTC)
            )
            with transaction(engine) as session:
                self.account = accounts.create(session, "Machine").id
            self.monthly, self.lasting, self.held = 10, 0, {}

        @rule()
        def next_month(self):
            self.month += 1
            self.monthly = 10

        @rule(target=jobs, credits=st.integers(1, 7))
        def hold(self, credits):
            try:
                with transaction(engine) as session:
                    job = add_job(session, self.account, credits)
                    ledger.hold(session, self.account, job, credits)
            except InsufficientCredits:
                assert credits > self.monthly + self.lasting
                return None
            assert credits <= self.monthly + self.lasting
            of_month = min(credits, self.monthly)
            self.monthly -= of_month
            self.lasting -= credits - of_month
            self.held[job] = (credits, of_month, self.month)
            return job

        @rule(job=jobs, action=st.sampled_from([ledger.capture, ledger.release]))
        def settle(self, job, action):
            state = "completed" if action is ledger.capture else "failed"
            try:
                with transaction(engine) as session:
                    action(session, self.account, job)
                    session.execute(
                        text(
                            "UPDATE jobs SET state = :state, finished_at = now(), "
                            "asset_path = CASE WHEN :state = 'completed' THEN 'x' END, "
                            "error_code = CASE WHEN :state = 'failed' THEN 'x' END WHERE id = :id"
                        ),
                        {"state": state, "id": job},
                    )
            except (NoResultFound, IntegrityError):
                assert job not in self.held  # refused, settled before, or never held
                return
            credits, of_month, month = self.held.pop(job)
            if action is ledger.release:
                self.lasting += credits - of_month
                self.monthly += of_month if month == self.month else 0

        @rule(credits=st.integers(1, 5))
        def grant(self, credits):
            with transaction(engine) as session:
                ledger.grant(session, self.account, credits, "test")
            self.lasting += credits

        @rule(credits=st.integers(1, 4))
        def roll_back(self, credits):
            with suppress(ZeroDivisionError), transaction(engine) as session:
                ledger.grant(session, self.account, credits, "never")
                ledger.hold(session, self.account, add_job(session, self.account, credits), credits)
                1 / 0  # noqa: B018

        @invariant()
        def balance_is_the_sum(self):
            with transaction(engine) as session:
                # looked at now and then only: a month may pass unseen, and is made up for
                if self.month % 3 != 2:
                    found = ledger.buckets(session, self.account)
                    held = sum(credits for credits, _, _ in self.held.values())
                    assert (found.monthly, found.lasting, found.held) == (self.monthly, self.lasting, held)
                assert ledger.audit(session) == []
                assert session.scalar(
                    text("SELECT coalesce(bool_and(monthly BETWEEN 0 AND available), true) FROM credit_balances")
                )

    search = hypothesis_settings(max_examples=15, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Books, settings=searched(search))
