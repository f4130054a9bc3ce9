"""The words in which the service tells why a step failed."""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.runbooks.walk.state import Failure, FailureType, Stage

_DOING: Mapping[Stage, str] = {
    Stage.INPUT_VALIDATION: "validating and resolving the step inputs",
    Stage.PRE_VERIFICATION: "verifying the requirements of the step",
    Stage.INVOCATION: "Execute/Cancelling action",
    Stage.POST_VERIFICATION: "verifying the result of the step",
}
_GUIDE = "Please refer to Automation Service Troubleshooting Guide for more diagnosis details."


def worded(detail: str, stage: Stage = Stage.INVOCATION, doing: str | None = None) -> str:
    """Return a failure message in the form that the service gives it."""
    return f"Step fails when it is {doing or _DOING[stage]}. {detail.rstrip('.')}. {_GUIDE}"


def bad_inputs(detail: str) -> Failure:
    """Return the failure of a step whose inputs cannot be resolved or are not what its action takes."""
    stage = Stage.INPUT_VALIDATION
    return Failure(message=worded(detail, stage), stage=stage, type=FailureType.ACTION)


def timed_out(seconds: int | None) -> Failure:
    """Return why a step timed out."""
    within = f" within {seconds} seconds" if seconds is not None else " in time"
    return Failure(message=f"Step timed out: it did not end{within}.", stage=Stage.INVOCATION, type=FailureType.ACTION)
