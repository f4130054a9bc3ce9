"""AWS's errors: one record with the code that old (query) clients see, and its name in each protocol.

Sources: the "Common errors" page of AWS's query services, the exceptions of the service models, and recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wakeless.core.errors import WakelessError


class AwsError(WakelessError):
    """An answer that is an AWS error; `aws_code` is the query protocol's code or the exception's shape name."""

    code = "aws_error"

    def __init__(self, aws_code: str, message: str = "", *, members: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{aws_code}: {message}" if message else aws_code)
        self.aws_code = aws_code
        self.message = message
        #: Further members of the exception's shape, by their names in the model.
        self.members: Mapping[str, object] = members or {}


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorKind:
    """How one error is written on the wire."""

    #: ``<Code>`` of the query protocol and the first half of ``x-amzn-query-error``.
    query_code: str
    #: What follows ``#`` in ``__type``.
    shape_name: str
    #: What precedes ``#``; empty for services that send short names.
    namespace: str = ""
    query_status: int = 400
    json_status: int = 400
    cbor_status: int = 400
    #: Whether the caller is at fault; decides ``<Type>``.
    sender: bool = True
    #: The exception shape's own name for its text.
    message_member: str = "message"

    @property
    def type_name(self) -> str:
        """Return the value of ``__type``."""
        return f"{self.namespace}#{self.shape_name}" if self.namespace else self.shape_name


CORAL_SERVICE = "com.amazon.coral.service"
CORAL_VALIDATE = "com.amazon.coral.validate"
CORAL_AVAILABILITY = "com.amazon.coral.availability"


def _kind(
    query_code: str, shape_name: str, query_status: int = 400, json_status: int = 400, *, namespace: str = CORAL_SERVICE
) -> ErrorKind:
    return ErrorKind(
        query_code=query_code,
        shape_name=shape_name,
        namespace=namespace,
        query_status=query_status,
        json_status=json_status,
        cbor_status=json_status,
        sender=query_status < 500,
    )


#: Errors that any service may answer, whatever its model says.
COMMON: Mapping[str, ErrorKind] = {
    kind.query_code: kind
    for kind in (
        _kind("AccessDenied", "AccessDeniedException", 403),
        _kind("ExpiredToken", "ExpiredTokenException", 403),
        _kind("IncompleteSignature", "IncompleteSignatureException"),
        _kind("InternalFailure", "InternalFailure", 500, 500),
        ErrorKind(
            query_code="InvalidAction",
            shape_name="UnknownOperationException",
            namespace=CORAL_SERVICE,
            cbor_status=404,
        ),
        _kind("InvalidClientTokenId", "UnrecognizedClientException", 403),
        _kind("InvalidParameterCombination", "InvalidParameterCombinationException"),
        _kind("InvalidParameterValue", "InvalidParameterValueException"),
        _kind("MalformedInput", "SerializationException"),
        _kind("MissingAuthenticationToken", "MissingAuthenticationTokenException", 403),
        _kind("MissingParameter", "MissingRequiredParameterException"),
        _kind("RequestEntityTooLarge", "RequestEntityTooLargeException", 413, 413),
        _kind("ServiceUnavailable", "ServiceUnavailableException", 503, 503, namespace=CORAL_AVAILABILITY),
        _kind("SignatureDoesNotMatch", "InvalidSignatureException", 403),
        _kind("Throttling", "ThrottlingException", namespace=CORAL_AVAILABILITY),
        _kind("UnsupportedMediaType", "UnsupportedMediaTypeException", 415, 415),
        _kind("ValidationError", "ValidationException", namespace=CORAL_VALIDATE),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorTable:
    """The errors of one service, found by query code or by shape name."""

    kinds: Mapping[str, ErrorKind] = field(default_factory=dict)

    def find(self, aws_code: str) -> ErrorKind:
        """Return how ``aws_code`` is written; an unknown code is a sender's error of that very name."""
        return self.kinds.get(aws_code) or COMMON.get(aws_code) or _kind(aws_code, aws_code)


#: For requests that name no service that is served here.
COMMON_TABLE = ErrorTable()
