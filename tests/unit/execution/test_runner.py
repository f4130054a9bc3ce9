"""One attempt, against a target that does what its script says; time passes only where somebody waits."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from wakeless.core.clock import ManualClock
from wakeless.core.errors import Refused, Unavailable
from wakeless.execution.outcome import Outcome, Result
from wakeless.execution.ports import (
    Command,
    CommandStatus,
    HostKeyChanged,
    Language,
    Observation,
    Platform,
    StartUnconfirmed,
    TargetRefused,
    TargetUnreachable,
)
from wakeless.execution.runner import CHUNK, CONNECT_WITHIN, LAST_CALL, PATIENCE, AttemptRunner, Job

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ATTEMPT = "att-00000000000000000000000001"
DOWN = TargetUnreachable("connection refused")


class Machine:
    """A target with one command: when it begins, ends and writes is decided by the test."""

    name = "web-1"
    platform = Platform.LINUX

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        #: The run folder: None while there is none.
        self.command: Command | None = None
        self.commands_run = 0
        self.status = CommandStatus.RUNNING
        self.exit_code: int | None = None
        self.stdout = b""
        self.stderr = b""
        #: Seconds after its begin at which it ends by itself; None: never.
        self.ends_after: float | None = 0.0
        self.ends_with = (CommandStatus.EXITED, 0)
        self.began_at: datetime | None = None
        #: What the next calls raise, by method; the last is repeated for ever when it is in `always`.
        self.faults: dict[str, list[Exception]] = {}
        self.always: dict[str, Exception] = {}
        self.calls: list[str] = []
        #: Bytes it promises beyond what it has.
        self.overstated = 0
        self.heeds_cancel = True
        #: Called before every answer.
        self.on: dict[str, Callable[[], None]] = {}

    def _ask(self, method: str) -> None:
        self.calls.append(method)
        if (act := self.on.get(method)) is not None:
            act()
        if faults := self.faults.get(method):
            raise faults.pop(0)
        if (fault := self.always.get(method)) is not None:
            raise fault
        if self.began_at is None or self.ends_after is None or self.status is not CommandStatus.RUNNING:
            return
        if self.clock.now() >= self.began_at + timedelta(seconds=self.ends_after):
            self.status, self.exit_code = self.ends_with

    def begin(self, command: Command) -> None:
        if self.command is None:
            self.command = command
            self.commands_run += 1
            self.began_at = self.clock.now()

    def _observation(self, out: int, err: int, limit: int) -> Observation:
        if self.command is None:
            return Observation(status=CommandStatus.ABSENT)
        return Observation(
            status=self.status,
            exit_code=self.exit_code,
            stdout=self.stdout[out : out + limit],
            stderr=self.stderr[err : err + limit],
            stdout_size=len(self.stdout) + self.overstated,
            stderr_size=len(self.stderr),
        )

    async def start(self, command: Command) -> Observation:
        self._ask("start")
        self.begin(command)
        return self._observation(0, 0, 0)

    async def observe(
        self, attempt_id: str, *, stdout_from: int = 0, stderr_from: int = 0, limit: int = 65536, wait: float = 0.0
    ) -> Observation:
        self._ask("observe")
        seen = self._observation(stdout_from, stderr_from, limit)
        if wait and seen.status is CommandStatus.RUNNING and not seen.stdout and not seen.stderr:
            # The long poll: nothing happens for all of it.
            await asyncio.sleep(0)
            self.clock.advance(wait)
            self._ask("observe again")
            seen = self._observation(stdout_from, stderr_from, limit)
        return seen

    async def cancel(self, attempt_id: str) -> None:
        self._ask("cancel")
        if self.heeds_cancel and self.status is CommandStatus.RUNNING and self.command is not None:
            self.status, self.exit_code = CommandStatus.CANCELLED, 143

    async def remove(self, attempt_id: str) -> None:
        self._ask("remove")

    async def check(self) -> None:
        self._ask("check")

    async def close(self) -> None:
        self._ask("close")


class Log:
    def __init__(self) -> None:
        self.started_ids: list[str] = []
        self.stdout = b""
        self.stderr = b""
        self.pieces: list[int] = []
        self.fault: Exception | None = None

    async def started(self, attempt_id: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.started_ids.append(attempt_id)

    def kept(self, attempt_id: str) -> tuple[int, int]:
        return len(self.stdout), len(self.stderr)

    async def keep(self, attempt_id: str, stdout: bytes, stderr: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.stdout += stdout
        self.stderr += stderr
        self.pieces.append(len(stdout) + len(stderr))


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock(T0)
        self.target = Machine(self.clock)
        self.log = Log()
        self.script: bytes | Exception = b"#!/bin/sh\n"
        self.slept: list[float] = []
        self.runner: AttemptRunner | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def read_script(self) -> bytes:
        if isinstance(self.script, Exception):
            raise self.script
        return self.script

    def make(
        self, *, was_started: bool = False, is_resumed: bool = False, timeout: float = 60, began_at: datetime = T0
    ) -> AttemptRunner:
        job = Job(
            attempt_id=ATTEMPT,
            began_at=began_at,
            name="fix.sh",
            language=Language.SHELL,
            environment={"A": "1"},
            files={"alarm.json": b"{}"},
            timeout=timeout,
            was_started=was_started,
            is_resumed=is_resumed,
        )
        self.runner = AttemptRunner(job, self.target, self.read_script, self.log, self.clock, self.sleep)
        return self.runner

    def it_has_begun(self) -> None:
        self.target.begin(Command(attempt_id=ATTEMPT, name="fix.sh", language=Language.SHELL, script=b""))

    @property
    def seconds(self) -> float:
        return (self.clock.now() - T0).total_seconds()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def cancel_at(scene: Scene, call: str) -> None:
    def act() -> None:
        assert scene.runner is not None
        scene.runner.cancel()

    scene.target.on[call] = act


# --- beginning -----------------------------------------------------------------------------------------------------


async def test_a_command_is_handed_over_whole_noted_and_followed_to_its_end(scene: Scene) -> None:
    scene.target.stdout = b"fixed\n"
    assert await scene.make().run() == Outcome(result=Result.SUCCEEDED, exit_code=0)
    command = scene.target.command
    assert command is not None
    assert (command.attempt_id, command.script, command.environment) == (ATTEMPT, b"#!/bin/sh\n", {"A": "1"})
    assert (command.files, command.timeout) == ({"alarm.json": b"{}"}, 60)
    assert scene.log.started_ids == [ATTEMPT]
    assert scene.log.stdout == b"fixed\n"


async def test_running_it_again_under_the_same_id_starts_nothing_more(scene: Scene) -> None:
    first = await scene.make().run()
    assert await scene.make().run() == first
    assert await scene.make(was_started=True).run() == first
    assert scene.target.commands_run == 1


async def test_one_that_was_started_is_only_looked_at(scene: Scene) -> None:
    scene.it_has_begun()
    scene.script = Refused("the script is gone")
    assert (await scene.make(was_started=True).run()).result is Result.SUCCEEDED
    assert "start" not in scene.target.calls
    assert scene.log.started_ids == []


async def test_one_that_was_started_and_left_no_trace_has_an_unknown_outcome(scene: Scene) -> None:
    assert await scene.make(was_started=True).run() == Outcome(
        result=Result.UNKNOWN, detail="the target has no trace of it any more"
    )


@pytest.mark.parametrize("fault", [Refused("the script changed"), Unavailable("the store does not answer")])
async def test_without_its_script_nothing_starts(scene: Scene, fault: Exception) -> None:
    scene.script = fault
    assert await scene.make().run() == Outcome(result=Result.NOT_STARTED, detail=str(fault))
    assert scene.target.command is None
    assert scene.log.started_ids == []


@pytest.mark.parametrize("fault", [Refused("the script changed"), Unavailable("the store does not answer")])
async def test_without_its_script_it_is_followed_if_a_former_process_handed_it_over(
    scene: Scene, fault: Exception
) -> None:
    scene.script = fault
    scene.it_has_begun()
    assert (await scene.make(is_resumed=True).run()).result is Result.SUCCEEDED
    assert scene.log.started_ids == [ATTEMPT]
    assert scene.target.commands_run == 1


@pytest.mark.parametrize("fault", [Refused("the script changed"), Unavailable("the store does not answer")])
async def test_without_its_script_and_without_a_trace_it_never_began(scene: Scene, fault: Exception) -> None:
    scene.script = fault
    assert await scene.make(is_resumed=True).run() == Outcome(result=Result.NOT_STARTED, detail=str(fault))


async def test_a_command_that_could_not_start_is_not_noted_as_started(scene: Scene) -> None:
    scene.target.status = CommandStatus.NOT_STARTED
    assert (await scene.make().run()).result is Result.NOT_STARTED
    assert scene.log.started_ids == []


@pytest.mark.parametrize("fault", [TargetRefused("login refused"), HostKeyChanged("another key")])
async def test_a_target_that_refuses_is_not_asked_twice(scene: Scene, fault: Exception) -> None:
    scene.target.always["start"] = fault
    assert await scene.make().run() == Outcome(result=Result.NOT_STARTED, detail=str(fault))
    assert scene.target.calls == ["start"]


@pytest.mark.parametrize("fault", [TargetRefused("login refused"), HostKeyChanged("another key"), DOWN])
@pytest.mark.parametrize(("was_started", "is_resumed"), [(True, False), (False, True)])
async def test_what_may_be_running_is_never_called_not_started(
    scene: Scene, fault: Exception, was_started: bool, is_resumed: bool
) -> None:
    scene.target.always = {"start": fault, "observe": fault}
    outcome = await scene.make(was_started=was_started, is_resumed=is_resumed).run()
    assert outcome.result is Result.UNKNOWN
    assert str(fault) in outcome.detail


# --- a target that does not answer -----------------------------------------------------------------------------------


async def test_a_target_that_is_away_is_tried_again_then_the_attempt_counts_as_unreachable(scene: Scene) -> None:
    scene.target.always["start"] = DOWN
    assert await scene.make().run() == Outcome(result=Result.UNREACHABLE, detail="connection refused")
    assert scene.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert scene.seconds <= CONNECT_WITHIN


async def test_a_target_that_comes_back_in_time_runs_it(scene: Scene) -> None:
    scene.target.faults["start"] = [DOWN, DOWN, DOWN]
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert scene.slept == [0.5, 1.0, 2.0]


async def test_a_connection_that_broke_during_the_start_is_never_called_unreachable(scene: Scene) -> None:
    scene.target.faults["start"] = [StartUnconfirmed("broken pipe")]
    scene.target.always["start"] = DOWN
    outcome = await scene.make(timeout=60).run()
    assert outcome.result is Result.UNKNOWN
    # It may be running: it is waited for as long as it may run.
    assert 60 < scene.seconds <= 60 + PATIENCE


async def test_after_a_broken_start_it_is_started_again_under_the_same_id(scene: Scene) -> None:
    def begins_and_breaks() -> None:
        scene.it_has_begun()
        del scene.target.on["start"]

    scene.target.on["start"] = begins_and_breaks
    scene.target.faults["start"] = [StartUnconfirmed("broken pipe")]
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert scene.target.commands_run == 1
    assert scene.log.started_ids == [ATTEMPT]


async def test_a_target_that_goes_away_in_mid_run_and_comes_back_costs_nothing(scene: Scene) -> None:
    scene.target.ends_after = 30
    scene.target.faults["observe"] = [DOWN] * 5
    scene.target.stdout = b"done"
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert scene.log.stdout == b"done"


async def test_a_target_that_goes_away_for_good_leaves_the_outcome_unknown(scene: Scene) -> None:
    scene.target.ends_after = None
    scene.target.always["observe"] = DOWN
    outcome = await scene.make(timeout=60).run()
    assert outcome == Outcome(
        result=Result.UNKNOWN, detail="it began, and the target does not answer any more: connection refused"
    )
    assert 60 < scene.seconds <= 60 + PATIENCE


async def test_a_target_that_shows_another_host_key_in_mid_run_leaves_the_outcome_unknown(scene: Scene) -> None:
    scene.target.ends_after = None
    scene.target.faults["observe"] = [HostKeyChanged("another key")]
    outcome = await scene.make().run()
    assert outcome.result is Result.UNKNOWN
    assert "another key" in outcome.detail


async def test_after_a_long_absence_of_ours_a_target_still_gets_time_to_answer(scene: Scene) -> None:
    scene.it_has_begun()
    scene.target.faults["observe"] = [DOWN, DOWN]
    outcome = await scene.make(was_started=True, began_at=T0 - timedelta(days=1)).run()
    assert outcome.result is Result.SUCCEEDED


async def test_one_that_waited_long_for_its_turn_has_its_whole_time(scene: Scene) -> None:
    scene.target.ends_after = 50
    outcome = await scene.make(began_at=T0 - timedelta(hours=1), timeout=60).run()
    assert outcome.result is Result.SUCCEEDED
    assert "cancel" not in scene.target.calls


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends_with", "result"),
    [
        ((CommandStatus.EXITED, 0), Result.SUCCEEDED),
        ((CommandStatus.EXITED, 1), Result.FAILED),
        ((CommandStatus.TIMED_OUT, 143), Result.TIMED_OUT),
        ((CommandStatus.LOST, None), Result.UNKNOWN),
    ],
)
async def test_the_target_says_how_it_ended(
    scene: Scene, ends_with: tuple[CommandStatus, int | None], result: Result
) -> None:
    scene.target.ends_after = 25
    scene.target.ends_with = ends_with  # type: ignore[assignment]
    assert (await scene.make().run()).result is result


async def test_a_command_that_outlives_its_limit_is_told_to_stop_by_us_too(scene: Scene) -> None:
    scene.target.ends_after = None
    assert (await scene.make(timeout=60).run()).result is Result.CANCELLED
    assert scene.target.calls.count("cancel") == 1
    assert scene.seconds >= 60 + PATIENCE


async def test_one_that_does_not_even_stop_then_has_an_unknown_outcome(scene: Scene) -> None:
    scene.target.ends_after = None
    scene.target.heeds_cancel = False
    assert await scene.make(timeout=60).run() == Outcome(
        result=Result.UNKNOWN, detail="it did not end within its limit, nor when told to stop"
    )
    assert 60 + PATIENCE + LAST_CALL <= scene.seconds < 60 + PATIENCE + LAST_CALL + 30


# --- output ----------------------------------------------------------------------------------------------------------


async def test_output_is_fetched_to_its_end_in_pieces(scene: Scene) -> None:
    scene.target.stdout = bytes(range(256)) * 1024
    scene.target.stderr = b"e" * (CHUNK + 1)
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert scene.log.stdout == scene.target.stdout
    assert scene.log.stderr == scene.target.stderr
    assert max(scene.log.pieces) <= 2 * CHUNK
    assert len(scene.log.pieces) == 4


async def test_output_that_is_kept_already_is_not_fetched_again(scene: Scene) -> None:
    scene.it_has_begun()
    scene.target.stdout = b"one two three"
    scene.log.stdout = b"one "
    await scene.make(was_started=True).run()
    assert scene.log.stdout == b"one two three"


async def test_a_target_that_promises_more_output_than_it_gives_does_not_hold_us_up(scene: Scene) -> None:
    scene.target.stdout = b"all there is"
    scene.target.overstated = 100
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert scene.log.stdout == b"all there is"


async def test_a_result_that_is_known_stays_known_when_the_target_leaves_during_the_rest(scene: Scene) -> None:
    scene.target.stdout = b"x" * CHUNK * 2

    def leaves_after_the_first() -> None:
        if scene.target.calls.count("observe") > 1:
            scene.target.always["observe"] = DOWN

    scene.target.on["observe"] = leaves_after_the_first
    outcome = await scene.make().run()
    assert outcome.result is Result.SUCCEEDED
    assert len(scene.log.stdout) == CHUNK
    assert "before all of its output was fetched" in outcome.detail


@pytest.mark.parametrize("method", ["started", "keep"])
async def test_a_journal_that_cannot_be_written_is_no_outcome_and_a_second_run_goes_on(
    scene: Scene, method: str
) -> None:
    scene.target.stdout = b"fixed\n"
    if method == "started":
        scene.log.fault = Unavailable("disk full")
    else:
        scene.target.on["observe"] = lambda: setattr(scene.log, "fault", Unavailable("disk full"))
    with pytest.raises(Unavailable, match="disk full"):
        await scene.make().run()
    scene.target.on.clear()
    scene.log.fault = None
    assert (await scene.make(is_resumed=True).run()).result is Result.SUCCEEDED
    assert scene.target.commands_run == 1
    assert scene.log.stdout == b"fixed\n"


# --- cancelling ------------------------------------------------------------------------------------------------------


async def test_one_that_is_cancelled_before_it_begins_never_begins(scene: Scene) -> None:
    runner = scene.make()
    runner.cancel()
    assert (await runner.run()).result is Result.CANCELLED
    assert scene.target.calls == []


async def test_a_cancellation_ends_the_wait_for_a_target_that_is_away(scene: Scene) -> None:
    scene.target.always["start"] = DOWN
    runner = scene.make()

    def cancel_on_third() -> None:
        if scene.target.calls.count("start") == 3:
            runner.cancel()

    scene.target.on["start"] = cancel_on_third
    assert (await runner.run()).result is Result.CANCELLED
    assert scene.target.calls == ["start"] * 3


async def test_one_that_is_resumed_is_looked_for_before_it_counts_as_cancelled(scene: Scene) -> None:
    scene.it_has_begun()
    scene.target.ends_after = None
    runner = scene.make(is_resumed=True)
    runner.cancel()
    outcome = await runner.run()
    assert (outcome.result, outcome.exit_code) == (Result.CANCELLED, 143)
    assert "cancel" in scene.target.calls
    assert "start" not in scene.target.calls


async def test_one_that_is_resumed_and_did_not_is_cancelled_without_a_trace(scene: Scene) -> None:
    runner = scene.make(is_resumed=True)
    runner.cancel()
    assert (await runner.run()).result is Result.CANCELLED
    assert scene.target.command is None


@pytest.mark.parametrize("moment", ["start", "observe", "observe again"])
async def test_a_running_command_is_killed_whenever_it_is_cancelled(scene: Scene, moment: str) -> None:
    scene.target.ends_after = None
    cancel_at(scene, moment)
    outcome = await scene.make(timeout=3600).run()
    assert (outcome.result, outcome.exit_code) == (Result.CANCELLED, 143)
    assert scene.seconds < 60


async def test_a_cancellation_does_not_wait_for_the_end_of_the_long_poll(scene: Scene) -> None:
    scene.target.ends_after = None
    stopped = asyncio.Event()
    polling = asyncio.Event()

    class Slow(Machine):
        async def observe(
            self,
            attempt_id: str,
            *,
            stdout_from: int = 0,
            stderr_from: int = 0,
            limit: int = 65536,
            wait: float = 0.0,
        ) -> Observation:
            polling.set()
            await stopped.wait()
            return self._observation(0, 0, 0)

        async def cancel(self, attempt_id: str) -> None:
            await super().cancel(attempt_id)
            stopped.set()

    scene.target = Slow(scene.clock)
    scene.target.ends_after = None
    runner = scene.make()
    task = asyncio.create_task(runner.run())
    await polling.wait()
    runner.cancel()
    assert (await asyncio.wait_for(task, 5)).result is Result.CANCELLED


async def test_a_cancellation_that_the_target_did_not_hear_is_repeated(scene: Scene) -> None:
    scene.target.ends_after = None
    scene.target.faults["cancel"] = [DOWN, DOWN]
    cancel_at(scene, "observe")
    assert (await scene.make(timeout=3600).run()).result is Result.CANCELLED
    assert scene.target.calls.count("cancel") == 3


async def test_a_cancellation_after_the_end_changes_nothing(scene: Scene) -> None:
    scene.target.stdout = b"x" * (CHUNK * 3)
    cancel_at(scene, "observe")
    assert (await scene.make().run()).result is Result.SUCCEEDED
    assert "cancel" not in scene.target.calls
    assert len(scene.log.stdout) == CHUNK * 3


async def test_settled_waits_for_a_start_that_is_under_way(scene: Scene) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Machine):
        async def start(self, command: Command) -> Observation:
            entered.set()
            await go_on.wait()
            return await super().start(command)

    scene.target = Slow(scene.clock)
    runner = scene.make()
    await runner.settled()
    task = asyncio.create_task(runner.run())
    await entered.wait()
    settled = asyncio.create_task(runner.settled())
    await asyncio.sleep(0)
    assert not settled.done()
    go_on.set()
    await asyncio.wait_for(settled, 5)
    assert (await task).result is Result.SUCCEEDED


async def test_letting_go_of_it_neither_stops_nor_loses_the_command(scene: Scene) -> None:
    scene.target.ends_after = None
    polls: list[Callable[[], Awaitable[None]]] = []
    forever = asyncio.Event()

    class Slow(Machine):
        async def observe(
            self,
            attempt_id: str,
            *,
            stdout_from: int = 0,
            stderr_from: int = 0,
            limit: int = 65536,
            wait: float = 0.0,
        ) -> Observation:
            polls.append(self.close)
            await forever.wait()
            raise AssertionError

    scene.target = Slow(scene.clock)
    task = asyncio.create_task(scene.make().run())
    while not polls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.target.calls == ["start"]
    assert scene.target.status is CommandStatus.RUNNING
