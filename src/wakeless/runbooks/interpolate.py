"""References: ``{{ name }}`` in the inputs of steps, and what becomes of them (reference 2.1 to 2.3).

A value that is one reference takes the value's own type; a reference inside longer text becomes text; a reference that
is an item of a list and names a list puts its items there. Keys are never looked at, results are never looked at again,
and there is no escape: what is not a well-formed reference stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from wakeless.core.errors import Refused
from wakeless.runbooks.coerce import MAX_DEPTH, NotJson, text
from wakeless.runbooks.document import Json

_REFERENCE = re.compile(
    r"\{\{\s*([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)?|(?:global|automation|variable|ssm):[^{}\s]+)\s*\}\}"
)


class ReferenceKind(StrEnum):
    """Where a reference takes its value from."""

    PARAMETER = "parameter"
    OUTPUT = "output"
    VARIABLE = "variable"
    GLOBAL = "global"
    AUTOMATION = "automation"
    #: Parameter Store, in the defaults of parameters only.
    PARAMETER_STORE = "ssm"


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands between the braces."""

    kind: ReferenceKind
    #: The parameter, variable, step, or what follows the colon.
    name: str
    #: The output's name; empty for other kinds.
    output: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ReferenceKind.PARAMETER:
                return self.name
            case ReferenceKind.OUTPUT:
                return f"{self.name}.{self.output}"
            case kind:
                return f"{kind}:{self.name}"


class Unresolved(Refused):
    """A reference has no value here and now."""

    code = "unresolved_reference"

    def __init__(self, reference: Reference, why: str, *, absent: bool = False) -> None:
        super().__init__(f"{{{{ {reference} }}}} cannot be resolved: {why}")
        self.reference = reference
        #: The step succeeded and yet did not produce this output; conditions take that for an empty text.
        self.absent = absent


#: Answers the value of a reference; raises `Unresolved`.
Answer = Callable[[Reference], Json]


def references(written: str) -> Iterator[Reference]:
    """Return all well-formed references in a text, in their order."""
    return (_read(found.group(1)) for found in _REFERENCE.finditer(written))


def whole(written: Json) -> Reference | None:
    """Return the reference when the value is one and nothing else."""
    if not isinstance(written, str):
        return None
    found = _REFERENCE.fullmatch(written)
    return _read(found.group(1)) if found else None


def resolve(written: Json, answer: Answer) -> Json:
    """Return the value with all references replaced.

    Raises:
        Unresolved: a reference has no value.
        NotJson: the value is nested deeper than anything real.
    """
    return _resolve(written, answer, MAX_DEPTH)


def resolve_leniently(written: str, answer: Answer) -> str:
    """Return the text with those references replaced that have a value: scripts may hold other things in braces."""

    def replace(found: re.Match[str]) -> str:
        try:
            return text(answer(_read(found.group(1))))
        except Unresolved:
            return found.group()

    return _REFERENCE.sub(replace, written)


def _resolve(written: Json, answer: Answer, depth: int) -> Json:
    if isinstance(written, str):
        return _resolve_text(written, answer)
    if not isinstance(written, dict | list):
        return written
    if depth == 0:
        raise NotJson(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(written, dict):
        return {key: _resolve(value, answer, depth - 1) for key, value in written.items()}
    items: list[Json] = []
    for item in written:
        value = _resolve(item, answer, depth - 1)
        if isinstance(value, list) and isinstance(item, str):
            items.extend(value)
        else:
            items.append(value)
    return items


def _resolve_text(written: str, answer: Answer) -> Json:
    if "{{" not in written:
        return written
    if reference := whole(written):
        return answer(reference)
    return _REFERENCE.sub(lambda found: text(answer(_read(found.group(1)))), written)


def _read(name: str) -> Reference:
    prefix, colon, rest = name.partition(":")
    if colon:
        return Reference(ReferenceKind(prefix), rest)
    step, dot, output = name.partition(".")
    if dot:
        return Reference(ReferenceKind.OUTPUT, step, output)
    return Reference(ReferenceKind.PARAMETER, name)
