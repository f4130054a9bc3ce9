"""Values from one type to another: what an output, an iterator, a condition or the API's wire form makes of a value.

The rules are AWS's for outputs: numbers and truth values become text, single values become lists of one, lists of one
single value are unwrapped, objects and lists become compact JSON text. Everything else is a `Mismatch`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping

from wakeless.core.errors import Refused
from wakeless.runbooks.document import IteratorType, Json, ValueType

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

#: Nobody writes deeper data by hand; JSON libraries begin to fail beyond about ten times as much.
MAX_DEPTH = 100

#: Python writes no number of more than 4,300 digits.
_MAX_BITS = 10_000

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")


class Mismatch(Refused):
    """The value cannot be had as the wanted type."""

    code = "type_mismatch"


class NotJson(Refused):
    """The value is not JSON, or nested deeper than anything real."""

    code = "not_json"


def text(value: Json) -> str:
    """Return the value as it reads in the middle of other text: strings as they are, the rest as compact JSON."""
    return value if isinstance(value, str) else compact(value)


def compact(value: object) -> str:
    """Return JSON without blanks, other alphabets as they are; raises `NotJson`."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(f"cannot be written as JSON: {error}") from error


def parse_json(written: str) -> Json:
    """Return what the JSON text means; raises `NotJson`."""
    try:
        value: object = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"is not JSON: {error}") from error
    return admit(value)


def admit(value: object) -> Json:
    """Return data from outside as JSON: keys are text, tuples are lists, NaN and infinities are text.

    Halves of characters become question marks. Raises `NotJson` for anything else, for numbers of thousands of digits,
    and for what is nested deeper than `MAX_DEPTH`.
    """
    return _admit(value, MAX_DEPTH)


def whole_text(written: str) -> str:
    """Return text that can be stored: half of a character, which no encoding knows, becomes a question mark."""
    return written if written.isascii() else written.encode("utf-8", "replace").decode()


def _admit(value: object, depth: int) -> Json:
    if isinstance(value, str):
        return whole_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise NotJson("holds a number of thousands of digits")
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        raise NotJson(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {whole_text(str(key)): _admit(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_admit(item, depth - 1) for item in value]
    raise NotJson(f"holds a {type(value).__name__}, which is not JSON")


def to_type(value: Json, wanted: ValueType) -> Json:
    """Return the value converted to the declared type of an output; raises `Mismatch` or `NotJson`."""
    return _CONVERSIONS[wanted](value)


def to_string(value: Json) -> str:
    """Return text: a list of one single value gives that value, objects and other lists their JSON."""
    if isinstance(value, list) and len(value) == 1 and _is_single(value[0]):
        value = value[0]
    return text(value)


def to_string_list(value: Json) -> list[Json]:
    """Return a list of text; raises `Mismatch` for an object."""
    if isinstance(value, list):
        return [text(item) for item in value]
    if _is_single(value):
        return [text(value)]
    raise _mismatch(value, ValueType.STRING_LIST)


def to_integer(value: Json) -> int:
    """Return a whole number, from decimal text too; raises `Mismatch`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise _mismatch(value, ValueType.INTEGER)


def to_boolean(value: Json) -> bool:
    """Return a truth value, from the words ``true`` and ``false`` in any case too; raises `Mismatch`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise _mismatch(value, ValueType.BOOLEAN)


def to_string_map(value: Json) -> dict[str, Json]:
    """Return an object as it is; numbers and truth values inside are kept. Raises `Mismatch`."""
    if isinstance(value, dict):
        return value
    raise _mismatch(value, ValueType.STRING_MAP)


def to_map_list(value: Json) -> list[Json]:
    """Return a list of objects as it is; raises `Mismatch`."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise _mismatch(value, ValueType.MAP_LIST)


_CONVERSIONS: Mapping[ValueType, Callable[[Json], Json]] = {
    ValueType.STRING: to_string,
    ValueType.STRING_LIST: to_string_list,
    ValueType.INTEGER: to_integer,
    ValueType.BOOLEAN: to_boolean,
    ValueType.STRING_MAP: to_string_map,
    ValueType.MAP_LIST: to_map_list,
}


def iterator_item(value: Json, wanted: IteratorType) -> Json:
    """Return one item of a for-each in its declared type; maps may be JSON text. Raises `Mismatch`, `NotJson`."""
    if wanted is IteratorType.STRING_MAP:
        return to_string_map(parse_json(value) if isinstance(value, str) else value)
    return to_type(value, ValueType(wanted.value))


def is_of_type(value: Json, wanted: ValueType) -> bool:
    """Say whether the value is of the type already, with no conversion (aws:updateVariable asks for that)."""
    match wanted:
        case ValueType.STRING:
            return isinstance(value, str)
        case ValueType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.STRING_LIST:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case ValueType.STRING_MAP:
            return isinstance(value, dict)
        case ValueType.MAP_LIST:
            return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def to_wire(value: Json) -> list[str]:
    """Return the list of text by which the API shows and takes a value: lists by item, objects as JSON text."""
    if isinstance(value, list):
        return [text(item) for item in value]
    return [text(value)]


def _is_single(value: Json) -> bool:
    return isinstance(value, str | bool | int | float)


def _mismatch(value: Json, wanted: ValueType) -> Mismatch:
    return Mismatch(f"{_kind(value)} cannot be converted to {wanted}")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    names: Mapping[type, str] = {
        bool: "a Boolean",
        int: "an Integer",
        float: "a number",
        str: "a String",
        dict: "a map",
    }
    return names.get(type(value), "a list")
