"""Where things stand in a text, and the problems found there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wakeless.core.problems import Problem
from wakeless.runbooks.document import Json, Path

#: The content of one document; the service's limit (MaxDocumentSizeExceeded beyond it).
MAX_BYTES = 65_536
#: Lists and mappings inside each other.
MAX_DEPTH = 100
#: Characters and values once all aliases are unfolded: what a text of `MAX_BYTES` may swell to.
MAX_UNFOLDED = 20 * MAX_BYTES
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text; both count from one."""

    line: int = 0
    column: int = 0


class RawMark(Protocol):
    """A place as parsers have it: both count from zero."""

    @property
    def line(self) -> int:
        """Lines above it."""

    @property
    def column(self) -> int:
        """Characters before it on its line."""


class Spot:
    """Where a value stands, with the spots of what is inside it.

    Made for every value of every document, so it is bare; marks are kept as the parser made them.
    """

    __slots__ = ("entries", "items", "mark")

    def __init__(self, mark: RawMark | None) -> None:
        #: None when the value stands in no text.
        self.mark = mark
        #: For each entry of a mapping, where its key stands and its value's spot; None when it is none.
        self.entries: dict[str, tuple[RawMark | None, Spot]] | None = None
        #: The spots of the items of a list; None when it is none.
        self.items: list[Spot] | None = None

    def find(self, path: Path, *, key: bool = False) -> Mark:
        """Return where ``path`` stands, or the nearest thing around it that is in the text.

        With ``key``, the place of the last key itself rather than of its value.
        """
        spot, mark = self, self.mark
        for part in path:
            if isinstance(part, int) and spot.items is not None and part < len(spot.items):
                spot = spot.items[part]
                mark = spot.mark
            elif isinstance(part, str) and spot.entries is not None and part in spot.entries:
                key_mark, spot = spot.entries[part]
                mark = key_mark if key else spot.mark
            else:
                break
        return Mark() if mark is None else Mark(mark.line + 1, mark.column + 1)


@dataclass(frozen=True, slots=True)
class Note:
    """A problem whose place is known as a path, not yet as line and column."""

    path: Path
    message: str
    hint: str = ""
    #: Whether the key of the path is meant rather than its value.
    key: bool = False


@dataclass(slots=True)
class Notes:
    """Collects what is wrong with a document, and what is only worth a warning."""

    problems: list[Note] = field(default_factory=list)
    advice: list[Note] = field(default_factory=list)

    def wrong(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note something for which the document is refused."""
        self.problems.append(Note(path, message, hint, key))

    def odd(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note something that is accepted but hardly meant."""
        self.advice.append(Note(path, message, hint, key))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says, before anything is made of it."""

    value: Json = None
    #: Gives the spots; called only when there is a problem to be placed.
    spots: Callable[[], Spot] = lambda: Spot(None)
    #: Why the text cannot be read; then `value` is not to be used.
    problems: tuple[Problem, ...] = ()
    #: Whether the refusal is for the size alone.
    too_big: bool = False


def place(notes: Iterable[Note], spots: Callable[[], Spot], source: str) -> tuple[Problem, ...]:
    """Return the notes as problems of ``source``, in the order of the text, each told once."""
    notes = list(notes)
    if not notes:
        return ()
    top = spots()
    problems = dict.fromkeys(
        Problem(source, mark.line, mark.column, show_path(note.path), note.message, note.hint)
        for note in notes
        for mark in [top.find(note.path, key=note.key)]
    )
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def show_path(path: Path) -> str:
    """Return ``mainSteps[2].inputs.Api`` for ``("mainSteps", 2, "inputs", "Api")``."""
    text = ""
    for part in path:
        part = part if isinstance(part, int) else shown(part)
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """Return a value as it may be quoted in a message: on one line, and short."""
    text = value if isinstance(value, str) else _plain(value)
    text = "".join(character if character.isprintable() else "�" for character in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > 10**_SHOWN:
        return "a huge number"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else str(value)


def kind_of(value: object) -> str:
    """Return what kind of value this is, as a person would name it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "text"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to ``word``, or nothing."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=0.7)
    return f'did you mean "{by_lower[found[0]]}"?' if found else ""


def one_of(words: Iterable[str]) -> str:
    """Return a hint that lists the words that may stand in a place."""
    return "one of " + ", ".join(words)
