"""Requests into plain Python values: one parser per shape, made once from the model.

A parser takes a raw value and a list of violations; it returns the value or, if the value has the wrong type,
raises `Malformed`.  Constraints are collected rather than raised: AWS names all violations in one answer.
Shapes are compiled to closures because PutMetricData carries thousands of members a call.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.model import ListShape, MapShape, Shape, StructureShape

from wakeless.core.errors import WakelessError
from wakeless.doors.aws_api.model import OperationShapes, wire_name
from wakeless.doors.aws_api.protocols.constraints import Rule, Violation

Violations = list[Violation]
Parser = Callable[[object, Violations], object]
#: A shape's constraints, as the model names them.
Facts = Mapping[str, Any]
_SizeCheck = Callable[[list[Any], Violations], bool]

#: Members of one list; no operation takes more than a thousand. Millions of empty ones fit into a request, and each
#: would be checked and complained about.
MAX_ITEMS = 10_000

_INTEGER_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


class Malformed(WakelessError):
    """A value has not the type that the model demands, or the body is not of its protocol."""

    code = "malformed"


class Wire(Protocol):
    """How one protocol writes scalars and collections; the rest is the same for all."""

    #: Parsers by the model's type names: string, integer, double, boolean, timestamp, blob.
    scalars: Mapping[str, Parser]

    def items(self, shape: ListShape) -> Callable[[object], list[object]]:
        """Return a function that takes a raw list apart."""
        ...

    def pairs(self, shape: MapShape) -> Callable[[object], list[tuple[object, object]]]:
        """Return a function that takes a raw map apart."""
        ...

    def members(self, raw: object) -> Mapping[object, object]:
        """Return a raw structure's members."""
        ...


class Compiler:
    """Makes the parsers of one protocol; a shape that contains itself is compiled once."""

    def __init__(self, wire: Wire, *, absent: object = None) -> None:
        """Compile for ``wire``; besides None, ``absent`` stands for a member that is not there."""
        self._wire = wire
        self._absent = absent
        self._inputs: dict[OperationShapes, Parser] = {}
        self._made: dict[str, Parser] = {}

    def input_of(self, operation: OperationShapes) -> Parser:
        """Return the parser of an operation's input."""
        made = self._inputs.get(operation)
        if made is None:
            assert operation.input is not None
            # Shape names are a service's own, so nothing is shared between compilations.
            self._made = {}
            made = self._inputs[operation] = self.compile(operation.input, operation.unchecked)
        return made

    def compile(self, shape: Shape, unchecked: frozenset[str] = frozenset(), *, checked: bool = True) -> Parser:
        """Return the parser of ``shape``; in and below the shapes ``unchecked`` it minds types only."""
        checked = checked and shape.name not in unchecked
        # Members that share a shape may differ in their serialization (flattened lists, wire names).
        key = f"{shape.name}|{sorted(shape.serialization.items())}|{checked}"
        shapes = self._made
        made = shapes.get(key)
        if made is None:
            shapes[key] = lambda raw, violations: shapes[key](raw, violations)
            made = shapes[key] = self._make(
                shape, lambda inner: self.compile(inner, unchecked, checked=checked), checked
            )
        return made

    def _make(self, shape: Shape, inner: Callable[[Shape], Parser], checked: bool) -> Parser:
        facts = shape.metadata if checked else {}
        if isinstance(shape, StructureShape):
            table: dict[object, tuple[str, Parser]] = {
                wire_name(member, name): (name, inner(member)) for name, member in shape.members.items()
            }
            return self._structure(table, tuple(shape.required_members) if checked else ())
        if isinstance(shape, ListShape):
            return _list(self._wire.items(shape), inner(shape.member), _size_check(facts))
        if isinstance(shape, MapShape):
            return _map(self._wire.pairs(shape), inner(shape.key), inner(shape.value), _size_check(facts))
        scalars = self._wire.scalars
        if shape.type_name == "string":
            return _string(facts, scalars["string"])
        if shape.type_name in _INTEGER_RANGES:
            return _number(facts, _within(scalars["integer"], *_INTEGER_RANGES[shape.type_name]))
        if shape.type_name in ("double", "float"):
            return _number(facts, scalars["double"])
        return scalars[shape.type_name]

    def _structure(self, table: Mapping[object, tuple[str, Parser]], required: tuple[str, ...]) -> Parser:
        members, absent = self._wire.members, self._absent

        def parse(raw: object, violations: Violations) -> object:
            given: Mapping[object, object] = raw if type(raw) is dict else members(raw)
            parsed: dict[str, object] = {}
            mark = len(violations)
            for key, value in given.items():
                entry = table.get(key)
                # An unknown member is ignored, a null one is absent.
                if entry is None or value is None or value is absent:
                    continue
                name, member = entry
                parsed[name] = member(value, violations)
                if violations and len(violations) > mark:
                    mark = _placed(violations, mark, name)
            for name in required:
                if name not in parsed:
                    violations.append(Violation(Rule.REQUIRED, None, path=[name]))
            return parsed

        return parse


