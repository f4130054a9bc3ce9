"""What may stand where: the settings' types, walked by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from wakeless.app.settings.values import is_secret
from wakeless.app.settings.yaml_text import Path, Raw


def keys_of(section: type[BaseModel]) -> dict[str, object]:
    """Return the keys that a section takes in a file, each with its type; secrets also as ``<key>_file``."""
    keys: dict[str, object] = {}
    for name, field in section.model_fields.items():
        keys[field.alias or name] = field.annotation
        if is_secret(field.annotation):
            keys[f"{name}_file"] = str
    return keys


def sections_at(top: type[BaseModel], path: Path, raw: Raw) -> list[type[BaseModel]]:
    """Return the sections that may stand at ``path``; where ``kind`` decides, only the one that ``raw`` names."""
    kind = _kind(raw, path)
    found = [one for one in _alternatives(_type_at(top, path)) if isinstance(one, type) and issubclass(one, BaseModel)]
    named = [one for one in found if kind in get_args(getattr(one.model_fields.get("kind"), "annotation", None))]
    return named or found


def is_structured(top: type[BaseModel], path: Path) -> bool:
    """Say whether a list, a mapping or a section stands at ``path``."""
    for one in _alternatives(_type_at(top, path)):
        origin = get_origin(one)
        if origin in (tuple, list, dict, frozenset) or (isinstance(one, type) and issubclass(one, BaseModel)):
            return True
    return False


def _type_at(top: type[BaseModel], path: Path) -> object:
    found: list[object] = [top]
    for part in path:
        found = [deeper for one in found for deeper in _step(one, part)]
    return Union[tuple(found)] if found else None  # noqa: UP007 - built at run time


def _step(one: object, part: str | int) -> Iterator[object]:
    for alternative in _alternatives(one):
        origin = get_origin(alternative)
        if origin in (tuple, list, frozenset):
            yield get_args(alternative)[0]
        elif origin is dict:
            yield get_args(alternative)[1]
        elif isinstance(alternative, type) and issubclass(alternative, BaseModel):
            keys = keys_of(alternative)
            if part in keys:
                yield keys[str(part)]


def _alternatives(one: object) -> Iterator[object]:
    origin = get_origin(one)
    if origin is Annotated:
        yield from _alternatives(get_args(one)[0])
    elif origin in (Union, UnionType):
        for part in get_args(one):
            yield from _alternatives(part)
    else:
        yield one


def _kind(raw: Raw, path: Path) -> object:
    value = value_at(raw, path)
    return value.get("kind") if isinstance(value, Mapping) else None


def value_at(raw: Raw, path: Path) -> Raw:
    """Return what stands at ``path``, or None."""
    for part in path:
        if isinstance(raw, dict) and isinstance(part, str):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return None
    return raw
