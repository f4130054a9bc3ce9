"""Defaults of parameters and variables, as the value of their type that they mean (reference 1.3, 1.6)."""

from __future__ import annotations

import json
import re

from wakeless.runbooks.document import Json, ParameterType, ValueType
from wakeless.runbooks.fields import Fields
from wakeless.runbooks.interpolate import ReferenceKind, references, whole

#: A default of none: the parameter must be given.
_ABSENT: tuple[Json, bool] = (None, False)
_INTEGER = re.compile(r"\s*[-+]?[0-9]{1,18}\s*")


def parameter_default(fields: Fields, kind: ParameterType) -> tuple[Json, bool]:
    """Return the default and whether there is one; ``null`` is none."""
    value = fields.values.get("default")
    if value is None:
        return _ABSENT
    if isinstance(value, str) and _parameter_store(fields, value, kind):
        return value, True
    return _natural(fields, value, kind.value_type, kind.value)


def variable_default(fields: Fields, kind: ValueType) -> tuple[Json, bool]:
    """Return the default and whether there is one; it may be a reference to a parameter."""
    value = fields.values.get("default")
    if value is None:
        return _ABSENT
    if isinstance(value, str) and whole(value) is not None:
        return value.strip(), True
    return _natural(fields, value, kind, kind.value)


def _parameter_store(fields: Fields, text: str, kind: ParameterType) -> bool:
    """Return whether the default is taken from Parameter Store; note references that cannot stand in a default."""
    found = list(references(text))
    if not found:
        return False
    if whole(text) is not None and found[0].kind is ReferenceKind.PARAMETER_STORE:
        if kind.value_type not in (ValueType.STRING, ValueType.STRING_LIST):
            fields.wrong("default", f'a "{kind}" parameter cannot take its default from Parameter Store')
        return True
    if any(reference.kind is ReferenceKind.PARAMETER_STORE for reference in found):
        fields.wrong("default", "a reference to Parameter Store must be the whole default")
    elif any(reference.kind in (ReferenceKind.PARAMETER, ReferenceKind.OUTPUT) for reference in found):
        fields.wrong("default", "a default may not refer to other parameters or steps")
    else:
        fields.notes.odd(fields.at("default"), "references in a default are not resolved: it is taken as it stands")
    return False


def _natural(fields: Fields, value: Json, kind: ValueType, name: str) -> tuple[Json, bool]:
    fits, converted = _convert(value, kind)
    if not fits:
        message = f'Wrong default value for a "{name}" parameters'
        if fields.path[0] == "variables":
            message = f'Wrong default value for a "{name}" variable'
        fields.wrong("default", message, _HINTS[kind])
        return _ABSENT
    if kind is ValueType.STRING and not isinstance(value, str):
        fields.notes.odd(fields.at("default"), "the default of a String should be in quotes")
    return converted, True


_HINTS = {
    ValueType.STRING: "text",
    ValueType.STRING_LIST: "a list of texts",
    ValueType.INTEGER: "a whole number",
    ValueType.BOOLEAN: "true or false without quotes",
    ValueType.STRING_MAP: "a mapping",
    ValueType.MAP_LIST: "a list of mappings",
}


def _convert(value: Json, kind: ValueType) -> tuple[bool, Json]:
    """Return whether ``value`` can be a default of this type, and the value it means.

    Laxness as the service has it: numbers in quotes for Integer, JSON text for StringMap and MapList.
    """
    if kind is ValueType.STRING:
        return _text(value)
    if kind is ValueType.STRING_LIST:
        if not isinstance(value, list):
            return False, None
        items = [_text(item) for item in value]
        return all(fits for fits, _ in items), [item for _, item in items]
    if kind is ValueType.INTEGER:
        return _integer(value)
    if kind is ValueType.BOOLEAN:
        return isinstance(value, bool), value
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else ({} if kind is ValueType.STRING_MAP else [])
        except (ValueError, RecursionError):
            return False, None
    if kind is ValueType.STRING_MAP:
        return isinstance(value, dict), value
    return isinstance(value, list) and all(isinstance(item, dict) for item in value), value


def _text(value: Json) -> tuple[bool, Json]:
    if isinstance(value, str):
        return True, value
    if isinstance(value, bool):
        return True, "true" if value else "false"
    return isinstance(value, int | float), str(value)


def _integer(value: Json) -> tuple[bool, Json]:
    if isinstance(value, int) and not isinstance(value, bool):
        return True, value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return True, int(value)
    return False, None
