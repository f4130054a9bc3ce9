"""What the metrics' API refuses, each with the code and HTTP status that CloudWatch's clients know.

MetricsRefused
├── ValidationFailed              ValidationError 400: queries and expressions
│   └── BadExpression             a metric math expression that cannot be used
├── InvalidParameterValue         400
├── InvalidParameterCombination   400
├── MissingParameter              400
└── InvalidNextToken              400
"""

from __future__ import annotations

from typing import ClassVar

from wakeless.core.errors import Refused


class MetricsRefused(Refused):
    """Base: a request about metrics that will not be done."""

    #: The error code as the query protocol spells it; clients of every protocol see this one.
    aws_code: ClassVar[str] = "ValidationError"
    #: HTTP status of the answer.
    status: ClassVar[int] = 400


class ValidationFailed(MetricsRefused):
    """A query that CloudWatch's own validation would not pass."""

    code = "validation_failed"
    aws_code = "ValidationError"


class BadExpression(ValidationFailed):
    """A metric math expression with a mistake; the message says where."""

    code = "bad_expression"


class InvalidParameterValue(MetricsRefused):
    """One parameter's value cannot be used."""

    code = "invalid_parameter_value"
    aws_code = "InvalidParameterValue"


class InvalidParameterCombination(MetricsRefused):
    """Parameters that exclude each other, or that need each other."""

    code = "invalid_parameter_combination"
    aws_code = "InvalidParameterCombination"


class MissingParameter(MetricsRefused):
    """A parameter is needed and is not there."""

    code = "missing_parameter"
    aws_code = "MissingParameter"


class InvalidNextToken(MetricsRefused):
    """A page token that we did not make, or not for this request."""

    code = "invalid_next_token"
    aws_code = "InvalidNextToken"
