"""The conductor over a real journal: one incident's trouble is its own, and nothing that happens is overlooked."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest
from tests.integration.app.house import House, Machine, make_alarm, make_plan, until

from wakeless.alarms.alarm import AlarmState
from wakeless.app import conductor
from wakeless.execution.ports import Observation
from wakeless.pipeline.machine import PLAN_RETRIES
from wakeless.remediation.plan import Approval, Limits, NoPlan, VerifyPolicy
from wakeless.store import journal
from wakeless.store.sqlite import Database, StoreUnavailable
from wakeless.verification.ports import Reading

OK = AlarmState.OK
MANY = Limits(per_target=1000, concurrent=1000, cooldown=0, per_hour=1000, flapping=1000)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "SETBACK", 0.02)
    monkeypatch.setattr("wakeless.pipeline.machine.RECHECK", 0.05)


def recovers(house: House, *names: str) -> None:
    for name in names:
        house.says[name] = lambda: Reading(state=OK, since=None, at=house.clock.now())


# --- the whole way --------------------------------------------------------------------------------------------------


async def test_an_alarm_is_fixed_and_its_incident_resolved(house: House) -> None:
    recovers(house, "a")
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "resolved")
        await until(lambda: house.machine.removed)
    assert house.machine.starts == house.machine.removed
    assert house.kinds() == [
        "incident.opened",
        "plan.found",
        "attempt.began",
        "attempt.ended",
        "incident.resolved",
    ]


async def test_what_came_in_before_it_ran_is_taken_up(house: House) -> None:
    recovers(house, "a", "b")
    await house.service.accept([make_alarm("a")])
    await house.service.receive([make_alarm("b")])
    async with house.at_work():
        await until(lambda: house.status("a") == house.status("b") == "resolved")


@pytest.mark.parametrize("copies", [2, 20])
async def test_alarms_of_one_fingerprint_at_the_same_moment_make_one_incident(house: House, copies: int) -> None:
    house.machine.exits_with = None
    house.policy = {"attempts": 1}
    async with house.at_work():
        received = await asyncio.gather(*(house.service.receive([make_alarm(at=n)]) for n in range(copies)))
        ids = {one.incident_id for each in received for one in each}
        assert len(ids) == 1
        await until(lambda: house.machine.starts)
        await asyncio.gather(*(house.service.accept([make_alarm(at=copies + n)]) for n in range(copies)))
        incidents = await house.service.list_incidents()
        assert [one["id"] for one in incidents] == list(ids)
    assert len(house.machine.starts) == 1


async def test_a_copy_of_a_report_is_no_second_report(house: House) -> None:
    first = await house.service.receive([make_alarm()])
    again = await house.service.receive([make_alarm(), make_alarm()])
    assert [one.duplicate for one in again] == [True, True]
    assert {one.incident_id for one in again} == {first[0].incident_id}


# --- one incident's trouble -----------------------------------------------------------------------------------------


async def test_an_incident_whose_step_raises_stops_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recovers(house, *(f"good-{n}" for n in range(3)))
    real = house.ledger.apply_in

    def raises(db: Any, incident_id: str, event: Any) -> Any:
        run = journal.get_run(db, incident_id)
        if run is not None and run.incident.alarm.name == "bad":
            raise KeyError("a fault of ours")
        return real(db, incident_id, event)

    monkeypatch.setattr(house.ledger, "apply_in", raises)
    house.policy = {"limits": MANY}
    async with house.at_work():
        await house.service.accept([make_alarm("bad")])
        await until(lambda: house.planned == ["bad"])
        await house.service.accept([make_alarm(f"good-{n}") for n in range(3)])
        await until(lambda: all(house.status(f"good-{n}") == "resolved" for n in range(3)))
        assert house.status("bad") == "open"


async def test_it_is_taken_up_again_after_a_rest_and_not_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "REST", 0.15)
    recovers(house, "a")
    real, tried = house.ledger.apply_in, []

    def raises(db: Any, incident_id: str, event: Any) -> Any:
        tried.append(incident_id)
        if len(tried) <= 2:
            raise KeyError("a fault of ours")
        return real(db, incident_id, event)

    monkeypatch.setattr(house.ledger, "apply_in", raises)
    async with house.at_work():
        before = asyncio.get_running_loop().time()
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "resolved")
        assert asyncio.get_running_loop().time() - before >= 0.3


async def test_many_in_trouble_hide_none_that_is_due(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "PAGE", 5)
    house.policy = {"pause": 0.05, "attempts": 2, "limits": MANY}
    house.machine.exits_with = 1
    real = house.ledger.apply_in

    def raises(db: Any, incident_id: str, event: Any) -> Any:
        run = journal.get_run(db, incident_id)
        if run is not None and run.incident.alarm.name.startswith("bad") and run.phase == "pausing":
            raise KeyError("a fault of ours")
        return real(db, incident_id, event)

    monkeypatch.setattr(house.ledger, "apply_in", raises)
    async with house.at_work():
        await house.service.accept([make_alarm(f"bad-{n}") for n in range(20)])
        await until(lambda: len(house.machine.starts) == 20)
        await asyncio.sleep(0.3)
        await house.service.accept([make_alarm("good")])
        await until(lambda: house.status("good") == "escalated")


async def test_planning_that_fails_by_a_fault_of_ours_goes_to_a_person(house: House) -> None:
    house.plans["a"] = KeyError("bug")
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "escalated")
        found = await house.service.get_incident(house.incident())
    assert "bug" in found["reason"]
    assert [one["kind"] for one in found["deliveries"]] == ["incident.escalated"]


async def test_a_store_of_scripts_that_does_not_answer_is_asked_again(house: House) -> None:
    assert PLAN_RETRIES[0] == 1.0
    house.plans["a"] = NoPlan(code="store_unreachable", reason="no answer", retryable=True)
    recovers(house, "a")
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.planned == ["a"])
        house.plans["a"] = make_plan()
        await until(lambda: house.status() == "resolved")
    assert house.planned == ["a", "a"]


# --- slow surroundings ----------------------------------------------------------------------------------------------


async def test_a_source_that_hangs_holds_up_no_planning_and_no_other_source(house: House) -> None:
    hangs = asyncio.Event()

    async def never() -> Reading:
        await hangs.wait()
        raise AssertionError

    house.policy = {"limits": MANY}
    slow = [f"slow-{n}" for n in range(3 * conductor.WORKERS)]
    house.says.update(dict.fromkeys(slow, never))
    recovers(house, "quick")
    async with house.at_work():
        await house.service.accept([make_alarm(name) for name in slow])
        await until(lambda: len(house.machine.starts) == len(slow))
        await until(lambda: len(house.probed) == conductor.WORKERS)
        await house.service.accept([make_alarm("next"), make_alarm("quick", source="alertmanager")])
        await until(lambda: "next" in house.planned)
        await until(lambda: house.status("quick") == "resolved")
        # Its own message counts, although the question about it is still open.
        await house.service.accept([make_alarm(slow[0], OK, at=60)])
        await until(lambda: house.status(slow[0]) == "resolved")


async def test_due_incidents_are_not_hidden_by_those_that_wait_for_a_slow_source(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conductor, "PAGE", 3)
    hangs = asyncio.Event()

    async def never() -> Reading:
        await hangs.wait()
        raise AssertionError

    house.policy = {"limits": MANY, "pause": 0.05, "attempts": 2}
    slow = [f"slow-{n}" for n in range(2 * conductor.WORKERS)]
    house.says.update(dict.fromkeys(slow, never))
    async with house.at_work():
        await house.service.accept([make_alarm(name) for name in slow])
        await until(lambda: len(house.probed) == conductor.WORKERS)
        house.machine.exits_with = 1
        await house.service.accept([make_alarm("fails")])
        await until(lambda: house.status("fails") == "escalated")


async def test_a_wake_during_an_activation_is_not_lost(house: House) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow_then_ok() -> Reading:
        entered.set()
        await go_on.wait()
        return Reading(state=AlarmState.ALARM, since=None, at=house.clock.now())

    house.says["a"] = slow_then_ok
    house.policy = {"verify": VerifyPolicy(within=3600, every=3600)}
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await asyncio.wait_for(entered.wait(), 5)
        # The incident is in a lane at this moment.
        await house.service.cancel(house.incident(), "ann")
        recovered = make_alarm(state=OK, at=60)
        await house.service.receive([recovered])
        go_on.set()
        await until(lambda: house.status() == "resolved")
        await until(lambda: not house.conductor._busy)


# --- a full disk ----------------------------------------------------------------------------------------------------


def fill(db: Database) -> None:
    """Let the file grow no further, as on a full disk."""

    def unit(connection: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    db.submit(unit).result()


def make_room(db: Database) -> None:
    while True:
        try:
            db.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1073741823").fetchall()).result()
        except StoreUnavailable:
            continue  # it shared a commit with what found no room
        return


async def fill_up(db: Database) -> None:
    """Use what is left in the pages that there are."""
    fill(db)
    for number in range(1000):
        try:
            text = "x" * 4000
            key = f"fill-{number}"
            await db.write(
                lambda one: one.execute("INSERT INTO switches VALUES (?, ?, '', '', 0)", (key, text))  # noqa: B023
            )
        except StoreUnavailable:
            return
    raise AssertionError("it never was full")


async def test_alarms_are_refused_while_the_disk_is_full_and_taken_afterwards(house: House) -> None:
    await fill_up(house.db)
    big = make_alarm(reason="r" * 20_000)
    with pytest.raises(StoreUnavailable):
        await house.service.accept([big])
    make_room(house.db)
    await house.service.accept([big])


async def test_it_goes_on_where_it_was_when_a_full_disk_has_room_again(house: House) -> None:
    recovers(house, "a")
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.starts)
        await until(lambda: house.machine.observed)
        await fill_up(house.db)
        # Its output and its result find no room.
        house.machine.stdout = b"o" * 50_000
        house.machine.end(0)
        await asyncio.sleep(0.2)
        assert house.status() == "remediating"
        make_room(house.db)
        await until(lambda: house.status() == "resolved")
        found = await house.service.get_incident(house.incident())
    (attempt,) = found["attempts"]
    assert (attempt["result"], attempt["stdout_size"]) == ("succeeded", 50_000)
    assert len(house.machine.starts) == 1
    assert await house.service.output(attempt["id"], "stdout", 0, 100_000) == b"o" * 50_000


async def test_a_start_that_could_not_be_noted_is_not_taken_for_one_that_never_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovers(house, "a")
    real, failures = journal.attempt_started, [StoreUnavailable("disk full")] * 3

    def fails(*args: Any) -> None:
        if failures:
            raise failures.pop()
        real(*args)

    monkeypatch.setattr(journal, "attempt_started", fails)
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "resolved")
    assert len(house.machine.starts) == 1
    assert "incident.escalated" not in house.kinds()


async def test_a_journal_that_cannot_be_read_for_a_moment_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovers(house, "a")
    real, failures = house.db.read, [StoreUnavailable("too many open files")] * 20

    def fails(fn: Any) -> Any:
        if failures and len(house.planned) > 0:
            raise failures.pop()
        return real(fn)

    async with house.at_work():
        monkeypatch.setattr(house.db, "read", fails)
        await house.service.accept([make_alarm()])
        await until(lambda: not failures)
        monkeypatch.setattr(house.db, "read", real)
        await until(lambda: house.status() == "resolved")


# --- attempts -------------------------------------------------------------------------------------------------------


async def test_an_attempt_right_after_another_is_followed_by_one_runner_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.machine.exits_with = 1
    house.policy = {"pause": 0, "attempts": 2, "limits": MANY}
    followed: list[str] = []
    run = house.desk.run

    async def counted(*args: Any, **options: Any) -> Any:
        followed.append(args[1].id)
        return await run(*args, **options)

    async def slow_recheck() -> None:
        # The first attempt's task lives on while the second attempt begins.
        house.machine.exits_with = None
        await until(lambda: len(house.machine.starts) == 2)

    monkeypatch.setattr(house.desk, "run", counted)
    monkeypatch.setattr(house.conductor, "_recheck_held", slow_recheck)
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: len(house.machine.starts) == 2)
        await until(lambda: len(house.conductor._executing) == 1)
        for second in range(1, 10):
            await house.service.receive([make_alarm(at=second)])
            await asyncio.sleep(0.005)
        house.machine.end(1)
        await until(lambda: house.status() == "escalated")
    assert followed == house.machine.starts
    assert house.kinds().count("attempt.ended") == 2


async def test_a_stop_leaves_the_command_running_and_a_restart_re_attaches(house: House) -> None:
    recovers(house, "a")
    house.machine.exits_with = None
    house.machine.stdout = b"first half"
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: "attempt.output" in house.kinds())
    assert house.machine.cancelled == []
    assert house.status() == "remediating"

    house.machine.stdout += b", second half"
    after = House(db=house.db, folder=house.folder, machine=house.machine)
    recovers(after, "a")
    async with after.at_work():
        await asyncio.sleep(0.05)
        house.machine.end(0)
        await until(lambda: after.status() == "resolved")
        (attempt,) = (await after.service.get_incident(after.incident()))["attempts"]
        assert await after.service.output(attempt["id"]) == b"first half, second half"
    assert len(house.machine.starts) == 1
    told = after.timeline()
    assert "".join(one["text"] for one in told if one["kind"] == "attempt.output") == "first half, second half"


async def test_output_that_was_written_and_not_noted_is_told_once(house: House) -> None:
    """A crash between the file and the journal."""
    recovers(house, "a")
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.observed)
    (attempt_id,) = house.machine.starts
    house.output.append(attempt_id, b"hel", b"")

    house.machine.stdout = b"hello"
    house.machine.end(0)
    after = House(db=house.db, folder=house.folder, machine=house.machine)
    recovers(after, "a")
    async with after.at_work():
        await until(lambda: after.status() == "resolved")
    assert after.output.read(attempt_id, "stdout", 0, 100) == b"hello"
    told = after.timeline()
    assert [one["text"] for one in told if one["kind"] == "attempt.output"] == ["hello"]


async def test_a_target_that_left_the_inventory_while_we_were_away_leaves_the_outcome_unknown(house: House) -> None:
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.starts)
    after = House(db=house.db, folder=house.folder, machine=Machine("another"))
    async with after.at_work():
        await until(lambda: after.status() == "escalated")
        (attempt,) = (await after.service.get_incident(after.incident()))["attempts"]
    assert attempt["result"] == "outcome_unknown"


async def test_a_target_that_is_not_there_at_all_starts_nothing(house: House) -> None:
    house.plans["a"] = make_plan("elsewhere", attempts=1)
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "escalated")
        (attempt,) = (await house.service.get_incident(house.incident()))["attempts"]
    assert attempt["result"] == "not_started"


async def test_a_fault_of_ours_during_an_attempt_is_an_unknown_outcome(house: House) -> None:
    class Broken(Machine):
        async def observe(self, *args: Any, **options: Any) -> Observation:
            raise KeyError("bug")

    broken = Broken()
    broken.stdout = b"output to fetch"
    after = House(db=house.db, folder=house.folder, machine=broken)
    async with after.at_work():
        await after.service.accept([make_alarm()])
        await until(lambda: after.status() == "escalated")
        (attempt,) = (await after.service.get_incident(after.incident()))["attempts"]
    assert attempt["result"] == "outcome_unknown"
    # Its run folder is left for whoever looks.
    assert broken.removed == []


async def test_two_on_one_target_run_one_after_the_other(house: House) -> None:
    recovers(house, "a", "b")
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm("a")])
        await until(lambda: house.machine.starts)
        await house.service.accept([make_alarm("b")])
        await until(lambda: house.status("b") == "held")
        assert len(house.machine.starts) == 1
        house.machine.exits_with = 0
        house.machine.end(0)
        await until(lambda: house.status("a") == house.status("b") == "resolved")


# --- the kill switch ------------------------------------------------------------------------------------------------


async def test_nothing_starts_after_the_kill_switch_was_thrown(house: House) -> None:
    house.policy = {"limits": MANY}
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm(f"a{n}") for n in range(30)])
        # Somewhere among planning, the guard, the intent and the start.
        await until(lambda: len(house.machine.starts) > 3)
        await house.service.set_automation(False, "ann", "stop")
        started = len(house.machine.starts)
        await house.service.accept([make_alarm(f"b{n}") for n in range(5)])
        await until(lambda: all(house.status(f"b{n}") == "held" for n in range(5)))
        await until(lambda: not house.conductor._executing)
        assert len(house.machine.starts) == started
        for attempt_id in house.machine.starts:
            assert attempt_id in house.machine.ends
        statuses = {str(house.status(f"a{n}")) for n in range(30)}
        assert statuses <= {"held", "escalated"}


@pytest.mark.parametrize("turns", range(0, 40, 2))
async def test_the_kill_switch_wins_at_every_moment_of_a_start(house: House, turns: int) -> None:
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        await house.service.set_automation(False, "ann")
        started = list(house.machine.starts)
        await until(lambda: house.status() in ("held", "escalated"))
        assert house.machine.starts == started
        assert set(started) <= set(house.machine.ends)


async def test_the_kill_switch_waits_for_a_target_that_is_just_being_given_a_command(house: House) -> None:
    house.machine.exits_with = None
    house.machine.takes_commands.clear()
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.starting == 1)
        thrown = asyncio.create_task(house.service.set_automation(False, "ann"))
        await asyncio.sleep(0.05)
        assert not thrown.done()
        house.machine.takes_commands.set()
        assert (await thrown)["enabled"] is False
        assert len(house.machine.starts) == 1
        await until(lambda: house.status() == "escalated")
        assert house.machine.cancelled


async def test_the_kill_switch_does_not_wait_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "SETTLE", 0.05)
    house.machine.takes_commands.clear()
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.starting == 1)
        assert (await house.service.set_automation(False, "ann"))["enabled"] is False


async def test_what_was_held_by_the_kill_switch_goes_on_when_it_is_released(house: House) -> None:
    recovers(house, "a")
    async with house.at_work():
        await house.service.set_automation(False, "ann")
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "held")
        await house.service.set_automation(True, "ann")
        await until(lambda: house.status() == "resolved")


# --- people ---------------------------------------------------------------------------------------------------------


async def test_an_approval_is_asked_for_once_and_both_tries_follow_it(house: House) -> None:
    house.policy = {"approval": Approval(approvers=("ann",)), "attempts": 2, "pause": 0}
    house.machine.exits_with = 1
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "awaiting_approval")
        await house.service.decide(house.incident(), "ann", True)
        await until(lambda: house.status() == "escalated")
    assert house.kinds().count("approval.requested") == 1
    assert len(house.machine.starts) == 2


async def test_an_approval_that_silence_gives_comes_by_itself(house: House) -> None:
    recovers(house, "a")
    house.policy = {"approval": Approval(approvers=("ann",), auto_approve_after=0.1)}
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "resolved")
    assert "approval.lapsed" in house.kinds()


async def test_two_decisions_at_the_same_moment_are_two_decisions_of_two_people(house: House) -> None:
    recovers(house, "a")
    house.policy = {"approval": Approval(approvers=("ann", "ben"), quorum=2)}
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "awaiting_approval")
        incident_id = house.incident()
        answers = await asyncio.gather(
            *(house.service.decide(incident_id, who, True) for who in ("ann", "ann", "ben")), return_exceptions=True
        )
        assert sum(isinstance(one, Exception) for one in answers) == 1
        await until(lambda: house.status() == "resolved")
    assert len(house.machine.starts) == 1


async def test_a_cancelled_attempt_is_killed_and_goes_to_a_person(house: House) -> None:
    house.machine.exits_with = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.machine.starts)
        await house.service.cancel(house.incident(), "ann", "wrong machine")
        await until(lambda: house.status() == "escalated")
    assert house.machine.cancelled
    assert "wrong machine" in str((await house.service.get_incident(house.incident()))["reason"])


async def test_an_escalated_incident_can_be_tried_again(house: House) -> None:
    house.machine.exits_with = 1
    house.policy = {"attempts": 1}
    async with house.at_work():
        await house.service.accept([make_alarm()])
        await until(lambda: house.status() == "escalated")
        recovers(house, "a")
        house.machine.exits_with = 0
        await house.service.retry(house.incident(), "ann")
        await until(lambda: house.status() == "resolved")
    assert len(house.machine.starts) == 2


# --- streams and stops ----------------------------------------------------------------------------------------------


async def test_a_stream_tells_everything_once_and_resumes(house: House) -> None:
    recovers(house, "a", "b")
    seen: list[int] = []

    async def listen(after: int, until_kind: str) -> None:
        async for entry in house.service.events(after):
            seen.append(entry["seq"])
            if entry["kind"] == until_kind:
                return

    async with house.at_work():
        first = asyncio.create_task(listen(0, "attempt.began"))
        await house.service.accept([make_alarm("a")])
        await asyncio.wait_for(first, 5)
        await until(lambda: house.status("a") == "resolved")
        await asyncio.wait_for(listen(seen[-1], "incident.resolved"), 5)
        rest = asyncio.create_task(listen(seen[-1], "incident.resolved"))
        await house.service.accept([make_alarm("b")])
        await asyncio.wait_for(rest, 5)
    assert seen == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("turns", range(12))
async def test_it_stops_at_once_whatever_happens_at_that_moment(house: House, turns: int) -> None:
    house.machine.exits_with = None
    stopped = None
    async with house.at_work():
        await house.service.accept([make_alarm()])
        for _ in range(turns):
            await asyncio.sleep(0)
        house.conductor.wake([])
        house.feed.kick()
        house.conductor._timer.set()
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped < 2


async def test_no_task_ends_with_an_error_that_nobody_sees(house: House, caplog: pytest.LogCaptureFixture) -> None:
    recovers(house, "a")
    with caplog.at_level(logging.ERROR):
        async with house.at_work():
            await house.service.accept([make_alarm()])
            await until(lambda: house.status() == "resolved")
        gc.collect()
    assert [record.getMessage() for record in caplog.records] == []
