"""Writes docs/reference/settings.md from the settings' own types: ``python -m wakeless.app.settings.reference``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from wakeless.app.settings.duration import format_duration
from wakeless.app.settings.model import Settings
from wakeless.app.settings.policy import LimitsSettings, PolicySettings, VerifySettings
from wakeless.app.settings.values import Address, Hours, parse_seconds
from wakeless.core.secret import Secret
from wakeless.remediation.plan import Limits, Policy, VerifyPolicy

_INTRODUCTION = """\
# Settings

`wakeless.yaml`, or the file that `--config` or `WAKELESS_CONFIG` names; without one, the defaults are for a laptop. Two
examples, one minimal and one with every section, are in [examples](../../examples/wakeless.yaml).
This page is written from the program: `python -m wakeless.app.settings.reference > docs/reference/settings.md`.

- **Strict.** An unknown key is refused, and the nearest known one named. `wakeless check` lists every problem with its
  line and column; a server does not start with one.
- **Durations** are `30s`, `5m`, `1h30m`, `2d`, `250ms`, ISO 8601 (`PT10M`, `P1DT2H`) or a number of seconds.
- **Globs** have `*`, `?` and `[abc]`, are case-sensitive (those of `targets` are not) and must match the whole value;
  `*` crosses `/`. Where a list of globs stands, one of them must match, and a single one needs no brackets.
- **Relative paths** start at the folder of the settings file, `~` is the home folder.
- **Secrets** never appear in output, logs or errors. For every secret `x` there is `x_file`, the path of a file that
  holds it.
- **YAML** without tags, merges (`<<`) and duplicate keys. What a plain value means is decided here and not by its
  looks: `account: 000000000012` keeps its zeros and `no` is text where text is wanted. JSON is YAML.

## From the environment

Every value: `WAKELESS_` and the path in capitals, with `__` between the parts. Entries of lists are named by their
position or by their `name` or `id`; `-` and `.` in names become `_`. The environment is stronger than the file; an
empty variable counts as unset. Lists and mappings are written as JSON or YAML, simple lists also with commas.
Variables that only begin alike (Kubernetes sets `WAKELESS_SERVICE_HOST`) are left alone, except where they look like a
slip of the pen.

| variable | is |
|---|---|
| `WAKELESS_LISTEN` | `listen` |
| `WAKELESS_LOG__LEVEL` | `log.level` |
| `WAKELESS_AWS__ENDPOINTS__S3` | `aws.endpoints.s3` |
| `WAKELESS_PRINCIPALS__ALICE__TOKEN_FILE` | the file with the token of the principal `alice` |
| `WAKELESS_CHANNELS__ON_CALL__PASSWORD` | the password of the channel `on-call` |
| `WAKELESS_TARGETS__0__SSH__HOST` | the host of the first target |
| `WAKELESS_ESCALATE_TO=console,on-call` | `escalate_to` |
"""

#: Where the value that holds when nothing is written comes from, for sections whose fields inherit.
_INHERITED: dict[type[BaseModel], Any] = {
    PolicySettings: Policy(),
    VerifySettings: VerifyPolicy(),
    LimitsSettings: Limits(),
}


def render() -> str:
    """Return the page."""
    return _INTRODUCTION + "".join(_sections())


def _sections() -> Iterator[str]:
    done: dict[type[BaseModel], str] = {}
    waiting: list[tuple[str, type[BaseModel]]] = [("", Settings)]
    while waiting:
        path, section = waiting.pop(0)
        if section in done:
            continue
        done[section] = path
        yield f"\n## `{path}`\n\n{_meaning(section)}\n" if path else "\n## Top level\n"
        yield "\n| key | kind | default | meaning |\n|---|---|---|---|\n"
        deeper: list[tuple[str, type[BaseModel]]] = []
        for name, field in _ordered(section):
            key = field.alias or name
            found = [(_place(path, key, field.annotation, one), one) for one in _sections_in(field.annotation)]
            deeper.extend(found)
            yield _row(section, name, field, [done.get(one, place) for place, one in found])
        waiting[:0] = deeper


def _ordered(section: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the fields; what a rule inherits comes after what makes it a rule."""
    inherited = PolicySettings.model_fields if section is not PolicySettings else {}
    return sorted(section.model_fields.items(), key=lambda item: item[0] in inherited)


