"""What a model's constraints say when they are violated, in AWS's two phrasings.

Newer operations answer ``1 validation error detected: …``; those that list InvalidParameterValue among their errors
say ``The parameter MetricData.member.1.MetricName is required.`` Both are recorded from AWS's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wakeless.doors.aws_api.errors import AwsError

#: Characters of a refused value, and messages of a refused request, that are repeated to the sender.
_VALUE_LIMIT = 1024
_MESSAGE_LIMIT = 20


class Rule(StrEnum):
    """The constraints that a model can put on a member."""

    REQUIRED = "required"
    ENUM = "enum"
    MIN_LENGTH = "min length"
    MAX_LENGTH = "max length"
    MIN_SIZE = "min size"
    MAX_SIZE = "max size"
    MIN_VALUE = "min value"
    MAX_VALUE = "max value"
    PATTERN = "pattern"


@dataclass(slots=True)
class Violation:
    """One member that does not satisfy one constraint."""

    rule: Rule
    value: object
    limit: object = None
    #: Innermost segment first: it grows while the parsers return.  Numbers are positions in a list, from 1.
    path: list[str | int] = field(default_factory=list)
    secret: bool = False


def refuse(violations: Sequence[Violation], *, parameter_style: bool) -> AwsError:
    """Return the error that names every violation."""
    if not parameter_style:
        shown = [_constraint_text(violation) for violation in violations[:_MESSAGE_LIMIT]]
        noun = "error" if len(violations) == 1 else "errors"
        return AwsError("ValidationError", f"{len(violations)} validation {noun} detected: {'; '.join(shown)}")
    missing = [violation for violation in violations if violation.rule is Rule.REQUIRED]
    texts = [_parameter_text(violation) for violation in (missing or violations)[:_MESSAGE_LIMIT]]
    return AwsError("MissingParameter" if missing else "InvalidParameterValue", "\n".join(texts))


def _constraint_text(violation: Violation) -> str:
    value = "null" if violation.rule is Rule.REQUIRED else f"'{_shown(violation)}'"
    place = _constraint_path(violation.path)
    return f"Value {value} at '{place}' failed to satisfy constraint: Member must {_demand(violation)}"


def _demand(violation: Violation) -> str:
    limit = violation.limit
    match violation.rule:
        case Rule.REQUIRED:
            return "not be null"
        case Rule.ENUM:
            assert isinstance(limit, Sequence)
            # Recorded answers list StateValue the other way round than the model does.
            return f"satisfy enum value set: [{', '.join(reversed([str(item) for item in limit]))}]"
        case Rule.MIN_LENGTH | Rule.MIN_SIZE:
            return f"have length greater than or equal to {limit}"
        case Rule.MAX_LENGTH | Rule.MAX_SIZE:
            return f"have length less than or equal to {limit}"
        case Rule.MIN_VALUE:
            return f"have value greater than or equal to {limit}"
        case Rule.MAX_VALUE:
            return f"have value less than or equal to {limit}"
        case Rule.PATTERN:
            return f"satisfy regular expression pattern: {limit}"


def _parameter_text(violation: Violation) -> str:
    place = _parameter_path(violation.path)
    limit = violation.limit
    match violation.rule:
        case Rule.REQUIRED:
            return f"The parameter {place} is required."
        case Rule.ENUM:
            assert isinstance(limit, Sequence)
            return f"The parameter {place} must be a value in the set [ {', '.join(str(item) for item in limit)} ]."
        case Rule.MIN_LENGTH:
            return f"The parameter {place} must be longer than {_less(limit, 1)} characters."
        case Rule.MAX_LENGTH:
            return f"The parameter {place} must be shorter than {_less(limit, -1)} characters."
        case Rule.MIN_SIZE:
            return f"The collection {place} must not have a size less than {limit}."
        case Rule.MAX_SIZE:
            return f"The collection {place} must not have a size greater than {limit}."
        case Rule.MIN_VALUE:
            return f"The parameter {place} must be greater than or equal to {limit}."
        case Rule.MAX_VALUE:
            return f"The parameter {place} must be less than or equal to {limit}."
        case Rule.PATTERN:
            return f"The value {_shown(violation)} for parameter {place} is invalid."


def _less(limit: object, by: int) -> int:
    assert isinstance(limit, int)
    return limit - by


def _shown(violation: Violation) -> str:
    if violation.secret:
        return "***Sensitive Data Redacted***"
    value = violation.value
    if isinstance(value, list):
        # Only texts and numbers are repeated; a list of structures would be a page.
        value = f"[{', '.join(str(item)[:64] if isinstance(item, str | int | float) else '…' for item in value[:20])}]"
    elif isinstance(value, dict):
        value = f"{{{', '.join(str(key)[:64] for key in list(value)[:20])}}}"
    text = str(value)
    return text if len(text) <= _VALUE_LIMIT else text[:_VALUE_LIMIT] + "…"


def _constraint_path(path: Sequence[str | int]) -> str:
    segments = []
    for segment in reversed(path):
        segments.append(f"{segment}.member" if isinstance(segment, int) else segment[:1].lower() + segment[1:])
    return ".".join(segments)


def _parameter_path(path: Sequence[str | int]) -> str:
    segments = []
    for segment in reversed(path):
        segments.append(f"member.{segment}" if isinstance(segment, int) else segment)
    return ".".join(segments)
