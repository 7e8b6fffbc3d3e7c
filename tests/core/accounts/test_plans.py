"""Plans: their months, and their sources."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spherelinks.accounts import plans
from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError, InvalidRequest


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)))
def test_the_next_period_starts_where_this_one_ends(moment):
    start = plans.next_period_start(moment)
    assert start > moment
    assert plans.period(start) != plans.period(moment)
    assert plans.period(start - timedelta(microseconds=1)) == plans.period(moment)


def test_months_are_those_of_utc():
    moment = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert plans.period(moment) == "2025-12"
    assert plans.next_period_start(moment) == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_free_plan_gives_ten_credits_a_month(engine, client):
    with transaction(engine) as session:
        assert plans.of(session, client.account_id).monthly_credits == 10


def test_plans_come_from_a_file(engine, tmp_path):
    file = tmp_path / "plans.toml"
    file.write_text("[studio]\nmonthly_credits = 500\nconcurrent_jobs = 8\nhead_start_s = 600\n[tiny]\n")
    with transaction(engine) as session:
        plans.apply(session, plans.read(file))
        plans.apply(session, plans.read(file))
        studio, tiny = plans.get(session, "studio"), plans.get(session, "tiny")
        assert (studio.monthly_credits, studio.concurrent_jobs, studio.head_start_s) == (500, 8, 600)
        assert (studio.requests_per_minute, studio.retention_days) == (None, None)
        assert (tiny.monthly_credits, tiny.concurrent_jobs, tiny.head_start_s) == (0, None, 0)
        names = [plan.name for plan in plans.list_plans(session)]
        assert {"free", "owner", "studio", "tiny"} <= set(names)
        with pytest.raises(InvalidRequest, match="no such plan"):
            plans.get(session, "gold")
        session.rollback()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[studio]\nmonthly_credits = -1", "monthly_credits of plan 'studio' is -1"),
        ("[studio]\nretention_days = 1.5", "retention_days of plan 'studio' is 1.5"),
        ("[studio]\nconcurrent_jobs = true", "concurrent_jobs"),
        ("[studio]\nprice = 9", "'price' is not a field"),
        ("studio = 9", "'studio' is not a field"),
        ("[studio", "cannot be read"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(tmp_path, content, named):
    file = tmp_path / "plans.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=named) as caught:
        plans.read(file)
    assert caught.value.hint
