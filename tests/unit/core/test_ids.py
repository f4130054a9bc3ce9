"""Identifiers sort by time, and fit into a path, a URL and a shell word."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.ids import CountingIds, RandomIds, is_id, make_id

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(86_400, 200_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
PREFIXES = st.from_regex(r"\A[a-z]{2,8}\Z")
ENTROPY = st.integers(0, 2**80 - 1)


@given(PREFIXES, MOMENTS, ENTROPY)
def test_every_identifier_has_the_shape(prefix: str, now: datetime, entropy: int) -> None:
    made = make_id(prefix, now, entropy)
    assert is_id(made)
    assert made.startswith(f"{prefix}-")
    assert len(made) == len(prefix) + 27


@given(MOMENTS, MOMENTS, ENTROPY, ENTROPY)
def test_what_was_made_a_millisecond_earlier_sorts_first(a: datetime, b: datetime, x: int, y: int) -> None:
    earlier, later = sorted((a, b))
    if later - earlier >= timedelta(milliseconds=2):
        assert make_id("inc", earlier, x) < make_id("inc", later, y)


@given(MOMENTS, ENTROPY, ENTROPY)
def test_different_entropy_makes_different_identifiers(now: datetime, x: int, y: int) -> None:
    assert (make_id("inc", now, x) == make_id("inc", now, y)) == (x == y)


def test_entropy_beyond_its_bits_does_not_touch_the_time() -> None:
    assert make_id("inc", T0, 2**80) == make_id("inc", T0, 0)


def test_random_identifiers_climb_within_a_millisecond() -> None:
    ids = RandomIds()
    made = [ids.new("msg", T0) for _ in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(is_id(one) for one in made)


def test_random_identifiers_climb_although_the_clock_was_set_back() -> None:
    ids = RandomIds()
    made = [ids.new("msg", T0 - timedelta(seconds=step)) for step in range(100)]
    assert made == sorted(made)


def test_two_makers_do_not_make_the_same() -> None:
    assert RandomIds().new("inc", T0) != RandomIds().new("inc", T0)


def test_counting_identifiers_are_the_same_every_time() -> None:
    first, second = CountingIds(), CountingIds()
    made = [first.new("inc", T0), first.new("att", T0)]
    assert made == [second.new("inc", T0), second.new("att", T0)]
    assert made[0].endswith("0000000000000001")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inc",
        "inc-",
        "inc-0123",
        "inc-" + "0" * 25,
        "inc-" + "0" * 27,
        "inc-" + "u" * 26,  # not in the alphabet: i, l, o and u look like others
        "inc-" + "i" * 26,
        "INC-" + "0" * 26,
        "i-" + "0" * 26,
        "incidents-" + "0" * 26,
        "inc-" + "0" * 26 + "\n",
        "../" + "0" * 26,
        "inc/" + "0" * 26,
        "inc-" + "0" * 13 + "\0" + "0" * 12,
        "inc-" + "\N{ARABIC-INDIC DIGIT ZERO}" * 26,
    ],
)
def test_nothing_else_is_an_identifier(text: str) -> None:
    assert not is_id(text)


@given(st.text(max_size=40))
def test_what_is_taken_for_an_identifier_is_harmless_anywhere(text: str) -> None:
    if is_id(text):
        assert text.isascii()
        assert text.replace("-", "").isalnum()
