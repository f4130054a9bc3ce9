"""The AWS query protocol: form parameters in, XML out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, Shape, StructureShape

from wakeless.doors.aws_api.errors import COMMON_TABLE, AwsError
from wakeless.doors.aws_api.model import OperationShapes, ServiceShapes, wire_name
from wakeless.doors.aws_api.protocols import timestamps
from wakeless.doors.aws_api.protocols.aws_json import parse_document
from wakeless.doors.aws_api.protocols.base import Answer, Plain
from wakeless.doors.aws_api.protocols.parsing import Compiler, Malformed, Parser, Violations

#: No model nests deeper; a longer name can only be an attack.
_MAX_DEPTH = 32
#: Characters of an encoded value that is worth remembering decoded.
_SHORT = 100
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|NaN|[+-]?Infinity", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
#: What XML 1.0 cannot carry, escaped or not.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Writer = Callable[[object, list[str]], None]


class Query:
    """``Action`` names the operation, the other form parameters are its input."""

    name = "query"

    def __init__(self) -> None:
        self._parsers = Compiler(QueryWire())
        self._writers = XmlWriters()

    def decode(self, body: bytes) -> dict[str, object]:
        """Return the parameters of a form as a tree, ``Action`` and ``Version`` among them; raises `AwsError`."""
        return grow(body)

    def parse(self, operation: OperationShapes, document: object) -> dict[str, object]:
        """Return an operation's parameters; raises `AwsError`."""
        return parse_document(self._parsers, operation, document)

    def answer(
        self, service: ServiceShapes, operation: OperationShapes, result: Plain | None, request_id: str
    ) -> Answer:
        """Return a successful answer."""
        out = [f'<{operation.name}Response xmlns="{escape(service.xml_namespace)}">']
        if operation.output is not None:
            wrapper = operation.result_wrapper
            out.append(f"<{wrapper}>")
            self._writers.output_of(operation)(result or {}, out)
            out.append(f"</{wrapper}>")
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{operation.name}Response>")
        return Answer(status=200, body="".join(out).encode(), content_type="text/xml")

    def refuse(self, service: ServiceShapes | None, error: AwsError, request_id: str) -> Answer:
        """Return an error."""
        kind = (service.errors if service else COMMON_TABLE).find(error.aws_code)
        namespace = f' xmlns="{escape(service.xml_namespace)}"' if service else ""
        message = f"<Message>{_text(error.message)}</Message>" if error.message else "<Message/>"
        body = (
            f"<ErrorResponse{namespace}><Error><Type>{'Sender' if kind.sender else 'Receiver'}</Type>"
            f"<Code>{_text(kind.query_code)}</Code>{message}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Answer(status=kind.query_status, body=body.encode(), content_type="text/xml")


def _unquoted(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _unquoted_short(text) if len(text) <= _SHORT else _unquote(text)


def _unquote(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode()


#: Timestamps and dimensions are the same in most members of a call, and cost more to decode than all the rest.
_unquoted_short = lru_cache(maxsize=2048)(_unquote)


def grow(body: bytes) -> dict[str, object]:
    """Return the tree that a form's dotted names describe: ``A.member.1=x`` is ``{"A": {"member": {"1": "x"}}}``.

    Of a repeated name the last value counts. Raises `AwsError` if the form is not percent-encoded UTF-8, or if one name
    is both a leaf and a branch.
    """
    root: dict[str, object] = {}
    # Neighbours nearly always share their prefix; looking it up whole is what makes large requests cheap.
    branches: dict[str, dict[str, object]] = {"": root}
    branch, known = root, ""
    try:
        for part in body.decode("ascii").split("&"):
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = _unquoted(name), _unquoted(value)
            prefix, _, leaf = name.rpartition(".")
            if prefix != known:
                branch, known = branches.get(prefix) or _branch(branches, prefix), prefix
            if type(branch.get(leaf)) is not dict:
                branch[leaf] = value
            elif value:
                raise _leaf_and_branch(name)
    except UnicodeDecodeError:
        raise AwsError("MalformedInput", "The form is not percent-encoded UTF-8") from None
    return root


def _branch(branches: dict[str, dict[str, object]], prefix: str) -> dict[str, object]:
    missing = []
    known = prefix
    while known not in branches:
        known, _, segment = known.rpartition(".")
        missing.append(segment)
        if len(missing) > _MAX_DEPTH:
            raise AwsError("MalformedInput", "A parameter's name has too many parts")
    node = branches[known]
    for segment in reversed(missing):
        known = f"{known}.{segment}" if known else segment
        child = node.get(segment)
        if child is None or child == "":
            child = node[segment] = {}
        if type(child) is not dict:
            raise _leaf_and_branch(known)
        node = branches[known] = child
    return node


def _leaf_and_branch(name: str) -> AwsError:
    return AwsError("MalformedInput", f"The parameter {name[:256]} has both a value and members")


def _string(raw: object, violations: Violations) -> object:
    if type(raw) is not str:
        raise Malformed("Start of structure or map found where not expected")
    return raw


def _integer(raw: object, violations: Violations) -> object:
    text = str(_string(raw, violations)).strip()
    if not _INTEGER.fullmatch(text):
        raise Malformed(f"{text[:64]!r} is not a whole number")
    return int(text)


def _double(raw: object, violations: Violations) -> object:
    text = str(_string(raw, violations))
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"{text[:64]!r} is not a number")
    return float(text)


def _boolean(raw: object, violations: Violations) -> object:
    text = str(_string(raw, violations)).lower()
    if text not in ("true", "false"):
        raise Malformed(f"{text[:64]!r} is neither true nor false")
    return text == "true"


def _timestamp(raw: object, violations: Violations) -> object:
    text = str(_string(raw, violations))
    try:
        return timestamps.from_text(text)
    except ValueError:
        raise Malformed(f"timestamp must follow ISO8601, found {text[:64]!r}") from None


def _blob(raw: object, violations: Violations) -> object:
    try:
        return base64.b64decode(str(_string(raw, violations)), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("a blob is not base64") from None


class QueryWire:
    """How the query protocol writes scalars and collections."""

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
        """Return a function that takes ``Name.member.N`` or, of flattened lists, ``Name.N`` apart."""
        item_name = None if shape.serialization.get("flattened") else wire_name(shape.member, "member")

        def items(raw: object) -> list[object]:
            if raw == "":
                return []
            if type(raw) is not dict:
                raise Malformed("a list has a value of its own")
            numbered = raw if item_name is None else raw.get(item_name, "")
            if numbered == "":
                return []
            return _in_order(numbered)

        return items

    def pairs(self, shape: MapShape) -> Callable[[object], list[tuple[object, object]]]:
        """Return a function that takes ``Name.entry.N.key`` and ``.value`` apart."""
        flattened = bool(shape.serialization.get("flattened"))
        key_name, value_name = wire_name(shape.key, "key"), wire_name(shape.value, "value")

        def pairs(raw: object) -> list[tuple[object, object]]:
            if raw == "":
                return []
            if type(raw) is not dict:
                raise Malformed("a map has a value of its own")
            numbered = raw if flattened else raw.get("entry", "")
            if numbered == "":
                return []
            found: list[tuple[object, object]] = []
            for entry in _in_order(numbered):
                if type(entry) is not dict or key_name not in entry:
                    raise Malformed("an entry of a map has no key")
                found.append((entry[key_name], entry.get(value_name)))
            return found

        return pairs

    def members(self, raw: object) -> Mapping[object, object]:
        """Take an empty value for an empty structure; dicts do not come here."""
        if raw == "":
            return {}
        raise Malformed("a structure has a value of its own")


def _in_order(numbered: object) -> list[object]:
    if type(numbered) is not dict:
        raise Malformed("a list has a value of its own")
    keyed = []
    for key, item in numbered.items():
        if not (key.isascii() and key.isdigit() and len(key) <= 9):
            raise Malformed(f"Key {key[:64]!r} of a list is not a number")
        keyed.append((int(key), item))
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed]


class XmlWriters:
    """Makes the functions that write a result's shapes as XML."""

    def __init__(self) -> None:
        self._outputs: dict[OperationShapes, Writer] = {}
        self._made: dict[str, Writer] = {}

    def output_of(self, operation: OperationShapes) -> Writer:
        """Return the writer of an operation's result."""
        made = self._outputs.get(operation)
        if made is None:
            assert operation.output is not None
            self._made = {}
            made = self._outputs[operation] = self.compile(operation.output)
        return made

    def compile(self, shape: Shape) -> Writer:
        """Return the writer of what stands between the tags of ``shape``."""
        key = f"{shape.name}|{sorted(shape.serialization.items())}"
        shapes = self._made
        made = shapes.get(key)
        if made is None:
            shapes[key] = lambda value, out: shapes[key](value, out)
            made = shapes[key] = self._make(shape)
        return made

    def _make(self, shape: Shape) -> Writer:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape, wire_name(shape.member, "member"))
        if isinstance(shape, MapShape):
            return self._map(shape)
        text = _SCALAR_TEXTS.get(shape.type_name, _text)
        return lambda value, out: out.append(text(value))

    def _structure(self, shape: StructureShape) -> Writer:
        table: dict[str, tuple[str, str, Writer]] = {}
        for name, member in shape.members.items():
            tag = wire_name(member, name)
            if isinstance(member, ListShape) and member.serialization.get("flattened"):
                # A flattened list has no element of its own: its items carry the member's name.
                table[name] = ("", "", self._list(member, tag))
            else:
                table[name] = (f"<{tag}>", f"</{tag}>", self.compile(member))

        def write(value: object, out: list[str]) -> None:
            assert isinstance(value, Mapping)
            for name, item in value.items():
                entry = table.get(name)
                if entry is not None and item is not None:
                    out.append(entry[0])
                    entry[2](item, out)
                    out.append(entry[1])

        return write

    def _list(self, shape: ListShape, tag: str) -> Writer:
        member = self.compile(shape.member)

        def write(value: object, out: list[str]) -> None:
            assert isinstance(value, list | tuple)
            for item in value:
                out.append(f"<{tag}>")
                member(item, out)
                out.append(f"</{tag}>")

        return write

    def _map(self, shape: MapShape) -> Writer:
        key_tag, value_tag = wire_name(shape.key, "key"), wire_name(shape.value, "value")
        item_writer = self.compile(shape.value)

        def write(value: object, out: list[str]) -> None:
            assert isinstance(value, Mapping)
            for key, item in value.items():
                out.append(f"<entry><{key_tag}>{_text(key)}</{key_tag}><{value_tag}>")
                item_writer(item, out)
                out.append(f"</{value_tag}></entry>")

        return write


def _text(value: object) -> str:
    # A carriage return would be read back as a newline.
    return escape(_NOT_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})


def _timestamp_text(value: object) -> str:
    assert isinstance(value, datetime)
    return timestamps.to_iso(value)


def _double_text(value: object) -> str:
    assert isinstance(value, int | float)
    text = repr(float(value))
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def _blob_text(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


_SCALAR_TEXTS: Mapping[str, Callable[[object], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "timestamp": _timestamp_text,
    "double": _double_text,
    "float": _double_text,
    "blob": _blob_text,
}
