"""Every move that an incident may make, and every one that it may not."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.incidents.incident import MOVES, IllegalMove, Incident, Status, move

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LATER = T0 + timedelta(minutes=1)
ALARM = Alarm(source="s", fingerprint="f", dedup_key="d", state=AlarmState.ALARM, name="n", changed_at=T0)

#: Written out by hand, one line a status: a change to the table must be meant.
LEGAL = {
    "open": "held awaiting_approval remediating resolved escalated",
    "held": "open resolved escalated",
    "awaiting_approval": "open remediating held resolved escalated",
    "remediating": "verifying open resolved escalated",
    "verifying": "open resolved escalated",
    "escalated": "open resolved",
    "resolved": "",
}


def incident(status: Status) -> Incident:
    return Incident(
        id="inc-1",
        fingerprint="f",
        status=status,
        alarm=ALARM,
        alarm_state=AlarmState.ALARM,
        alarm_changed_at=T0,
        opened_at=T0,
        updated_at=T0,
        resolved_at=T0 if status is Status.RESOLVED else None,
    )


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_every_move_is_legal_or_refused(before: Status, after: Status) -> None:
    one = incident(before)
    if before is after:
        stayed = move(one, after, LATER)
        assert (stayed.status, stayed.updated_at, stayed.resolved_at) == (before, LATER, one.resolved_at)
    elif after in LEGAL[before].split():
        moved = move(one, after, LATER)
        assert (moved.status, moved.updated_at) == (after, LATER)
        assert moved.resolved_at == (LATER if after is Status.RESOLVED else None)
        assert moved.is_closed is (after is Status.RESOLVED)
    else:
        with pytest.raises(IllegalMove, match=f"inc-1: {before} -> {after}"):
            move(one, after, LATER)


def test_the_table_names_every_status() -> None:
    assert set(MOVES) == set(Status)


def test_every_status_but_the_end_can_end_and_ask_a_person() -> None:
    for status in set(Status) - {Status.RESOLVED}:
        assert Status.RESOLVED in MOVES[status]
        assert status is Status.ESCALATED or Status.ESCALATED in MOVES[status]


def test_every_status_can_be_reached_from_the_first() -> None:
    reached, new = {Status.OPEN}, {Status.OPEN}
    while new:
        new = {after for before in new for after in MOVES[before]} - reached
        reached |= new
    assert reached == set(Status)


def test_a_move_leaves_the_record_it_came_from_alone() -> None:
    one = incident(Status.OPEN)
    move(one, Status.HELD, LATER)
    assert one == incident(Status.OPEN)
