"""aws:approve: who decides, and when it is decided."""

from __future__ import annotations

from dataclasses import replace

from wakeless.runbooks.coerce import to_integer, to_string_list, whole_text
from wakeless.runbooks.document import Json
from wakeless.runbooks.fit import BadInput
from wakeless.runbooks.principals import approver_for
from wakeless.runbooks.walk import limits, messages
from wakeless.runbooks.walk.errors import InvalidSignal
from wakeless.runbooks.walk.events import AskApproval, SignalCame, SignalType
from wakeless.runbooks.walk.inputs import optional_text
from wakeless.runbooks.walk.state import Failure, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Move, Rest, Settled, Work

ACTION = "aws:approve"

STATUS = "ApprovalStatus"
DECISIONS = "ApproverDecisions"


def begin(work: Work, execution: StepExecution) -> Move:
    """Wait for the approvers; raises `BadInput` or `Mismatch`."""
    work.ask(request(execution))
    work.put(replace(execution, status=StepStatus.WAITING, outputs={STATUS: "Waiting", DECISIONS: []}))
    return Rest()


def request(execution: StepExecution) -> AskApproval:
    """Return what the host is asked to tell the approvers; raises `BadInput` or `Mismatch`."""
    approvers, required = _terms(execution)
    message = optional_text(execution.inputs, "Message") or ""
    return AskApproval(
        step=execution.name,
        step_execution_id=execution.id,
        attempt=execution.attempt,
        attempt_id=execution.attempt_id,
        approvers=approvers,
        required=required,
        message=message,
        topic=optional_text(execution.inputs, "NotificationArn") or None,
        deadline=execution.deadline,
    )


def decide(work: Work, execution: StepExecution, signal: SignalCame) -> Move:
    """Take a decision; one for each approver, the last word of the same approver before the end counts.

    Raises:
        InvalidSignal: the sender is no approver, or revokes what it has not approved.
    """
    approvers, required = _terms(execution)
    approver = approver_for(approvers, signal.principal, work.origin.account)
    if approver is None:
        raise InvalidSignal(f"{signal.principal or 'an unnamed principal'} is not an approver of {execution.name}")
    decisions = _decisions(execution)
    mine = next((d for d in decisions if d["Approver"] == approver), None)
    if signal.type is SignalType.REVOKE:
        if mine is None:
            raise InvalidSignal(f"{signal.principal} has not approved {execution.name}")
        decisions.remove(mine)
    elif signal.type is SignalType.APPROVE and mine is not None:
        return Rest()
    else:
        if mine is not None:
            decisions.remove(mine)
        decisions.append(_decision(work, approver, signal))
    return _settle(work, execution, decisions, required)


def _settle(work: Work, execution: StepExecution, decisions: list[dict[str, Json]], required: int) -> Move:
    rejected = next((d for d in decisions if d[STATUS] == "Rejected"), None)
    approved = rejected is None and len(decisions) >= required
    status = "Rejected" if rejected else "Approved" if approved else "Waiting"
    outputs: dict[str, Json] = {STATUS: status, DECISIONS: list(decisions)}
    if rejected:
        comment = f": {rejected['Comment']}" if rejected["Comment"] else ""
        message = messages.worded(f"The step was rejected by {rejected['Approver']}{comment}")
        work.end(execution, StepStatus.FAILED, outputs, Failure(message=message))
    elif approved:
        work.end(execution, StepStatus.SUCCESS, outputs)
    else:
        work.put(replace(execution, outputs=outputs))
        return Rest()
    return Settled(execution.name)


def _decision(work: Work, approver: str, signal: SignalCame) -> dict[str, Json]:
    comment = signal.payload.get("Comment") or ("",)
    return {
        "Approver": approver,
        "Principal": whole_text(signal.principal),
        STATUS: "Rejected" if signal.type is SignalType.REJECT else "Approved",
        "ApprovalDecisionTime": work.now.isoformat(),
        "Comment": whole_text(comment[0]),
    }


def _decisions(execution: StepExecution) -> list[dict[str, Json]]:
    kept = execution.outputs.get(DECISIONS)
    return [dict(item) for item in kept if isinstance(item, dict)] if isinstance(kept, list) else []


def _terms(execution: StepExecution) -> tuple[tuple[str, ...], int]:
    """Return the approvers, each once, and how many of them must approve; raises `BadInput` or `Mismatch`."""
    listed = to_string_list(execution.inputs.get("Approvers"))
    approvers = tuple(dict.fromkeys(name for name in listed if isinstance(name, str) and name))
    if not 1 <= len(approvers) <= limits.MAX_APPROVERS:
        raise BadInput(f"Approvers must name from 1 to {limits.MAX_APPROVERS} principals")
    required = to_integer(execution.inputs.get("MinRequiredApprovals", 1))
    if not 1 <= required <= len(approvers):
        raise BadInput("MinRequiredApprovals must be from 1 to the number of approvers")
    return approvers, required
