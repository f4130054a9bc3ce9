"""What JSON and CBOR share: values that arrive as dicts, lists and scalars, and leave as such."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import datetime

from botocore.model import ListShape, MapShape, Shape, StructureShape

from wakeless.doors.aws_api.errors import AwsError, ErrorKind
from wakeless.doors.aws_api.model import OperationShapes, wire_name
from wakeless.doors.aws_api.protocols import timestamps
from wakeless.doors.aws_api.protocols.parsing import Malformed, Parser, Violations

Formatter = Callable[[object], object]


def _string(raw: object, violations: Violations) -> object:
    if type(raw) is not str:
        raise Malformed(f"{_kind_of(raw)} can not be converted to a String")
    return raw


def _integer(raw: object, violations: Violations) -> object:
    if type(raw) is int:
        return raw
    if type(raw) is float and raw.is_integer():
        return int(raw)
    raise Malformed(f"{_kind_of(raw)} can not be converted to an Integer")


def _double(raw: object, violations: Violations) -> object:
    if type(raw) is float:
        return raw
    if type(raw) is int:
        try:
            return float(raw)
        except OverflowError:
            return math.inf if raw > 0 else -math.inf
    if raw in ("NaN", "Infinity", "-Infinity"):
        return float(str(raw))
    raise Malformed(f"{_kind_of(raw)} can not be converted to a Double")


def _boolean(raw: object, violations: Violations) -> object:
    if type(raw) is not bool:
        raise Malformed(f"{_kind_of(raw)} can not be converted to a Boolean")
    return raw


def _timestamp(raw: object, violations: Violations) -> object:
    try:
        if type(raw) is int or type(raw) is float:
            return timestamps.from_number(raw)
        if type(raw) is str:
            return timestamps.from_text(raw)
        if type(raw) is datetime:
            return raw
    except ValueError:
        raise Malformed("a timestamp is out of range or not understood") from None
    raise Malformed(f"{_kind_of(raw)} can not be converted to a Timestamp")


def _blob(raw: object, violations: Violations) -> object:
    if type(raw) is bytes:
        return raw
    if type(raw) is str:
        try:
            return base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("a blob is not base64") from None
    raise Malformed(f"{_kind_of(raw)} can not be converted to a Blob")


def _kind_of(raw: object) -> str:
    match raw:
        case bool():
            return "TRUE_VALUE" if raw else "FALSE_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case str():
            return "STRING_VALUE"
        case dict():
            return "START_OBJECT"
        case list():
            return "START_ARRAY"
        case _:
            return "a value of another kind"


class StructuredWire:
    """How JSON and CBOR write scalars and collections."""

    scalars: Mapping[str, Parser] = {
        "string": _string,
        "character": _string,
        "integer": _integer,
        "double": _double,
        "boolean": _boolean,
        "timestamp": _timestamp,
        "blob": _blob,
    }

    def items(self, shape: ListShape) -> Callable[[object], list[object]]:
        """Return a function that takes a raw list."""
        return _items

    def pairs(self, shape: MapShape) -> Callable[[object], list[tuple[object, object]]]:
        """Return a function that takes a raw map apart."""
        return _pairs

    def members(self, raw: object) -> Mapping[object, object]:
        """Refuse what is not a dict; those that are do not come here."""
        raise Malformed(f"Expected a structure, found {_kind_of(raw)}")


def _items(raw: object) -> list[object]:
    if type(raw) is not list:
        raise Malformed(f"Expected a list, found {_kind_of(raw)}")
    return raw


def _pairs(raw: object) -> list[tuple[object, object]]:
    if type(raw) is not dict:
        raise Malformed(f"Expected a map, found {_kind_of(raw)}")
    return list(raw.items())


class TreeFormatter:
    """Makes formatters that turn a result into what a JSON or CBOR encoder takes; None members are left out."""

    def __init__(self, *, timestamp: Formatter, blob: Formatter, double: Formatter) -> None:
        self._scalars = {"timestamp": timestamp, "blob": blob, "double": double, "float": double}
        self._outputs: dict[OperationShapes, Formatter] = {}
        self._made: dict[str, Formatter] = {}

    def output_of(self, operation: OperationShapes) -> Formatter:
        """Return the formatter of an operation's result."""
        made = self._outputs.get(operation)
        if made is None:
            assert operation.output is not None
            self._made = {}
            made = self._outputs[operation] = self.compile(operation.output)
        return made

    def compile(self, shape: Shape) -> Formatter:
        """Return the formatter of ``shape``."""
        shapes, name = self._made, shape.name
        made = shapes.get(name)
        if made is None:
            shapes[name] = lambda value: shapes[name](value)
            made = shapes[name] = self._make(shape)
        return made

    def _make(self, shape: Shape) -> Formatter:
        if isinstance(shape, StructureShape):
            table = {name: (wire_name(member, name), self.compile(member)) for name, member in shape.members.items()}
            return lambda value: _format_structure(value, table)
        if isinstance(shape, ListShape):
            member = self.compile(shape.member)
            if member is _same:
                return _format_plain_list
            return lambda value: [member(item) for item in _iterable(value)]
        if isinstance(shape, MapShape):
            item = self.compile(shape.value)
            return lambda value: {str(key): item(each) for key, each in _mapping(value).items()}
        return self._scalars.get(shape.type_name, _same)


def _same(value: object) -> object:
    return value


def _format_plain_list(value: object) -> object:
    return list(_iterable(value))


def _format_structure(value: object, table: Mapping[str, tuple[str, Formatter]]) -> dict[str, object]:
    formatted: dict[str, object] = {}
    for name, item in _mapping(value).items():
        # A member that this version of the model does not know cannot be sent.
        if item is not None and (entry := table.get(str(name))) is not None:
            formatted[entry[0]] = entry[1](item)
    return formatted


def _iterable(value: object) -> list[object] | tuple[object, ...]:
    assert isinstance(value, list | tuple), type(value)
    return value


def _mapping(value: object) -> Mapping[object, object]:
    assert isinstance(value, Mapping), type(value)
    return value


def error_document(error: AwsError, kind: ErrorKind) -> dict[str, object]:
    """Return the body of an error."""
    return {"__type": kind.type_name, kind.message_member: error.message, **error.members}
