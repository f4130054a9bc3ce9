"""Finding the references in a text (reference 2.1); resolving them is the affair of `wakeless.runbooks.interpolate`."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Kinds of references: the word before the colon, else one of these.
NAME = "name"
OUTPUT = "output"
PARAMETER_STORE = "ssm"

_REFERENCE = re.compile(
    r"\{\{\s*([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)?|(?:global|automation|variable|ssm):[^{}\s]+)\s*\}\}"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One ``{{ … }}``."""

    #: ``name`` (a parameter), ``output`` (``step.Output``), ``global``, ``automation``, ``variable`` or ``ssm``.
    kind: str
    #: The parameter, the step, or what stands after the colon.
    name: str
    #: The output of the step; empty for the other kinds.
    output: str = ""


def references(text: str) -> list[Reference]:
    """Return every well-formed reference in ``text``; anything else between braces is text."""
    if "{{" not in text:
        return []
    return [_reference(found.group(1)) for found in _REFERENCE.finditer(text)]


def whole_reference(text: str) -> Reference | None:
    """Return the reference that ``text`` wholly is, or None."""
    if "{{" not in text:
        return None
    found = _REFERENCE.fullmatch(text.strip())
    return _reference(found.group(1)) if found else None


def _reference(text: str) -> Reference:
    kind, colon, name = text.partition(":")
    if colon:
        return Reference(kind, name)
    step, dot, output = text.partition(".")
    return Reference(OUTPUT, step, output) if dot else Reference(NAME, text)
