"""A problem in something a person wrote: where it is, what is wrong, the way out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a file or a request."""

    #: File, request or setting it was found in, as its author would name it.
    source: str
    #: 1-based; 0 when the place in the text is not known.
    line: int
    #: 1-based; 0 when the place in the text is not known.
    column: int
    #: Path inside the document, for example ``rules[2].attempts``; may be empty.
    path: str
    #: What is wrong, one sentence without a full stop.
    message: str
    #: The way out; may be empty.
    hint: str = ""

    def __str__(self) -> str:
        place = self.source
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        parts = [place + ":"]
        if self.path:
            parts.append(f"{self.path}:")
        parts.append(self.message)
        if self.hint:
            parts.append(f"({self.hint})")
        return " ".join(parts)