def _meaning(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").replace("``", "`").split())


def _place(path: str, key: str, annotation: object, section: type[BaseModel]) -> str:
    place = f"{path}.{key}" if path else key
    origins = {get_origin(one) for one in _flat(annotation)}
    if tuple in origins:
        place += "[]"
    elif dict in origins:
        place += ".<name>"
    kind = section.model_fields.get("kind")
    return f"{place} (kind: {get_args(kind.annotation)[0]})" if kind is not None else place


def _row(section: type[BaseModel], name: str, field: FieldInfo, places: list[str]) -> str:
    meaning = (field.description or "").replace("|", "\\|")
    links = ", ".join(f"[`{place}`](#{_anchor(place)})" for place in places)
    kind = links or _kind(field)
    key = field.alias or name
    shown = f"`{key}`, `{key}_file`" if _is_secret(field) else f"`{key}`"
    return f"| {shown} | {kind} | {_default(section, name, field)} | {meaning} |\n"


def _anchor(place: str) -> str:
    kept = "".join(character for character in place.lower() if character.isalnum() or character in " -_")
    return kept.replace(" ", "-")


def _flat(annotation: object) -> Iterator[object]:
    """Yield the alternatives of a type, without `Annotated` and unions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _flat(part)
    else:
        yield annotation


def _sections_in(annotation: object) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    for one in _flat(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            found.append(one)
        elif get_origin(one) in (tuple, dict):
            for part in get_args(one):
                found.extend(_sections_in(part))
    return found


def _is_secret(field: FieldInfo) -> bool:
    return any(one is Secret for one in _flat(field.annotation))


def _is_duration(annotation: object, metadata: list[Any]) -> bool:
    if any(isinstance(one, BeforeValidator) and one.func is parse_seconds for one in metadata):
        return True
    if get_origin(annotation) is Annotated:
        return _is_duration(*_split(annotation))
    return get_origin(annotation) in (Union, UnionType) and any(_is_duration(part, []) for part in get_args(annotation))


def _split(annotation: object) -> tuple[object, list[Any]]:
    bare, *metadata = get_args(annotation)
    return bare, metadata


def _kind(field: FieldInfo) -> str:
    if _is_duration(field.annotation, list(field.metadata)):
        return "duration"
    return " or ".join(dict.fromkeys(_word(one) for one in _flat(field.annotation) if one is not type(None)))


_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "number",
    float: "number",
    str: "text",
    Path: "path",
    Secret: "secret",
    Address: "host:port",
    Hours: "hours",
}


def _word(one: object) -> str:
    origin = get_origin(one)
    if origin is tuple:
        inner = _word(next(iter(_flat(get_args(one)[0])))).removeprefix("one of ")
        return f"list of {inner}"
    if origin is dict:
        return f"mapping of name to {_word(next(iter(_flat(get_args(one)[1]))))}"
    if origin is frozenset:
        return "list of days"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(one))
    if isinstance(one, type) and issubclass(one, StrEnum):
        return "one of " + ", ".join(f"`{value.value}`" for value in one)
    return _WORDS.get(one, "date and time")


def _default(section: type[BaseModel], name: str, field: FieldInfo) -> str:
    for owner, record in _INHERITED.items():
        if issubclass(section, owner) and field.default is None and hasattr(record, name):
            value = getattr(record, name)
            break
    else:
        if field.is_required():
            return "required"
        value = None if field.default_factory else field.default
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, float):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(str(one) for one in value)}]`" if value else ""
    if isinstance(value, dict):
        return ""
    text = f"./{value}" if isinstance(value, Path) else str(value)
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    print(render(), end="")
