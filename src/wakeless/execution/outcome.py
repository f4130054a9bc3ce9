"""How an attempt ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wakeless.execution.ports import CommandStatus, Observation


class Result(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    #: The script's exit code was not 0.
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    #: It never began: no interpreter, no permission, disk full, script gone, login refused.
    NOT_STARTED = "not_started"
    #: The target did not answer, and nothing ran.
    UNREACHABLE = "unreachable"
    #: It began and nobody knows how it ended.
    UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The end of an attempt."""

    result: Result
    exit_code: int | None = None
    #: One sentence for people; for a failure, its cause.
    detail: str = ""


def outcome_of(observation: Observation, timeout: float) -> Outcome:
    """Return what an observation that is not RUNNING means; ``timeout`` is the command's limit in seconds."""
    status, code, detail = observation.status, observation.exit_code, observation.detail
    if status is CommandStatus.EXITED:
        if code == 0:
            return Outcome(result=Result.SUCCEEDED, exit_code=0, detail=detail)
        return Outcome(result=Result.FAILED, exit_code=code, detail=detail or f"exit code {code}")
    if status is CommandStatus.TIMED_OUT:
        return Outcome(
            result=Result.TIMED_OUT, exit_code=code, detail=detail or f"stopped after its limit of {timeout:g} s"
        )
    if status is CommandStatus.CANCELLED:
        return Outcome(result=Result.CANCELLED, exit_code=code, detail=detail)
    if status is CommandStatus.NOT_STARTED:
        return Outcome(result=Result.NOT_STARTED, exit_code=code, detail=detail)
    why = "it began and left no result" if status is CommandStatus.LOST else "the target has no trace of it any more"
    return Outcome(result=Result.UNKNOWN, detail=f"{why}: {detail}" if detail else why)
