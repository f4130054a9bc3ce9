"""What went wrong with an AWS call, in our words. Imports no SDK."""

from __future__ import annotations

from wakeless.core.errors import Refused, Unavailable


class AwsUnavailable(Unavailable):
    """AWS did not answer, was busy, or could not be logged in to right now; the same call may succeed later."""

    code = "aws_unavailable"

    def __init__(self, message: str, aws_code: str = "") -> None:
        super().__init__(message)
        #: AWS's error code (``ThrottlingException``) or the SDK error's name (``EndpointConnectionError``).
        self.aws_code = aws_code


class AwsRefused(Refused):
    """AWS understood the call and will not do it, or the SDK found it malformed."""

    code = "aws_refused"

    def __init__(self, message: str, aws_code: str = "", status: int = 0) -> None:
        super().__init__(message)
        #: AWS's error code (``AccessDenied``, ``NoSuchKey``) or the SDK error's name (``ParamValidationError``).
        self.aws_code = aws_code
        #: The answer's HTTP status; 0 when nothing was sent.
        self.status = status
