"""The six examples of the user guide (wait 2, extension 3 units), and what was recorded besides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from wakeless.alarms.definitions import SuppressedBy
from wakeless.alarms.suppression import Hold, Suppressor, on_change, on_replaced, on_suppressor, on_time

START = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:maintenance"


def at(unit: float) -> datetime:
    return START + timedelta(seconds=unit)


def suppressor(active: bool, since: float = 0, wait: int = 2, extension: int = 3) -> Suppressor:
    return Suppressor(arn=ARN, active=active, since=at(since), wait=wait, extension=extension)


# Events are (time, "C" composite or "S" suppressor, its new state); expected: (time, state) of the actions that ran.
EXAMPLES = [
    ([(2, "C", "ALARM")], False, [(4, "ALARM")]),
    ([(2, "C", "ALARM"), (3, "S", "ALARM")], False, []),
    ([(2, "C", "ALARM"), (3, "C", "OK")], False, [(5, "OK")]),
    ([(2, "C", "ALARM")], True, []),
    ([(2, "C", "ALARM"), (3, "S", "ALARM"), (6, "S", "OK")], False, [(9, "ALARM")]),
    ([(2, "C", "ALARM"), (3, "S", "ALARM"), (6, "S", "OK"), (7, "C", "OK")], False, [(9, "OK")]),
    # Recovered while the suppressor held: the actions of the final state run.
    ([(2, "C", "ALARM"), (3, "S", "ALARM"), (4, "C", "OK"), (6, "S", "OK")], False, [(9, "OK")]),
    # Recorded: once the hold is over, the suppressor begins no new one.
    ([(2, "C", "ALARM"), (5, "S", "ALARM"), (6, "S", "OK")], False, [(4, "ALARM")]),
    # Without data, the suppressor holds nothing back.
    ([(1, "S", "INSUFFICIENT_DATA"), (2, "C", "ALARM")], False, [(4, "ALARM")]),
    # It may come back during the extension.
    ([(2, "C", "ALARM"), (3, "S", "ALARM"), (6, "S", "OK"), (8, "S", "ALARM")], False, []),
]


@pytest.mark.parametrize(("events", "active", "expected"), EXAMPLES)
def test_actions_run_when_the_guide_says(
    events: list[tuple[int, str, str]], active: bool, expected: list[tuple[int, str]]
) -> None:
    hold: Hold | None = None
    state, ran = "OK", []
    for unit in range(20):
        if hold is not None and on_time(hold, at(unit)) is None:
            hold = None
            ran.append((unit, state))
        for when, who, value in events:
            if when != unit:
                continue
            if who == "S":
                active = value == "ALARM"
                hold = on_suppressor(hold, suppressor(active, unit), at(unit))
            else:
                state = value
                hold = on_change(suppressor(active), at(unit))
                if hold is None:
                    ran.append((unit, state))
    assert ran == expected


def test_a_hold_says_what_it_is() -> None:
    waiting = on_change(suppressor(False), at(2))
    assert waiting == Hold(SuppressedBy.WAIT_PERIOD, "Actions suppressed by WaitPeriod", at(4))
    held = on_suppressor(waiting, suppressor(True, 3), at(3))
    assert held is not None
    assert held.by is SuppressedBy.ALARM
    assert held.until is None
    assert held.reason == (
        f"Actions suppressed by {ARN} that transitioned to ALARM at Thursday 01 January, 2026 00:00:03 UTC"
    )
    extended = on_suppressor(held, suppressor(False, 6), at(6))
    assert extended == Hold(SuppressedBy.EXTENSION_PERIOD, "Actions suppressed by ExtensionPeriod", at(9))


def test_without_a_suppressor_or_periods_nothing_is_held() -> None:
    assert on_change(None, at(0)) is None
    assert on_change(suppressor(False, wait=0), at(0)) is None
    held = on_change(suppressor(True), at(0))
    assert on_suppressor(held, suppressor(False, extension=0), at(1)) is None


def test_another_suppressor_discards_running_periods() -> None:
    waiting = on_change(suppressor(False), at(0))
    begun_anew = on_replaced(waiting, suppressor(False, wait=10), at(1))
    assert begun_anew is not None
    assert begun_anew.until == at(11)
    assert on_replaced(waiting, None, at(1)) is None
    assert on_replaced(None, suppressor(True), at(1)) is None
