"""Reading the properties of a mapping as the types they must have, with a note for each that has another."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wakeless.runbooks.document import Json, Path
from wakeless.runbooks.places import Notes, kind_of, nearest, shown

_WHOLE_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,15}\s*")


class Fields:
    """One mapping of a document, read property by property.

    A property that is absent or ``null`` reads as None. One of the wrong type is noted and reads as None, so that
    reading goes on and all problems are told at once.
    """

    def __init__(self, values: dict[str, Json], path: Path, notes: Notes) -> None:
        self.values = values
        self.path = path
        self.notes = notes

    def at(self, name: str) -> Path:
        """Return the path of a property."""
        return (*self.path, name)

    def wrong(self, name: str, message: str, hint: str = "") -> None:
        """Note what is wrong with the value of a property."""
        self.notes.wrong(self.at(name), message, hint)

    def _not(self, name: str, wanted: str, hint: str = "") -> None:
        self.wrong(name, f'"{name}" must be {wanted}, not {kind_of(self.values[name])}', hint)

    def text(self, name: str) -> str | None:
        """Return text; numbers and booleans count as the text that was written."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return shown(value)
        hint = "put text that begins with {{ in quotes" if isinstance(value, dict) else ""
        self._not(name, "text", hint)
        return None

    def integer(self, name: str, least: int | None = None, most: int | None = None) -> int | None:
        """Return a whole number; the service takes numbers in quotes too."""
        value = self.values.get(name)
        if value is None:
            return None
        number: int | None = None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif (isinstance(value, float) and value.is_integer() and abs(value) < 1e15) or (
            isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
        ):
            number = int(value)
        if number is None:
            hint = "references are resolved inside inputs only" if isinstance(value, str) and "{{" in value else ""
            self.wrong(name, f'"{name}" must be a whole number, not "{shown(value)}"', hint)
            return None
        if (least is not None and number < least) or (most is not None and number > most):
            wanted = f"at least {least}" if most is None else f"from {least} to {most}"
            self.wrong(name, f'"{name}" must be {wanted}, not {shown(number)}')
            return None
        return number

    def boolean(self, name: str) -> bool | None:
        """Return true or false; the service takes them in quotes too."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        self.wrong(name, f'"{name}" must be true or false, not "{shown(value)}"')
        return None

    def mapping(self, name: str) -> dict[str, Json]:
        """Return a mapping; absent is empty."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self._not(name, "a mapping")
        return {}

    def items(self, name: str) -> list[Json]:
        """Return a list; absent is empty."""
        value = self.values.get(name)
        if isinstance(value, list):
            return value
        if value is not None:
            self._not(name, "a list")
        return []

    def refuse_unknown(self, known: Iterable[str], message: str) -> None:
        """Note every property that is not ``known``; ``message`` has ``{}`` for its name."""
        known = tuple(known)
        for name in self.values:
            if name not in known:
                hint = nearest(name, known)
                self.notes.wrong(self.at(name), message.format(shown(name)), hint, key=True)

    def mind_unknown(self, known: Iterable[str], message: str) -> None:
        """Give advice about every property that is not ``known``: the service does not mind them."""
        known = tuple(known)
        for name in self.values:
            if name not in known:
                self.notes.odd(self.at(name), message.format(shown(name)), nearest(name, known), key=True)
