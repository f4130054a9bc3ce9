"""YAML as the service reads it, with every place kept.

The types of plain words are those of JSON, not all of YAML 1.1: ``true`` and ``false`` are booleans, ``yes``, ``no``,
``on`` and ``off`` are text; dates, times and numbers with a leading zero (account ids) are text. Anchors, aliases and
merges are unfolded within limits; tags other than those of JSON's own types are refused (docs/decisions/0200).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any

import yaml

from wakeless.core.problems import Problem
from wakeless.runbooks.document import Json
from wakeless.runbooks.places import MAX_DEPTH, MAX_UNFOLDED, Mark, RawMark, Reading, Spot, shown

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})?\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,2})?|[-+]?(?:0|[1-9][0-9]{0,30})\.")
_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, type | UnionType] = {
    f"{_TAG}str": str,
    f"{_TAG}int": int,
    f"{_TAG}float": int | float,
    f"{_TAG}bool": bool,
    f"{_TAG}null": NoneType,
}
_COLLECTIONS = {f"{_TAG}map": dict, f"{_TAG}seq": list}
#: Whoever looks at the attributes of an event has looked at its class before; its stubs know them not.
_Event = Any
_QUOTE = "put text that begins with {{ in quotes"

#: How a tag of a short form in CloudFormation templates is read: `None` where tags are refused.
TagTable = dict[str, str]


def read_yaml(text: str, source: str, *, functions: TagTable | None = None, limit: int = MAX_UNFOLDED) -> Reading:
    """Return what ``text`` says; what is wrong with it as YAML is among `Reading.problems`.

    Args:
        text: one YAML document.
        source: what problems name as their source.
        functions: short tags that stand for a mapping with one key: ``{"!Sub": "Fn::Sub"}`` reads ``!Sub x`` as
            ``{"Fn::Sub": "x"}``.
        limit: characters and values that it may unfold into.
    """
    builder = _Builder(functions or {}, limit)
    try:
        value, spot = builder.read(text)
    except yaml.MarkedYAMLError as error:
        mark = _mark(error.problem_mark or error.context_mark)
        return Reading(problems=(Problem(source, mark.line, mark.column, "", *_syntax_words(error, text)),))
    except yaml.reader.ReaderError as error:
        mark = _reader_mark(text, error)
        return Reading(problems=(Problem(source, mark.line, mark.column, "", "has a character that YAML refuses"),))
    except UnicodeEncodeError as error:
        mark = _offset_mark(text, error.start)
        return Reading(problems=(Problem(source, mark.line, mark.column, "", "has half a character (a surrogate)"),))
    except _Refused as error:
        return Reading(problems=(Problem(source, error.mark.line, error.mark.column, "", str(error), error.hint),))
    problems = tuple(Problem(source, mark.line, mark.column, "", *words) for mark, *words in builder.problems)
    return Reading(value, lambda: spot, problems)


class _Refused(Exception):
    """Reading on makes no sense."""

    def __init__(self, message: str, mark: Mark, hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.hint = hint


@dataclass(slots=True)
class _Anchored:
    value: Json
    spot: Spot
    weight: int


class _Builder:
    """Makes values of YAML events; its recursion is bounded by `MAX_DEPTH`."""

    def __init__(self, functions: TagTable, limit: int) -> None:
        self.problems: list[tuple[Mark, str, str]] = []
        self._functions = functions
        self._limit = limit
        self._weight = 0
        #: None while the anchored value is being read.
        self._anchors: dict[str, _Anchored | None] = {}
        self._next: Callable[[], _Event] = yaml.StreamEndEvent

    def read(self, text: str) -> tuple[Json, Spot]:
        loader = _Loader(text)
        self._next = loader.get_event
        value: Json = None
        spot: Spot | None = None
        try:
            while not isinstance(event := self._next(), yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    if spot is not None:
                        raise _Refused("begins a second document; a runbook is one document", _mark(event.start_mark))
                    value, spot = self._value(self._next(), 0)
        finally:
            loader.dispose()
        return value, spot or Spot(Mark())

    def _value(self, event: _Event, depth: int) -> tuple[Json, Spot]:
        kind = type(event)
        value: Json
        if kind is yaml.ScalarEvent and event.tag is None and event.anchor is None:
            text: str = event.value
            self._weight += 1 + len(text)
            if self._weight > self._limit:
                self._grow(0, event)
            # A style is a quote or the sign of a block; a plain word has none, or an empty one.
            value = text if event.style else _plain(text)
            return value, Spot(event.start_mark)
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested more than {MAX_DEPTH} deep", _mark(event.start_mark))
        if kind is yaml.AliasEvent:
            return self._alias(event)
        before = self._weight
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        spot = Spot(event.start_mark)
        if kind is yaml.ScalarEvent:
            self._grow(1 + len(event.value), event)
            value = self._scalar(event)
        else:
            self._grow(1, event)
            value = self._sequence(spot, depth) if kind is yaml.SequenceStartEvent else self._mapping(spot, depth)
        if event.tag is not None:
            value, spot = self._tagged(event, value, spot)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, spot, self._weight - before)
        return value, spot

    def _tagged(self, event: _Event, value: Json, spot: Spot) -> tuple[Json, Spot]:
        tag: str = event.tag
        if tag in self._functions:
            name = self._functions[tag]
            outer = Spot(event.start_mark)
            outer.entries = {name: (event.start_mark, spot)}
            return {name: value}, outer
        wanted = dict if isinstance(event, yaml.MappingStartEvent) else list
        if not isinstance(event, yaml.ScalarEvent) and _COLLECTIONS.get(tag) is not wanted:
            self._refuse_tag(tag, _mark(event.start_mark))
        return value, spot

    def _grow(self, weight: int, event: _Event) -> None:
        self._weight += weight
        if self._weight > self._limit:
            raise _Refused("unfolds into too much", _mark(event.start_mark), "aliases that multiply are refused")

    def _alias(self, event: _Event) -> tuple[Json, Spot]:
        mark = _mark(event.start_mark)
        name = shown(event.anchor)
        if event.anchor not in self._anchors:
            raise _Refused(f'refers to an anchor that is not there: "*{name}"', mark, "put the value in quotes")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _Refused(f'contains itself by "*{name}"', mark)
        self._grow(anchored.weight, event)
        # Nothing changes values later, so what is shared stays shared.
        return anchored.value, anchored.spot

    def _scalar(self, event: _Event) -> Json:
        """Return a scalar that has a tag or an anchor."""
        text: str = event.value
        tag: str | None = event.tag
        if tag is None:
            return text if event.style else _plain(text)
        kind = _SCALARS.get(tag)
        if kind is str or tag == "!":
            return text
        if kind is None:
            if tag not in self._functions:
                self._refuse_tag(tag, _mark(event.start_mark))
            return text if event.style or tag not in self._functions else _plain(text)
        value = _plain(text)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            name = tag.rpartition(":")[2]
            self.problems.append((_mark(event.start_mark), f'"{shown(text)}" is not what its tag !!{name} says', ""))
        return value

    def _refuse_tag(self, tag: str, mark: Mark) -> None:
        name = tag.replace(_TAG, "!!")
        hint = "put text that begins with ! in quotes"
        if name in ("!Ref", "!Sub", "!GetAtt", "!Join", "!If"):
            hint = "functions of CloudFormation stand in templates only"
        self.problems.append((mark, f'has the tag "{shown(name)}"; tags are not accepted', hint))

    def _sequence(self, spot: Spot, depth: int) -> list[Json]:
        values: list[Json] = []
        spot.items = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            value, inner = self._value(event, depth + 1)
            values.append(value)
            spot.items.append(inner)
        return values

    def _mapping(self, spot: Spot, depth: int) -> dict[str, Json]:
        values: dict[str, Json] = {}
        spot.entries = {}
        merged: list[tuple[Json, Spot]] = []
        while type(key := self._next()) is not yaml.MappingEndEvent:
            if type(key) is not yaml.ScalarEvent:
                braces = isinstance(key, yaml.MappingStartEvent) and key.flow_style
                raise _Refused("has a key that is not text", _mark(key.start_mark), _QUOTE if braces else "")
            name: str = key.value
            self._grow(1 + len(name), key)
            if key.anchor is not None:
                self._anchors[key.anchor] = _Anchored(name, Spot(key.start_mark), 1 + len(name))
            value, inner = self._value(self._next(), depth + 1)
            if name == "<<" and not key.style:
                merged.append((value, inner))
            elif name in values:
                first = spot.entries[name][0]
                line = first.line + 1 if first is not None else 0
                message = f'the key "{shown(name)}" is given twice, first on line {line}'
                self.problems.append((_mark(key.start_mark), message, ""))
            else:
                values[name] = value
                spot.entries[name] = (key.start_mark, inner)
        for value, inner in merged:
            self._merge(value, inner, values, spot)
        return values

    def _merge(self, value: Json, inner: Spot, values: dict[str, Json], spot: Spot) -> None:
        """Take over what the mapping does not say itself (YAML 1.1's merge key)."""
        assert spot.entries is not None
        sources = list(zip(value, inner.items or [], strict=True)) if isinstance(value, list) else [(value, inner)]
        for source, source_spot in sources:
            if not isinstance(source, dict) or source_spot.entries is None:
                self.problems.append((_mark(inner.mark), "merges (<<) something that is not a mapping", ""))
                continue
            for name, item in source.items():
                if name not in values:
                    values[name] = item
                    spot.entries[name] = source_spot.entries[name]


def _plain(text: str) -> Json:
    """Return what a word without quotes and tag means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _mark(mark: RawMark | None) -> Mark:
    return Mark() if mark is None else Mark(mark.line + 1, mark.column + 1)


def _reader_mark(text: str, error: yaml.reader.ReaderError) -> Mark:
    # libyaml counts bytes and the reader in Python characters: look for the character itself.
    character = error.character
    wanted = chr(character) if isinstance(character, int) else str(character)
    offset = text.find(wanted) if len(wanted) == 1 else -1
    return _offset_mark(text, offset) if offset >= 0 else Mark()


def _offset_mark(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _syntax_words(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str]:
    """Return what is wrong and, where a common slip is recognised, the way out."""
    problem = (error.problem or "it cannot be read").strip().rstrip(",")
    mark = error.problem_mark
    line = ""
    if mark is not None:
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "\\t" in problem:
        return f"YAML not well-formed: {shown(problem)}", "indent with spaces, not with tabs"
    if ": {{" in line or "- {{" in line:
        return f"YAML not well-formed: {shown(problem)}", _QUOTE
    return f"YAML not well-formed: {shown(problem)}", ""
