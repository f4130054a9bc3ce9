"""A strict reading of YAML that remembers where everything stood.

Scalars stay the text that was written; the settings' types decide what they mean (docs/decisions/0071). So an account
id keeps its leading zeros and ``no`` is only a boolean where a boolean is wanted. Refused, each with its place:
duplicate keys, tags, merge keys, a second document, aliases that refer to nothing or to themselves, and text that is
too big, too deep or unfolds into too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from wakeless.core.problems import Problem

#: What the settings are made of: text, nothing, and lists and mappings of these.
Raw = str | None | list["Raw"] | dict[str, "Raw"]
#: Keys and list positions from the top.
Path = tuple[str | int, ...]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
#: Values after all aliases are unfolded.
MAX_VALUES = 500_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text; both count from one."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and where it says it."""

    value: Raw
    #: Where the key (or the list item) of each path stands.
    keys: dict[Path, Mark] = field(default_factory=dict)
    #: Where the value of each path stands.
    values: dict[Path, Mark] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_yaml(text: str, source: str) -> Document:
    """Return what ``text`` says; what cannot be accepted is among `Document.problems`, named with ``source``.

    A text with nothing in it is an empty mapping.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return Document({}, problems=(Problem(source, 0, 0, "", "has a character that YAML does not allow"),))
    if size > MAX_BYTES:
        return Document({}, problems=(Problem(source, 0, 0, "", f"is bigger than {MAX_BYTES} bytes"),))
    reader = _Reader(source)
    try:
        reader.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reader.problems.append(Problem(source, *place, "", _syntax_words(error)))
    except yaml.reader.ReaderError:
        reader.problems.append(Problem(source, 0, 0, "", "has a character that YAML does not allow"))
    except _TooMuch as error:
        reader.problems.append(Problem(source, error.mark.line, error.mark.column, "", str(error)))
    value: Raw = {} if reader.top is None else reader.top
    return Document(value, reader.keys, reader.values, tuple(reader.problems))


def _syntax_words(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong, without quoting the text: it could be a secret."""
    words = (error.problem or "cannot be read").partition("'")[0].strip().rstrip(",")
    if "\\t" in (error.problem or "") or "cannot start any token" in (error.problem or ""):
        return "is not YAML: a character that cannot stand here; indent with spaces, quote what begins with a sign"
    return f"is not YAML: {words}"


class _TooMuch(Exception):
    """The text is a bomb or a slip: reading on is not worth it."""

    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.mark = mark


@dataclass(slots=True)
class _Anchored:
    value: Raw
    path: Path
    size: int


class _Reader:
    """Builds values from YAML events; recursion is bounded by `MAX_DEPTH`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.top: Raw = None
        self._count = 0
        #: None while the anchored value is still being read.
        self._anchors: dict[str, _Anchored | None] = {}
        self._events: Iterator[yaml.Event] = iter(())

    def read(self, text: str) -> None:
        self._events = iter(yaml.parse(text, Loader=_Loader))
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._problem(event, (), "begins a second document; settings are one document")
                    return
                self.top = self._value(next(self._events), (), 0)

    def _problem(self, event: yaml.Event, path: Path, message: str, hint: str = "") -> None:
        mark = _mark(event)
        self.problems.append(Problem(self.source, mark.line, mark.column, show_path(path), message, hint))

    def _value(self, event: yaml.Event, path: Path, depth: int) -> Raw:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooMuch(f"unfolds into more than {MAX_VALUES} values", _mark(event))
        if depth > MAX_DEPTH:
            raise _TooMuch(f"is nested more than {MAX_DEPTH} deep", _mark(event))
        self.values[path] = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        before = self._count
        if getattr(event, "tag", None) is not None:
            self._problem(
                event, path, "has a tag (!…); tags are not accepted", "put the value in quotes if it begins with !"
            )
        value: Raw
        if isinstance(event, yaml.ScalarEvent):
            value = None if not event.style and event.value in _NULLS else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path, depth)
        else:
            value = self._mapping(path, depth)
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, path, self._count - before + 1)
        return value

    def _alias(self, event: yaml.AliasEvent, path: Path) -> Raw:
        # The anchor's name is not shown: an unquoted secret that begins with * looks like one.
        if event.anchor not in self._anchors:
            self._problem(event, path, "refers to an anchor (*…) that is not there", "put the value in quotes")
            return None
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._problem(event, path, "contains itself")
            return None
        self._count += anchored.size
        if self._count > MAX_VALUES:
            raise _TooMuch(f"unfolds into more than {MAX_VALUES} values", _mark(event))
        return _copy(anchored.value)

    def _sequence(self, path: Path, depth: int) -> list[Raw]:
        items: list[Raw] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            place = (*path, len(items))
            self.keys[place] = _mark(event)
            items.append(self._value(event, place, depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Raw]:
        entries: dict[str, Raw] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._problem(event, path, "has a key that is not text")
                self._value(event, (*path, "?"), depth + 1)
                self._value(next(self._events), (*path, "?"), depth + 1)
                continue
            place = (*path, key)
            if getattr(event, "tag", None) is not None:
                self._problem(event, path, "has a key with a tag (!…); tags are not accepted")
            if key in entries:
                first = self.keys[place]
                self._problem(event, place, f"is given twice, first on line {first.line}")
            elif key == "<<":
                self._problem(event, place, "merges are not accepted", "write the keys out")
            else:
                self.keys[place] = _mark(event)
            self._count += 1
            value = self._value(next(self._events), place, depth + 1)
            if key != "<<":
                entries.setdefault(key, value)
        return entries


def _mark(event: yaml.Event) -> Mark:
    assert event.start_mark is not None
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _copy(value: Raw) -> Raw:
    if isinstance(value, list):
        return [_copy(item) for item in value]
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return value


def show_path(path: Path) -> str:
    """Return ``rules[2].verify.within`` for ``("rules", 2, "verify", "within")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
