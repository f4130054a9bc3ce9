"""What cannot be done with an execution in its state, in AWS's error codes."""

from __future__ import annotations

from typing import ClassVar

from wakeless.core.errors import Refused


class InvalidSignal(Refused):
    """The signal does not fit what the execution waits for, or its sender may not send it."""

    code = "invalid_signal"
    #: The code of AWS's API for this refusal.
    aws_code: ClassVar[str] = "InvalidAutomationSignalException"


class StepNotFound(Refused):
    """The signal names a step that the document, or the execution, does not have."""

    code = "step_not_found"
    aws_code: ClassVar[str] = "AutomationStepNotFoundException"


class InvalidStatusUpdate(Refused):
    """The execution is over, or on its way there, and cannot be stopped."""

    code = "invalid_status_update"
    aws_code: ClassVar[str] = "InvalidAutomationStatusUpdateException"
