"""The tables are those of the user guide and of recordings: `0` good, `X` breaching, `-` missing, newest last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import Comparison, MissingData
from wakeless.alarms.evaluate import (
    evaluation_range,
    is_hourly,
    judge,
    judge_band,
    next_state,
    next_state_with_low_samples,
    window_end,
)

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
TREATMENTS = (MissingData.MISSING, MissingData.IGNORE, MissingData.BREACHING, MissingData.NOT_BREACHING)
WORDS = {"OK": OK, "ALARM": ALARM, "NO_DATA": NO_DATA}

# N, M, slots, then the result under missing, ignore, breaching and notBreaching.
GUIDE = [
    (3, 3, "0 - X - X", "OK OK OK OK"),
    (3, 3, "0 - - - -", "OK OK OK OK"),
    (3, 3, "- - - - -", "NO_DATA keep ALARM OK"),
    (3, 3, "0 X X - X", "ALARM ALARM ALARM ALARM"),
    (3, 3, "- - X - -", "ALARM keep ALARM OK"),
    (3, 2, "0 - X - X", "ALARM ALARM ALARM ALARM"),
    (3, 2, "0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
    (3, 2, "0 - X - -", "OK OK ALARM OK"),
    (3, 2, "- - - - 0", "OK OK ALARM OK"),
    (3, 2, "- - - X -", "ALARM keep ALARM OK"),
    # Only in the edition of 2019.
    (3, 3, "- - - - X", "NO_DATA keep ALARM OK"),
    (3, 3, "X - - - -", "ALARM keep ALARM OK"),
    (3, 2, "- - - - X", "NO_DATA keep ALARM OK"),
]

# N, M, treatment, slots, state before, state after: recorded with P = 10 and a range of 9.
RECORDED = [
    (3, 2, "missing", "- - - - - - X 0 X", "OK", "ALARM"),
    (3, 3, "breaching", "- - - - - - X 0 X", "ALARM", "OK"),
    (3, 3, "ignore", "- - - - - - X 0 X", "NO_DATA", "OK"),
    (3, 2, "missing", "0 X - - - - - - -", "ALARM", "OK"),
    (3, 2, "missing", "X - - - - - - - -", "OK", "ALARM"),
    (3, 2, "missing", "- - - - - - - - -", "ALARM", "NO_DATA"),
    (3, 3, "missing", "- - - - - - - - -", "ALARM", "NO_DATA"),
    (3, 2, "missing", "- - - - - - - X -", "NO_DATA", "ALARM"),
    (3, 3, "missing", "- - - - - - - X -", "NO_DATA", "NO_DATA"),
    (3, 3, "missing", "- - - - - - X - -", "NO_DATA", "ALARM"),
    (3, 3, "missing", "- - - - - 0 - X -", "NO_DATA", "OK"),
    (3, 3, "missing", "- X - X - - - - -", "OK", "ALARM"),
    (3, 3, "breaching", "- - - - - - - - 0", "ALARM", "OK"),
    (3, 2, "missing", "- - - - - - - - 0", "NO_DATA", "OK"),
    (3, 3, "breaching", "- - - - - - - - -", "OK", "ALARM"),
]


def read(slots: str) -> list[bool | None]:
    return [{"0": False, "X": True, "-": None}[mark] for mark in slots.split()]


@pytest.mark.parametrize(("n", "m", "slots", "results"), GUIDE)
@pytest.mark.parametrize("previous", [OK, ALARM, NO_DATA])
def test_the_tables_of_the_guide_hold(n: int, m: int, slots: str, results: str, previous: AlarmState) -> None:
    for missing, expected in zip(TREATMENTS, results.split(), strict=True):
        state = previous if expected == "keep" else WORDS[expected]
        assert next_state(read(slots), n, m, missing, previous) is state, missing


@pytest.mark.parametrize(("n", "m", "missing", "slots", "before", "after"), RECORDED)
def test_recorded_transitions_happen(n: int, m: int, missing: str, slots: str, before: str, after: str) -> None:
    assert next_state(read(slots), n, m, MissingData(missing), WORDS[before]) is WORDS[after]


def test_three_of_three_follows_the_guides_figure() -> None:
    """Periods 3 to 5 breach: ALARM; period 6 is good: OK; the lone breach of period 9 changes nothing."""
    periods = read("0 0 X X X 0 0 0 X 0 0")
    state, seen = NO_DATA, []
    for end in range(1, len(periods) + 1):
        state = next_state(periods[max(0, end - 5) : end], 3, 3, MissingData.MISSING, state)
        seen.append(state)
    assert [number for number, state in enumerate(seen, 1) if state is ALARM] == [5]
    assert seen[5:] == [OK] * 6


def test_a_good_point_and_then_silence_alarms_under_breaching_once_the_point_has_left_the_range() -> None:
    point = read("0 - - - -")
    assert next_state(point, 3, 3, MissingData.BREACHING, OK) is OK
    assert next_state([*point[1:], None], 3, 3, MissingData.BREACHING, OK) is ALARM


@pytest.mark.parametrize("slots", ["- - - - X", "- - - X -"])
def test_a_new_breach_alone_does_not_alarm_at_once(slots: str) -> None:
    assert next_state(read(slots), 3, 3, MissingData.MISSING, OK) is not ALARM


@pytest.mark.parametrize("slots", ["- - - X 0", "- - X - 0"])
def test_the_false_alarm_that_this_avoids_stays_ok(slots: str) -> None:
    assert next_state(read(slots), 3, 3, MissingData.MISSING, OK) is OK


def test_one_old_breach_keeps_a_one_of_one_alarm_until_it_leaves_the_range() -> None:
    assert next_state(read("X - - - - -"), 1, 1, MissingData.NOT_BREACHING, ALARM) is ALARM
    assert next_state(read("- - - - - -"), 1, 1, MissingData.NOT_BREACHING, ALARM) is OK


def test_an_alarm_that_ignores_missing_data_and_never_saw_any_stays_without_data() -> None:
    assert next_state([None] * 8, 3, 3, MissingData.IGNORE, NO_DATA) is NO_DATA


SLOTS = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12)
STATES = st.sampled_from([OK, ALARM, NO_DATA])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bool | None], int, int]:
    slots = draw(SLOTS)
    n = draw(st.integers(1, len(slots)))
    return slots, n, draw(st.integers(1, n))


@given(cases(), STATES)
def test_with_enough_datapoints_missing_data_has_no_influence(
    case: tuple[list[bool | None], int, int], previous: AlarmState
) -> None:
    slots, n, m = case
    results = {next_state(slots, n, m, missing, previous) for missing in TREATMENTS}
    if sum(slot is not None for slot in slots) >= n:
        assert len(results) == 1
        assert results <= {OK, ALARM}


@given(cases(), STATES, STATES)
def test_the_state_before_matters_only_where_missing_data_is_ignored(
    case: tuple[list[bool | None], int, int], one: AlarmState, other: AlarmState
) -> None:
    slots, n, m = case
    for missing in TREATMENTS:
        if missing is not MissingData.IGNORE:
            assert next_state(slots, n, m, missing, one) is next_state(slots, n, m, missing, other)


@given(cases(), STATES, st.data())
def test_a_worse_datapoint_never_ends_an_alarm(
    case: tuple[list[bool | None], int, int], previous: AlarmState, data: st.DataObject
) -> None:
    slots, n, m = case
    good = [index for index, slot in enumerate(slots) if slot is False]
    if not good:
        return
    worse: list[bool | None] = list(slots)
    worse[data.draw(st.sampled_from(good))] = True
    for missing in TREATMENTS:
        if next_state(slots, n, m, missing, previous) is ALARM and missing is not MissingData.IGNORE:
            assert next_state(worse, n, m, missing, previous) is ALARM


@given(cases(), STATES)
def test_breaching_is_never_milder_than_not_breaching(
    case: tuple[list[bool | None], int, int], previous: AlarmState
) -> None:
    slots, n, m = case
    if next_state(slots, n, m, MissingData.NOT_BREACHING, previous) is ALARM:
        assert next_state(slots, n, m, MissingData.BREACHING, previous) is ALARM


@given(cases(), STATES, st.data())
def test_a_period_with_too_few_samples_counts_neither_way(
    case: tuple[list[bool | None], int, int], previous: AlarmState, data: st.DataObject
) -> None:
    slots, n, m = case
    low = data.draw(st.lists(st.booleans(), min_size=len(slots), max_size=len(slots)))
    flipped = [not slot if few and slot is not None else slot for slot, few in zip(slots, low, strict=True)]
    for missing in TREATMENTS:
        state = next_state_with_low_samples(slots, low, n, m, missing, previous)
        assert next_state_with_low_samples(flipped, low, n, m, missing, previous) is state
        if not any(low):
            assert state is next_state(slots, n, m, missing, previous)


@pytest.mark.parametrize(
    ("slots", "low", "expected"),
    [
        ("X", [True], "keep"),
        ("X", [False], "ALARM"),
        ("X X X", [True, False, False], "ALARM"),
        ("0 X X", [False, True, False], "keep"),
        ("0 0 X", [True, False, False], "keep"),
        ("0 0 0", [True, False, False], "OK"),
    ],
)
@pytest.mark.parametrize("previous", [OK, ALARM, NO_DATA])
def test_the_state_is_kept_where_it_hangs_on_too_few_samples(
    slots: str, low: Sequence[bool], expected: str, previous: AlarmState
) -> None:
    n = len(low)
    state = next_state_with_low_samples(read(slots), low, n, min(n, 2), MissingData.MISSING, previous)
    assert state is (previous if expected == "keep" else WORDS[expected])


@pytest.mark.parametrize(
    ("period", "n", "expected"),
    [
        # Observed: 10 s, 60 s, 300 s, 540 s, 900 s, a day.
        *((10, 3, 9), (60, 1, 6), (60, 2, 7), (300, 3, 5), (540, 2, 4), (900, 8, 10), (86_400, 1, 3)),
        # The formula in between.
        *((20, 1, 4), (30, 2, 4), (120, 1, 4), (180, 1, 3), (240, 1, 3), (3600, 2, 4)),
    ],
)
def test_more_periods_are_fetched_than_are_needed(period: int, n: int, expected: int) -> None:
    assert evaluation_range(period, n) == expected


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-09-14T{text}").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("period", "delay", "now", "newest"),
    [
        (10, 10, "05:42:58.775", "05:42:30"),
        (10, 10, "05:43:00.813", "05:42:40"),
        (10, 0, "06:46:28.197", "06:46:10"),
        (60, 10, "11:53:08.423", "11:51:00"),
        (300, 10, "17:04:40", "16:59:00"),
    ],
)
def test_the_newest_slot_is_the_one_that_was_recorded(period: int, delay: float, now: str, newest: str) -> None:
    assert window_end(at(now), period, delay=delay) - period == at(newest)


def test_alarms_over_more_than_a_day_end_with_the_hour() -> None:
    assert is_hourly(3600, 25)
    assert not is_hourly(3600, 24)
    assert window_end(at("17:04:40"), 3600, hourly=True) == at("17:00:00")


@pytest.mark.parametrize(
    ("operator", "results"),
    [
        ("GreaterThanOrEqualToThreshold", [None, False, True, True]),
        ("GreaterThanThreshold", [None, False, False, True]),
        ("LessThanThreshold", [None, True, False, False]),
        ("LessThanOrEqualToThreshold", [None, True, True, False]),
    ],
)
def test_the_datapoint_is_the_left_operand(operator: str, results: list[bool | None]) -> None:
    assert judge([None, 1.0, 2.0, 3.0], Comparison(operator), 2.0) == results


@pytest.mark.parametrize(
    ("operator", "results"),
    [
        ("LessThanLowerOrGreaterThanUpperThreshold", [True, False, False, True, None]),
        ("LessThanLowerThreshold", [True, False, False, False, None]),
        ("GreaterThanUpperThreshold", [False, False, False, True, None]),
    ],
)
def test_a_band_is_left_on_either_side(operator: str, results: list[bool | None]) -> None:
    values = [0.0, 1.0, 2.0, 3.0, 9.0]
    lower: list[float | None] = [1.0, 1.0, 1.0, 1.0, None]
    upper: list[float | None] = [2.0, 2.0, 2.0, 2.0, 2.0]
    assert judge_band(values, lower, upper, Comparison(operator)) == results
