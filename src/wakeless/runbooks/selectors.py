"""Selectors: the small JSONPath of runbooks.

Children (``.a``, ``['a']``, ``.'a.b'``), list items (``[0]``, ``[-1]``), everything below (``..a``), wildcards
(``[*]``, ``.*``) and filters with one comparison (``[?(@.a.b == 'x')]``); ``$.`` in front may be missing. A path that
can name one place only answers the value there; one with ``..``, ``*`` or a filter answers a list, empty when nothing
fits. Why no library does it: decision 0210.
"""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Final

from wakeless.core.errors import Refused
from wakeless.runbooks.document import Json


class InvalidSelector(Refused):
    """The text is not a selector."""

    code = "invalid_selector"


@dataclass(frozen=True, slots=True)
class Child:
    """``.name``: the value of a key."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``[n]``: an item of a list; negative numbers count from its end."""

    number: int


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``[*]``: all items of a list or all values of an object."""


@dataclass(frozen=True, slots=True)
class Below:
    """``..name``: the value of a key at any depth; without a name everything below."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """``[?(@.a == 1)]``: the items for which the comparison holds. Without an operator: that have the path."""

    path: tuple[Segment, ...]
    operator: str | None
    constant: Json


Segment = Child | Index | Wildcard | Below | Filter


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector."""

    segments: tuple[Segment, ...]

    @property
    def definite(self) -> bool:
        """Whether it can name one place only."""
        return all(isinstance(segment, Child | Index) for segment in self.segments)


class Missing(Enum):
    """There is nothing at the path."""

    MISSING = "missing"


#: What `select` answers when a definite path leads nowhere.
MISSING: Final = Missing.MISSING

#: A selector that finds more is a mistake: ``..`` after ``..`` multiplies.
MAX_FOUND = 100_000


def select(selector: str, data: Json) -> Json | Missing:
    """Return what the selector finds in the data, `MISSING` when a definite path leads nowhere.

    Raises:
        InvalidSelector: the text is not a selector, or it finds more than `MAX_FOUND` values.
    """
    parsed = parse(selector)
    found = _apply(parsed.segments, data)
    if not parsed.definite:
        return found
    return found[0] if found else MISSING


# -- evaluation --------------------------------------------------------------------------------------------------------


def _apply(segments: Sequence[Segment], data: Json) -> list[Json]:
    nodes: list[Json] = [data]
    for segment in segments:
        # One more than allowed is enough to know.
        nodes = list(islice((found for node in nodes for found in _step(segment, node)), MAX_FOUND + 1))
        if len(nodes) > MAX_FOUND:
            raise InvalidSelector(f"the selector finds more than {MAX_FOUND} values")
    return nodes


def _step(segment: Segment, node: Json) -> Iterator[Json]:
    match segment:
        case Child(name):
            if isinstance(node, dict) and name in node:
                yield node[name]
        case Index(number):
            if isinstance(node, list) and -len(node) <= number < len(node):
                yield node[number]
        case Wildcard():
            yield from _children(node)
        case Below(name):
            yield from _below(node, name)
        case Filter():
            # On an object the comparison is made with the object itself, as the Java library of the service does.
            candidates = node if isinstance(node, list) else [node] if isinstance(node, dict) else []
            yield from (item for item in candidates if _holds(segment, item))


def _children(node: Json) -> Iterator[Json]:
    if isinstance(node, list):
        yield from node
    elif isinstance(node, dict):
        yield from node.values()


def _below(node: Json, name: str | None) -> Iterator[Json]:
    """Walk in document order with a stack of our own: data may be deeper than Python calls may."""
    stack = [node]
    while stack:
        here = stack.pop()
        if name is None:
            yield here
        elif isinstance(here, dict) and name in here:
            yield here[name]
        stack.extend(reversed(list(_children(here))))


def _holds(test: Filter, item: Json) -> bool:
    found = _apply(test.path, item)
    if test.operator is None:
        return bool(found)
    if not found:
        return test.operator == "!="
    return _COMPARISONS[test.operator](found[0], test.constant)


def _equal(left: Json, right: Json) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right or str(left).lower() == str(right).lower()
    if isinstance(left, str) and _is_number(right):
        return left == str(right)
    if isinstance(right, str) and _is_number(left):
        return right == str(left)
    return left == right


