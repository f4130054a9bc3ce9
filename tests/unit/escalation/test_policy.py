"""When a delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.errors import Unavailable
from wakeless.escalation.policy import GIVE_UP_AFTER, GiveUp, Retry, next_delivery
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable

NOW = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)


def wait_after(attempt: int, randomness: float, retry_after: float | None = None) -> float:
    error = ChannelUnavailable("busy", retry_after)
    decision = next_delivery(attempt, error, since=NOW, now=NOW, randomness=randomness)
    assert isinstance(decision, Retry)
    return (decision.at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 5), (2, 10), (3, 20), (4, 40), (8, 640), (9, 900), (10, 900), (5000, 900)]
)
def test_waits_double_up_to_a_quarter_of_an_hour(attempt: int, longest: float) -> None:
    assert wait_after(attempt, 0.999999) == pytest.approx(longest, rel=0.001)
    assert wait_after(attempt, 0.5) == pytest.approx(longest / 2)
    assert wait_after(attempt, 0.0) == 1.0


def test_channel_that_says_when_is_not_asked_before() -> None:
    assert wait_after(1, 0.0, retry_after=120) == 120
    assert wait_after(1, 0.5, retry_after=120) == pytest.approx(126)
    assert wait_after(9, 0.999, retry_after=2) > 800


def test_channel_cannot_send_us_away_for_longer_than_an_hour() -> None:
    assert wait_after(1, 0.0, retry_after=1e12) == 3600


def test_refusal_is_final() -> None:
    decision = next_delivery(1, ChannelRefused("no such user"), since=NOW, now=NOW, randomness=0.5)
    assert decision == GiveUp("refused for good: no such user")


def test_given_up_after_a_day() -> None:
    late = NOW + timedelta(seconds=GIVE_UP_AFTER)
    decision = next_delivery(99, ChannelUnavailable("busy"), since=NOW, now=late, randomness=0.5)
    assert decision == GiveUp("not delivered within 24 h, 99 tries; at last: busy")


def test_any_error_that_may_pass_is_tried_again() -> None:
    assert isinstance(next_delivery(1, Unavailable("?"), since=NOW, now=NOW, randomness=0.5), Retry)


@given(
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(-1e9, 1e9),
    st.floats(0, GIVE_UP_AFTER * 2),
)
def test_next_try_is_later_than_now_and_within_the_day(
    attempt: int, randomness: float, retry_after: float | None, age: float
) -> None:
    now = NOW + timedelta(seconds=age)
    error = ChannelUnavailable("busy", retry_after)
    decision = next_delivery(attempt, error, since=NOW, now=now, randomness=randomness)
    if isinstance(decision, Retry):
        assert now < decision.at <= NOW + timedelta(seconds=GIVE_UP_AFTER)