def _list(take_apart: Callable[[object], list[object]], member: Parser, check: _SizeCheck | None) -> Parser:
    def parse(raw: object, violations: Violations) -> object:
        items = take_apart(raw)
        if len(items) > MAX_ITEMS:
            raise Malformed(f"a list has more than {MAX_ITEMS} members")
        if check is not None and not check(items, violations):
            return items
        parsed = []
        mark = len(violations)
        for item in items:
            if item is None:
                continue  # lists are never sparse in the services served here
            parsed.append(member(item, violations))
            if violations and len(violations) > mark:
                mark = _placed(violations, mark, len(parsed))
        return parsed

    return parse


def _map(
    take_apart: Callable[[object], list[tuple[object, object]]],
    key_parser: Parser,
    value_parser: Parser,
    check: _SizeCheck | None,
) -> Parser:
    def parse(raw: object, violations: Violations) -> object:
        pairs = take_apart(raw)
        if check is not None and not check(pairs, violations):
            return {}
        parsed: dict[object, object] = {}
        mark = len(violations)
        for raw_key, raw_value in pairs:
            key = key_parser(raw_key, violations)
            if raw_value is not None:
                parsed[key] = value_parser(raw_value, violations)
            if violations and len(violations) > mark:
                mark = _placed(violations, mark, str(key))
        return parsed

    return parse


def _placed(violations: Violations, mark: int, segment: str | int) -> int:
    for violation in violations[mark:]:
        violation.path.append(segment)
    return len(violations)


def _within(convert: Parser, low: int, high: int) -> Parser:
    def checked(raw: object, violations: Violations) -> object:
        value = convert(raw, violations)
        assert isinstance(value, int)
        if not low <= value <= high:
            raise Malformed("a whole number is out of its range")
        return value

    return checked


def _string(facts: Facts, convert: Parser) -> Parser:
    secret = bool(facts.get("sensitive"))
    if facts.get("enum"):
        return _enum(tuple(facts["enum"]), convert, secret)
    low, high = facts.get("min", 0), facts.get("max", sys.maxsize)
    pattern = _compiled(facts.get("pattern"))
    if low <= 0 and high == sys.maxsize and pattern is None:
        return convert

    def parse(raw: object, violations: Violations) -> object:
        if type(raw) is not str:
            return convert(raw, violations)  # which knows what to call it
        if not low <= len(raw) <= high:
            rule, limit = (Rule.MIN_LENGTH, low) if len(raw) < low else (Rule.MAX_LENGTH, high)
            violations.append(Violation(rule, raw, limit, secret=secret))
        elif pattern is not None and not pattern.fullmatch(raw):
            violations.append(Violation(Rule.PATTERN, raw, facts["pattern"], secret=secret))
        return raw

    return parse


def _enum(values: tuple[str, ...], convert: Parser, secret: bool) -> Parser:
    allowed = frozenset(values)

    def parse(raw: object, violations: Violations) -> object:
        if type(raw) is not str:
            return convert(raw, violations)
        if raw not in allowed:
            violations.append(Violation(Rule.ENUM, raw, values, secret=secret))
        return raw

    return parse


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        return re.compile(pattern)
    except re.error:
        # Java's classes such as \p{L}: the operation itself must judge such a value.
        return None


def _number(facts: Facts, convert: Parser) -> Parser:
    low, high = facts.get("min"), facts.get("max")
    if low is None and high is None:
        return convert

    def parse(raw: object, violations: Violations) -> object:
        value = convert(raw, violations)
        assert isinstance(value, int | float)
        if low is not None and value < low:
            violations.append(Violation(Rule.MIN_VALUE, value, low))
        elif high is not None and value > high:
            violations.append(Violation(Rule.MAX_VALUE, value, high))
        return value

    return parse


def _size_check(facts: Facts) -> _SizeCheck | None:
    low, high = facts.get("min"), facts.get("max")
    if low is None and high is None:
        return None

    def check(items: list[Any], violations: Violations) -> bool:
        if low is not None and len(items) < low:
            violations.append(Violation(Rule.MIN_SIZE, items, low))
            return False
        if high is not None and len(items) > high:
            violations.append(Violation(Rule.MAX_SIZE, items, high))
            return False
        return True

    return check
