"""What the alarms' API refuses, each with the code and HTTP status that CloudWatch's clients know.

AlarmRefused
├── ValidationFailed              ValidationError 400: a constraint of the model, or an alarm rule
├── InvalidParameterValue         400
├── InvalidParameterCombination   400
├── MissingParameter              400
├── LimitExceeded                 400
├── InvalidFormat                 400: state reason data that is not JSON
├── InvalidNextToken              400
├── ReservedTag                   AccessDenied 403
├── UnknownAlarm                  ResourceNotFound 404
└── UnknownResource               ResourceNotFoundException 404 (the tagging operations)
"""

from __future__ import annotations

from typing import ClassVar

from wakeless.core.errors import Refused


class AlarmRefused(Refused):
    """Base: a request about alarms that will not be done."""

    #: The error code as the query protocol spells it; clients of every protocol see this one.
    aws_code: ClassVar[str] = "ValidationError"
    #: HTTP status of the answer.
    status: ClassVar[int] = 400


class ValidationFailed(AlarmRefused):
    """A constraint of the model or the rule's grammar is violated."""

    code = "validation_failed"
    aws_code = "ValidationError"


class InvalidParameterValue(AlarmRefused):
    """One parameter's value cannot be used."""

    code = "invalid_parameter_value"
    aws_code = "InvalidParameterValue"


class InvalidParameterCombination(AlarmRefused):
    """Parameters that exclude each other, or that need each other."""

    code = "invalid_parameter_combination"
    aws_code = "InvalidParameterCombination"


class MissingParameter(AlarmRefused):
    """A parameter is needed and is not there."""

    code = "missing_parameter"
    aws_code = "MissingParameter"


class LimitExceeded(AlarmRefused):
    """No more of these are allowed."""

    code = "limit_exceeded"
    aws_code = "LimitExceeded"


class InvalidFormat(AlarmRefused):
    """State reason data that is not JSON."""

    code = "invalid_format"
    aws_code = "InvalidFormat"


class InvalidNextToken(AlarmRefused):
    """A page token that we did not make."""

    code = "invalid_next_token"
    aws_code = "InvalidNextToken"


class UnknownAlarm(AlarmRefused):
    """There is no such alarm; CloudWatch answers with an empty message."""

    code = "unknown_alarm"
    aws_code = "ResourceNotFound"
    status = 404


class UnknownResource(AlarmRefused):
    """There is no such resource to tag."""

    code = "unknown_resource"
    aws_code = "ResourceNotFoundException"
    status = 404


class ReservedTag(AlarmRefused):
    """A tag's key begins with ``aws:``, which is not for customers."""

    code = "reserved_tag"
    aws_code = "AccessDenied"
    status = 403
