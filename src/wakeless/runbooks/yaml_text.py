"""YAML as the service reads it, with every place kept.

The types of plain words are those of JSON, not all of YAML 1.1: ``true`` and ``false`` are booleans, ``yes``, ``no``,
``on`` and ``off`` are text; dates, times and numbers with a leading zero (account ids) are text. Anchors, aliases and
merges are unfolded within limits; tags other than those of JSON's own types are refused (docs/decisions/0200).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import yaml

from wakeless.core.problems import Problem
from wakeless.runbooks.document import Json
from wakeless.runbooks.places import MAX_DEPTH, MAX_UNFOLDED, Mark, Reading, Spot, shown

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})?\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,2})?|[-+]?(?:0|[1-9][0-9]{0,30})\.")
_TAGS = {f"tag:yaml.org,2002:{kind}": kind for kind in ("str", "int", "float", "bool", "null", "map", "seq")}
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
        self._events: Iterator[yaml.Event] = iter(())

    def read(self, text: str) -> tuple[Json, Spot]:
        self._events = iter(yaml.parse(text, Loader=_Loader))
        value: Json = None
        spot: Spot | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if spot is not None:
                    raise _Refused("begins a second document; a runbook is one document", _mark(event.start_mark))
                value, spot = self._value(next(self._events), 0)
        return value, spot or Spot(Mark(1, 1))

    def _value(self, event: yaml.Event, depth: int) -> tuple[Json, Spot]:
        mark = _mark(event.start_mark)
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested more than {MAX_DEPTH} deep", mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        assert isinstance(event, yaml.NodeEvent)
        before = self._weight
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        spot = Spot(mark)
        tag = event.tag if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) else None
        if isinstance(event, yaml.ScalarEvent):
            self._grow(1 + len(event.value), mark)
            value = self._scalar(event, mark)
        else:
            self._grow(1, mark)
            if isinstance(event, yaml.SequenceStartEvent):
                value = self._sequence(spot, depth)
            else:
                value = self._mapping(event, spot, depth)
        if tag is not None and tag in self._functions:
            value = {self._functions[tag]: value}
            spot = Spot(mark, {self._functions[tag]: (mark, spot)})
        elif tag is not None and not isinstance(event, yaml.ScalarEvent) and _TAGS.get(tag) not in ("map", "seq"):
            self._refuse_tag(tag, mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, spot, self._weight - before)
        return value, spot

    def _grow(self, weight: int, mark: Mark) -> None:
        self._weight += weight
        if self._weight > self._limit:
            raise _Refused("unfolds into too much", mark, "aliases that multiply are refused")

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> tuple[Json, Spot]:
        name = shown(event.anchor)
        if event.anchor not in self._anchors:
            raise _Refused(f'refers to an anchor that is not there: "*{name}"', mark, "put the value in quotes")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _Refused(f'contains itself by "*{name}"', mark)
        self._grow(anchored.weight, mark)
        # Nothing changes values later, so what is shared stays shared.
        return anchored.value, anchored.spot

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Json:
        text: str = event.value
        kind: str | None = None
        if event.tag is not None and event.tag != "!":
            kind = _TAGS.get(event.tag)
            if kind is None and event.tag not in self._functions:
                self._refuse_tag(event.tag, mark)
            if kind in ("map", "seq"):
                self._refuse_tag(event.tag, mark)
        plain = event.implicit[0] and not event.style
        if kind is None:
            return _plain(text) if plain else text
        if kind == "str":
            return text
        value = _plain(text)
        wanted = {"int": int, "float": int | float, "bool": bool, "null": type(None)}
        if kind in wanted and (not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "bool")):
            self.problems.append((mark, f'"{shown(text)}" is not what its tag !!{kind} says', ""))
        return value

    def _refuse_tag(self, tag: str, mark: Mark) -> None:
        name = tag.replace("tag:yaml.org,2002:", "!!")
        hint = "put text that begins with ! in quotes"
        if name in ("!Ref", "!Sub", "!GetAtt", "!Join", "!If"):
            hint = "functions of CloudFormation stand in templates only"
        self.problems.append((mark, f'has the tag "{shown(name)}"; tags are not accepted', hint))

    def _sequence(self, spot: Spot, depth: int) -> list[Json]:
        values: list[Json] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            value, inner = self._value(event, depth + 1)
            values.append(value)
            spot.items.append(inner)
        return values

    def _mapping(self, event: yaml.Event, spot: Spot, depth: int) -> dict[str, Json]:
        values: dict[str, Json] = {}
        merged: list[tuple[Json, Spot]] = []
        for key in self._events:
            if isinstance(key, yaml.MappingEndEvent):
                break
            mark = _mark(key.start_mark)
            if not isinstance(key, yaml.ScalarEvent):
                braces = isinstance(key, yaml.MappingStartEvent) and key.flow_style
                raise _Refused("has a key that is not text", mark, _QUOTE if braces else "")
            self._grow(1 + len(key.value), mark)
            name: str = key.value
            value, inner = self._value(next(self._events), depth + 1)
            if name == "<<" and not key.style:
                merged.append((value, inner))
                continue
            if name in values:
                first = spot.entries[name][0].line
                self.problems.append((mark, f'the key "{shown(name)}" is given twice, first on line {first}', ""))
                continue
            values[name] = value
            spot.entries[name] = (mark, inner)
        for value, inner in merged:
            self._merge(value, inner, values, spot)
        return values

    def _merge(self, value: Json, inner: Spot, values: dict[str, Json], spot: Spot) -> None:
        """Take over what the mapping does not say itself (YAML 1.1's merge key)."""
        sources = list(zip(value, inner.items, strict=True)) if isinstance(value, list) else [(value, inner)]
        for source, source_spot in sources:
            if not isinstance(source, dict):
                self.problems.append((inner.mark, "merges (<<) something that is not a mapping", ""))
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


class _YamlMark(Protocol):
    """What libyaml's marks and the pure reader's have in common; both count from zero."""

    line: int
    column: int


def _mark(mark: _YamlMark | None) -> Mark:
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
