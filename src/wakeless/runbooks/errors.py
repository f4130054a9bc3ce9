"""What can be wrong with a runbook or with the values it is started with, in AWS's error codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem

#: So many problems are told in the text of an error; all of them are in `problems`.
_TOLD = 10


class InvalidDocument(InvalidInput):
    """Base of the ways in which a document is refused."""

    code = "invalid_document"
    #: The code of AWS's API for this refusal.
    aws_code: ClassVar[str] = "InvalidDocumentContent"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tell(problems), problems)


class InvalidDocumentContent(InvalidDocument):
    """The document is not one that the service would accept."""


class MaxDocumentSizeExceeded(InvalidDocument):
    """The document is bigger than 64 KB."""

    code = "document_too_big"
    aws_code = "MaxDocumentSizeExceeded"


class InvalidDocumentSchemaVersion(InvalidDocument):
    """The document says a schema version that does not exist."""

    code = "invalid_schema_version"
    aws_code = "InvalidDocumentSchemaVersion"


class InvalidExecutionParameters(InvalidInput):
    """The values for a start do not fit the declared parameters; nothing was started."""

    code = "invalid_parameters"
    aws_code: ClassVar[str] = "InvalidAutomationExecutionParametersException"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tell(problems), problems)


def tell(problems: Sequence[Problem]) -> str:
    """Return the problems as one text for people: one a line, the first ten."""
    lines = [str(problem) for problem in problems[:_TOLD]]
    if len(problems) > _TOLD:
        lines.append(f"and {len(problems) - _TOLD} more")
    return "\n".join(lines)
