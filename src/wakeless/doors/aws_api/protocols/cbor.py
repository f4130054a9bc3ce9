"""The Smithy rpc-v2-cbor protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

import cbor2

from wakeless.doors.aws_api.errors import COMMON_TABLE, AwsError
from wakeless.doors.aws_api.model import OperationShapes, ServiceShapes
from wakeless.doors.aws_api.protocols import timestamps
from wakeless.doors.aws_api.protocols.aws_json import parse_document
from wakeless.doors.aws_api.protocols.base import Answer, Plain
from wakeless.doors.aws_api.protocols.parsing import Compiler, Malformed
from wakeless.doors.aws_api.protocols.structured import StructuredWire, TreeFormatter, error_document

CONTENT_TYPE = "application/cbor"
PROTOCOL_HEADER = {"smithy-protocol": "rpc-v2-cbor"}
_EPOCH_TAG = 1
#: Deep enough for every model, shallow enough for the stack.
_MAX_DEPTH = 64


class RpcV2Cbor:
    """``/service/<name>/operation/<name>`` names the operation, the body is its CBOR map."""

    name = "smithy-rpc-v2-cbor"

    def __init__(self) -> None:
        self._parsers = Compiler(StructuredWire(), absent=cbor2.undefined)
        self._formatters = TreeFormatter(timestamp=_timestamp, blob=_same, double=_double)

    def decode(self, body: bytes) -> object:
        """Return the one item in ``body``; raises `AwsError`."""
        # An operation without input has no body.
        return decode(body) if body else {}

    def parse(self, operation: OperationShapes, document: object) -> dict[str, object]:
        """Return an operation's parameters; raises `AwsError`."""
        return parse_document(self._parsers, operation, document)

    def answer(
        self, service: ServiceShapes, operation: OperationShapes, result: Plain | None, request_id: str
    ) -> Answer:
        """Return a successful answer; an operation without a result has no body."""
        if operation.output is None:
            return Answer(status=200, body=b"", content_type=None, headers=PROTOCOL_HEADER)
        document = self._formatters.output_of(operation)(result or {})
        return Answer(status=200, body=cbor2.dumps(document), content_type=CONTENT_TYPE, headers=PROTOCOL_HEADER)

    def refuse(self, service: ServiceShapes | None, error: AwsError, request_id: str) -> Answer:
        """Return an error."""
        kind = (service.errors if service else COMMON_TABLE).find(error.aws_code)
        return Answer(
            status=kind.cbor_status,
            body=cbor2.dumps(error_document(error, kind)),
            content_type=CONTENT_TYPE,
            headers=PROTOCOL_HEADER,
        )


def decode(body: bytes) -> object:
    """Return the one item in ``body``; raises `AwsError`."""
    stream = BytesIO(body)
    decoder = cbor2.CBORDecoder(stream, semantic_decoders=_REFUSED, max_depth=_MAX_DEPTH, strict_hashable_types=True)
    try:
        document = decoder.decode()
    except (cbor2.CBORDecodeError, Malformed, ValueError, OverflowError) as error:
        raise AwsError("MalformedInput", f"Could not parse request body into cbor: {error}") from None
    if stream.tell() != len(body):
        raise AwsError("MalformedInput", "Could not parse request body into cbor: there is something after its end")
    return document


def _refuse_tag(value: Any, immutable: bool) -> object:
    raise Malformed("the only tag that is understood is 1, a timestamp")


#: Every other tag that the library would act on: references can make a value contain itself, numbers of any size and
#: regular expressions cost time.  Tags that it does not know become objects that no shape takes.
_REFUSED: Mapping[int, Callable[[Any, bool], object]] = dict.fromkeys(
    (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799), _refuse_tag
)


def _same(value: object) -> object:
    return value


def _timestamp(value: object) -> object:
    assert isinstance(value, datetime)
    return cbor2.CBORTag(_EPOCH_TAG, timestamps.to_number(value))


def _double(value: object) -> object:
    assert isinstance(value, int | float)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
