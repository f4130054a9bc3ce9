"""The AWS JSON 1.0 and 1.1 protocols."""

from __future__ import annotations

import base64
import math
from datetime import datetime

import orjson

from wakeless.doors.aws_api.errors import COMMON_TABLE, AwsError
from wakeless.doors.aws_api.model import OperationShapes, ServiceShapes
from wakeless.doors.aws_api.protocols import timestamps
from wakeless.doors.aws_api.protocols.base import Answer, Plain
from wakeless.doors.aws_api.protocols.constraints import refuse
from wakeless.doors.aws_api.protocols.parsing import Compiler, Malformed, Violations
from wakeless.doors.aws_api.protocols.structured import StructuredWire, TreeFormatter, error_document


class AwsJson:
    """``X-Amz-Target`` names the operation, the body is its JSON object."""

    name = "json"

    def __init__(self, version: str) -> None:
        """Speak version ``1.0`` or ``1.1``; they differ in the content type only."""
        self._content_type = f"application/x-amz-json-{version}"
        self._parsers = Compiler(StructuredWire())
        self._formatters = TreeFormatter(timestamp=_timestamp, blob=_blob, double=_double)

    def decode(self, body: bytes) -> object:
        """Return the document in ``body``; raises `AwsError`."""
        try:
            # No body at all means no parameters.
            return orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError as error:
            raise AwsError("MalformedInput", f"Could not parse request body into json: {error.msg}") from None

    def parse(self, operation: OperationShapes, document: object) -> dict[str, object]:
        """Return an operation's parameters; raises `AwsError`."""
        return parse_document(self._parsers, operation, document)

    def answer(
        self, service: ServiceShapes, operation: OperationShapes, result: Plain | None, request_id: str
    ) -> Answer:
        """Return a successful answer."""
        document = self._formatters.output_of(operation)(result or {}) if operation.output is not None else {}
        return Answer(status=200, body=orjson.dumps(document), content_type=self._content_type)

    def refuse(self, service: ServiceShapes | None, error: AwsError, request_id: str) -> Answer:
        """Return an error."""
        kind = (service.errors if service else COMMON_TABLE).find(error.aws_code)
        return Answer(
            status=kind.json_status,
            body=orjson.dumps(error_document(error, kind)),
            content_type=self._content_type,
        )


def parse_document(parsers: Compiler, operation: OperationShapes, document: object) -> dict[str, object]:
    """Return the parameters in a decoded body; raises `AwsError`."""
    if operation.input is None:
        return {}
    violations: Violations = []
    try:
        parsed = parsers.input_of(operation)(document, violations)
    except Malformed as error:
        raise AwsError("MalformedInput", str(error)) from None
    if violations:
        raise refuse(violations, parameter_style=operation.checks_parameters)
    assert isinstance(parsed, dict)
    return parsed


def _timestamp(value: object) -> object:
    assert isinstance(value, datetime)
    return timestamps.to_number(value)


def _blob(value: object) -> object:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def _double(value: object) -> object:
    assert isinstance(value, int | float)
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