def _is_number(value: Json) -> bool:
    # Longer numbers than anybody writes cannot be turned into text (Python's limit of 4,300 digits).
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 10_000)


def _ordered(compare: Callable[[str | float, str | float], bool]) -> Callable[[Json, Json], bool]:
    def ordered(left: Json, right: Json) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return compare(left, right)
        return False

    return ordered


_COMPARISONS: Mapping[str, Callable[[Json, Json], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(op.lt),
    "<=": _ordered(op.le),
    ">": _ordered(op.gt),
    ">=": _ordered(op.ge),
}


# -- parsing -----------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[^\s.\[\]'\"()?@*=!<>&|,]+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
_WORD = re.compile(r"true|false|null")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=4096)
def parse(text: str) -> Selector:
    """Return the parsed selector; raises `InvalidSelector` with the place of the trouble."""
    reader = _Reader(text.strip())
    if not reader.rest:
        raise InvalidSelector("the selector is empty")
    if reader.take("$"):
        return Selector(reader.segments(end=""))
    if reader.rest[0] in ".[":
        return Selector(reader.segments(end=""))
    first = Child(reader.key())
    return Selector((first, *reader.segments(end="")))


class _Reader:
    """A selector's text with a place in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def rest(self) -> str:
        return self.text[self.at :]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def need(self, token: str) -> None:
        self.blanks()
        if not self.take(token):
            raise self.trouble(f"{token!r} is missing")

    def trouble(self, what: str) -> InvalidSelector:
        return InvalidSelector(f"{what} at character {self.at + 1} of the selector {self.text!r}")

    def segments(self, end: str) -> tuple[Segment, ...]:
        """Read segments up to the end of the text, or up to one of the characters of ``end``."""
        found: list[Segment] = []
        while self.at < len(self.text) and self.text[self.at] not in (end or "\0"):
            found.append(self.segment())
        return tuple(found)

    def segment(self) -> Segment:
        if self.take(".."):
            if self.at < len(self.text) and self.text[self.at] == "[":
                return Below(None)
            return Below(None) if self.take("*") else Below(self.key())
        if self.take("."):
            if self.take("*"):
                return Wildcard()
            return self.bracket() if self.take("[") else Child(self.key())
        if self.take("["):
            return self.bracket()
        raise self.trouble("'.' or '[' is missing")

    def key(self) -> str:
        if quoted := self.quoted():
            return quoted[0]
        if name := self.match(_NAME):
            return name.group()
        raise self.trouble("a name is missing")

    def quoted(self) -> tuple[str] | None:
        found = self.match(_QUOTED)
        if found is None:
            return None
        single, double = found.groups()
        return (_ESCAPE.sub(r"\1", single if single is not None else double),)

    def bracket(self) -> Segment:
        self.blanks()
        segment: Segment
        if self.take("?"):
            segment = self.filter()
        elif self.take("*"):
            segment = Wildcard()
        elif quoted := self.quoted():
            segment = Child(quoted[0])
        elif number := self.match(_NUMBER):
            segment = Index(int(number.group()))
        else:
            raise self.trouble("an index, a quoted name, '*' or a filter is missing")
        self.need("]")
        return segment

    def filter(self) -> Filter:
        self.blanks()
        enclosed = self.take("(")
        self.blanks()
        self.need("@")
        path = self.segments(end=" \t)=!<>]")
        if any(isinstance(segment, Filter) for segment in path):
            raise self.trouble("a filter inside a filter")
        self.blanks()
        operator = self.match(_OPERATOR)
        constant: Json = None
        if operator:
            self.blanks()
            constant = self.constant()
        if enclosed:
            self.need(")")
        return Filter(path, operator.group() if operator else None, constant)

    def constant(self) -> Json:
        if quoted := self.quoted():
            return quoted[0]
        if word := self.match(_WORD):
            return _WORDS[word.group()]
        if number := self.match(_DECIMAL):
            written = number.group()
            return int(written) if written.lstrip("-").isdecimal() else float(written)
        raise self.trouble("a quoted text, a number, true, false or null is missing")
