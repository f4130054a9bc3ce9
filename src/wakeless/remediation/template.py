"""Values from the alarm in a rule's parameters and target: ``{{ alarm.dimensions.InstanceId }}``, and nothing more.

No expressions, no filters, no evaluation: a path either names something the alarm has or is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wakeless.alarms.alarm import Alarm
from wakeless.core.errors import Refused

#: Characters of a rendered value.
MAX_VALUE = 8192


class InvalidTemplate(Refused):
    """The text is not a template."""

    code = "invalid_template"


class ValueMissing(Refused):
    """The alarm does not have what the template asks for, or it cannot be passed on."""

    code = "invalid_parameters"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One ``{{ … }}``: a field of the alarm, or an entry of one of its mappings."""

    field: str
    entry: str | None = None

    def __str__(self) -> str:
        if self.entry is None:
            return f"alarm.{self.field}"
        plain = re.fullmatch(r"[A-Za-z0-9_-]+", self.entry)
        return f"alarm.{self.field}.{self.entry}" if plain else f'alarm.{self.field}["{self.entry}"]'


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and lookups, in order."""

    parts: tuple[str | Lookup, ...]

    @property
    def is_literal(self) -> bool:
        """Whether the alarm plays no part in it."""
        return all(isinstance(part, str) for part in self.parts)


_FIELDS: Mapping[str, Callable[[Alarm], str | None]] = {
    "source": lambda alarm: alarm.source,
    "name": lambda alarm: alarm.name,
    "state": lambda alarm: alarm.state.value,
    "reason": lambda alarm: alarm.reason,
    "description": lambda alarm: alarm.description,
    "arn": lambda alarm: alarm.arn,
    "account": lambda alarm: alarm.account,
    "region": lambda alarm: alarm.region,
    "namespace": lambda alarm: alarm.namespace,
    "metric": lambda alarm: alarm.metric,
    "url": lambda alarm: alarm.url,
    "fingerprint": lambda alarm: alarm.fingerprint,
    "changed_at": lambda alarm: alarm.changed_at.isoformat(),
}
_MAPPINGS: Mapping[str, Callable[[Alarm], Mapping[str, str]]] = {
    "dimensions": lambda alarm: alarm.dimensions,
    "labels": lambda alarm: alarm.labels,
    "annotations": lambda alarm: alarm.annotations,
}
_OPEN, _CLOSE = "{{", "}}"
_PATH = re.compile(
    r"""\s*alarm\s*\.\s*(?P<field>[a-z_]+)
        (?:\s*\.\s*(?P<plain>[A-Za-z0-9_-]+)|\s*\[\s*(?:"(?P<double>[^"{}]*)"|'(?P<single>[^'{}]*)')\s*\])?\s*""",
    re.VERBOSE,
)


def parse(text: str) -> Template:
    """Return the template that ``text`` is; raises `InvalidTemplate`."""
    parts: list[str | Lookup] = []
    rest = text
    while rest:
        literal, opened, rest = rest.partition(_OPEN)
        if literal:
            parts.append(literal)
        if not opened:
            break
        inside, closed, rest = rest.partition(_CLOSE)
        if not closed:
            raise InvalidTemplate("has {{ without }}")
        parts.append(_lookup(inside))
    return Template(tuple(parts))


def _lookup(inside: str) -> Lookup:
    match = _PATH.fullmatch(inside)
    if match is None:
        raise InvalidTemplate("only {{ alarm.… }} can be used, for example {{ alarm.dimensions.InstanceId }}")
    field = match["field"]
    entry = next((match[kind] for kind in ("plain", "double", "single") if match[kind] is not None), None)
    if field in _FIELDS and entry is None:
        return Lookup(field)
    if field in _MAPPINGS and entry:
        return Lookup(field, entry)
    if field in _MAPPINGS:
        raise InvalidTemplate(f"alarm.{field} needs a name, for example alarm.{field}.Name")
    if field in _FIELDS:
        raise InvalidTemplate(f"alarm.{field} is text and has nothing below it")
    raise InvalidTemplate(f"there is no alarm.{field}; there is {', '.join(sorted([*_FIELDS, *_MAPPINGS]))}")


def render(template: Template, alarm: Alarm) -> str:
    """Return the text with the alarm's values; raises `ValueMissing`, also for a NUL and for more than `MAX_VALUE`."""
    text = "".join(part if isinstance(part, str) else _value(part, alarm) for part in template.parts)
    check_value(text)
    return text


def _value(lookup: Lookup, alarm: Alarm) -> str:
    of_alarm = _FIELDS.get(lookup.field)
    value = of_alarm(alarm) if of_alarm else _MAPPINGS[lookup.field](alarm).get(lookup.entry or "")
    if value is None:
        raise ValueMissing(f"the alarm has no {str(lookup).removeprefix('alarm.')}")
    return value


def check_value(text: str) -> None:
    """Raise `ValueMissing` unless ``text`` can be the value of an environment variable everywhere."""
    if len(text) > MAX_VALUE:
        raise ValueMissing(f"a value has {len(text)} characters, at most {MAX_VALUE} can be passed on")
    if "\0" in text:
        raise ValueMissing("a value has a NUL, which cannot be passed on")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueMissing("a value is not valid text") from None
