"""What an observation that is not RUNNING means."""

import pytest

from wakeless.execution.outcome import Outcome, Result, outcome_of
from wakeless.execution.ports import CommandStatus, Observation


@pytest.mark.parametrize(
    ("observation", "outcome"),
    [
        (Observation(status=CommandStatus.EXITED, exit_code=0), Outcome(result=Result.SUCCEEDED, exit_code=0)),
        (
            Observation(status=CommandStatus.EXITED, exit_code=3),
            Outcome(result=Result.FAILED, exit_code=3, detail="exit code 3"),
        ),
        (
            Observation(status=CommandStatus.EXITED, exit_code=137, detail="killed by SIGKILL"),
            Outcome(result=Result.FAILED, exit_code=137, detail="killed by SIGKILL"),
        ),
        # Without an exit code nothing proves that it succeeded.
        (Observation(status=CommandStatus.EXITED), Outcome(result=Result.FAILED, detail="exit code None")),
        (
            Observation(status=CommandStatus.TIMED_OUT, exit_code=143),
            Outcome(result=Result.TIMED_OUT, exit_code=143, detail="stopped after its limit of 7.5 s"),
        ),
        (
            Observation(status=CommandStatus.CANCELLED, exit_code=143, detail="told to stop"),
            Outcome(result=Result.CANCELLED, exit_code=143, detail="told to stop"),
        ),
        (
            Observation(status=CommandStatus.NOT_STARTED, detail="no such interpreter"),
            Outcome(result=Result.NOT_STARTED, detail="no such interpreter"),
        ),
        (
            Observation(status=CommandStatus.LOST),
            Outcome(result=Result.UNKNOWN, detail="it began and left no result"),
        ),
        (
            Observation(status=CommandStatus.LOST, detail="it was rebooted"),
            Outcome(result=Result.UNKNOWN, detail="it began and left no result: it was rebooted"),
        ),
        (
            Observation(status=CommandStatus.ABSENT),
            Outcome(result=Result.UNKNOWN, detail="the target has no trace of it any more"),
        ),
    ],
)
def test_every_end_has_one_meaning(observation: Observation, outcome: Outcome) -> None:
    assert outcome_of(observation, timeout=7.5) == outcome


def test_no_end_is_left_out() -> None:
    results = {
        outcome_of(Observation(status=status, exit_code=code), timeout=1).result
        for status in CommandStatus
        if status is not CommandStatus.RUNNING
        for code in (0, 1)
    }
    assert results == set(Result) - {Result.UNREACHABLE}
