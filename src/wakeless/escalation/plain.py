"""Foreign text made harmless for terminals, mail and chat. Pure.

Alarm names, reasons and a script's output are written by others. Left as they are they could clear a terminal, add
a mail header, or show text in another order than it is stored (https://trojansource.codes).
"""

from __future__ import annotations

import re

#: ANSI escape sequences: CSI, OSC up to its end, and the two-character ones (ECMA-48).
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[@-Z\\-_])")
#: Control characters but tab and newline, the separators that count as line ends, and marks that change direction.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """Return ``text`` with newlines and tabs but without escape sequences and other controls; always valid UTF-8."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    # A progress bar rewrites its line: what a person would have seen last is what counts.
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def one_line(text: str, limit: int) -> str:
    """Return ``text`` plain, on one line, at most ``limit`` characters long."""
    return clip(" ".join(plain(text).split()), limit)


def clip(text: str, limit: int) -> str:
    """Return ``text``, cut with an ellipsis if it is longer than ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def tail(text: str, lines: int, width: int) -> str:
    """Return the last ``lines`` lines of ``text``, plain, each at most ``width`` characters long."""
    # Enough of the end to hold them, so that a gigabyte is not cleaned for twenty lines.
    rest = plain(text[-lines * width * 4 :])
    return "\n".join(clip(line.rstrip(), width) for line in rest.strip("\n").split("\n")[-lines:])
