"""JSON with every place kept, and runbooks given as Python mappings."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence

from wakeless.core.problems import Problem
from wakeless.runbooks.document import Json, Path
from wakeless.runbooks.places import MAX_DEPTH, MAX_UNFOLDED, Mark, Reading, Spot, show_path, shown

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]*")
_ATOM = re.compile(r"[^,\]}\s]+")
_DIGITS = 30


def read_json(text: str, source: str) -> Reading:
    """Return what ``text`` says; what is wrong with it as JSON is among `Reading.problems`."""
    depth, offset = _depth(text)
    if depth > MAX_DEPTH:
        return _refused(source, _mark(text, offset), f"is nested more than {MAX_DEPTH} deep")
    twice: list[str] = []

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        entries = dict(items)
        if len(entries) < len(items):
            names = [name for name, _ in items]
            twice.extend(name for name in entries if names.count(name) > 1)
        return entries

    try:
        value: Json = json.loads(text, object_pairs_hook=pairs, parse_int=_integer, parse_constant=_constant)
    except json.JSONDecodeError as error:
        message = f"JSON not well-formed: {error.msg[:1].lower()}{error.msg[1:]}"
        return _refused(source, Mark(error.lineno, error.colno), message)
    except _NotJson as error:
        return _refused(source, _mark(text, text.find(error.word)), f"JSON not well-formed: {error}")
    except RecursionError:
        return _refused(source, Mark(), f"is nested more than {MAX_DEPTH} deep")
    problems = []
    if twice:
        problems = [
            Problem(source, mark.line, mark.column, "", f'the key "{shown(name)}" is given twice')
            for name, mark in _Scanner(text).scan_twice()
        ]
    if "\\u" in text and _has_half(value):
        problems.append(Problem(source, 0, 0, "", "has half a character (a surrogate such as \\ud800)"))
    return Reading(value, lambda: _Scanner(text).scan(), tuple(problems))


def read_mapping(value: object, source: str) -> Reading:
    """Return ``value`` as JSON; what JSON cannot say is among `Reading.problems`. Nothing of it is shared."""
    copier = _Copier(source)
    copy = copier.copy(value, (), 0)
    return Reading(copy, problems=tuple(copier.problems))


def _refused(source: str, mark: Mark, message: str) -> Reading:
    return Reading(problems=(Problem(source, mark.line, mark.column, "", message),))


class _NotJson(ValueError):
    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _NotJson(text, "a number has too many digits")
    return int(text)


def _constant(text: str) -> float:
    raise _NotJson(text, f"{text} is not a number of JSON")


def _depth(text: str) -> tuple[int, int]:
    """Return how deep brackets nest, and where it is deepest; stops once it is too deep."""
    depth = deepest = where = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        character = found.group()
        if character in "[{":
            depth += 1
            if depth > deepest:
                deepest, where = depth, found.start()
                if deepest > MAX_DEPTH:
                    break
        elif character in "]}":
            depth -= 1
    return deepest, where


def _has_half(value: Json) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _mark(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)) if offset >= 0 else Mark()


class _Scanner:
    """Finds the places in a text that is known to be JSON no deeper than `MAX_DEPTH`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._twice: list[tuple[str, Mark]] = []
        self._line = 0
        self._line_start = 0
        self._counted = 0

    def scan(self) -> Spot:
        self._at = 0
        return self._value()

    def scan_twice(self) -> list[tuple[str, Mark]]:
        self.scan()
        return self._twice

    def _here(self) -> Mark:
        """Return the place, counted from zero as spots have it."""
        between = self._text.count("\n", self._counted, self._at)
        if between:
            self._line += between
            self._line_start = self._text.rfind("\n", self._counted, self._at) + 1
        self._counted = self._at
        return Mark(self._line, self._at - self._line_start)

    def _blanks(self) -> str:
        found = _BLANKS.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._text[self._at : self._at + 1]

    def _value(self) -> Spot:
        character = self._blanks()
        spot = Spot(self._here())
        if character == "{":
            self._object(spot)
        elif character == "[":
            self._array(spot)
        else:
            self._skip(_STRING if character == '"' else _ATOM)
        return spot

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return found.group()

    def _object(self, spot: Spot) -> None:
        spot.entries = {}
        self._at += 1
        while self._blanks() != "}":
            if self._text[self._at] == ",":
                self._at += 1
                self._blanks()
            mark = self._here()
            name: str = json.loads(self._skip(_STRING), strict=False)
            self._blanks()
            self._at += 1  # the colon
            if name in spot.entries:
                self._twice.append((name, Mark(mark.line + 1, mark.column + 1)))
            spot.entries[name] = (mark, self._value())
        self._at += 1

    def _array(self, spot: Spot) -> None:
        spot.items = []
        self._at += 1
        while self._blanks() != "]":
            if self._text[self._at] == ",":
                self._at += 1
            spot.items.append(self._value())
        self._at += 1


class _Copier:
    """Copies what was given as Python values; what YAML loaders make of dates becomes text again."""

    def __init__(self, source: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._weight = 0

    def copy(self, value: object, path: Path, depth: int) -> Json:
        self._weight += 1 + (len(value) if isinstance(value, str) else 0)
        if depth > MAX_DEPTH:
            return self._refuse(path, f"is nested more than {MAX_DEPTH} deep")
        if self._weight > MAX_UNFOLDED:
            return self._refuse((), "unfolds into too much")
        if isinstance(value, str):
            return self._text(value, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) < 10**_DIGITS else self._refuse(path, "a number has too many digits")
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else self._refuse(path, f"{value} is not a number of JSON")
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, Mapping):
            return self._mapping(value, path, depth)
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
            return self._list(value, path, depth)
        return self._refuse(path, f"{shown(type(value).__name__)} is not a kind of value that JSON has")

    def _refuse(self, path: Path, message: str) -> Json:
        if not any(problem.message == message for problem in self.problems):
            self.problems.append(Problem(self._source, 0, 0, show_path(path), message))
        return None

    def _text(self, text: str, path: Path) -> str:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                self._refuse(path, "has half a character (a surrogate)")
        return str(text)

    def _list(self, value: Sequence[object], path: Path, depth: int) -> list[Json]:
        items: list[Json] = []
        for position, item in enumerate(value):
            items.append(self.copy(item, (*path, position), depth + 1))
            if self._weight > MAX_UNFOLDED:
                break
        return items

    def _mapping(self, value: Mapping[object, object], path: Path, depth: int) -> dict[str, Json]:
        entries: dict[str, Json] = {}
        for key, item in value.items():
            if not isinstance(key, str | int):
                self._refuse(path, f"has a key that is not text but {shown(type(key).__name__)}")
                continue
            name = self._text(key, path) if isinstance(key, str) else json.dumps(key)
            if name in entries:
                self._refuse((*path, name), f'the key "{shown(name)}" is given twice')
            entries[name] = self.copy(item, (*path, name), depth + 1)
            if self._weight > MAX_UNFOLDED:
                break
        return entries
