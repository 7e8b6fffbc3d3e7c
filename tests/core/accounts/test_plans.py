"""Months, as plans count them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from spherelinks.accounts import plans


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


def test_the_free_plan_gives_ten_credits_a_month():
    assert plans.FREE.monthly_credits == 10
