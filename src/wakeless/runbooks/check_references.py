"""Rules about what documents refer to: parameters, variables and outputs (reference 1.7, 1.9, 2.1, 2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from wakeless.runbooks.document import Document, Json, Path, Step
from wakeless.runbooks.graph import placed_steps
from wakeless.runbooks.interpolate import Reference, ReferenceKind, references
from wakeless.runbooks.places import Notes, nearest, shown

_GLOBALS = ("DATE", "DATE_TIME", "REGION", "ACCOUNT_ID", "AWS_PARTITION")
_AUTOMATION = ("EXECUTION_ID",)
#: Filled in by a maintenance window before the start.
_PSEUDO = ("RESOURCE_ID", "TARGET_ID")


def check_references(document: Document, notes: Notes) -> None:
    """Note every reference to something that is not there."""
    for reference in references(document.assume_role):
        _check(document, reference, ("assumeRole",), notes)
    for name, variable in document.variables.items():
        if isinstance(variable.default, str):
            for reference in references(variable.default):
                _check(document, reference, ("variables", name, "default"), notes)
    for step, path in placed_steps(document):
        _check_step(document, step, (*path, "inputs"), notes)
    for position, output in enumerate(document.outputs):
        if output.step not in document.by_name:
            message = f"Unknown step name in named output: {shown(str(output))}"
            notes.wrong(("outputs", position), message, nearest(output.step, document.by_name))


def _check_step(document: Document, step: Step, path: Path, notes: Notes) -> None:
    for key, value in step.inputs.items():
        if step.action == "aws:loop" and key == "Steps":
            continue
        # A script may hold braces of its own: what does not resolve there stays as it is.
        script = step.action == "aws:executeScript" and key == "Script"
        for text, place in _texts(value, (*path, key)):
            for reference in references(text):
                if not script or reference.kind is ReferenceKind.PARAMETER_STORE:
                    _check(document, reference, place, notes)


def _texts(value: Json, path: Path) -> Iterator[tuple[str, Path]]:
    """Every text with braces in a value; keys are never resolved."""
    if isinstance(value, str):
        if "{{" in value:
            yield value, path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, (*path, position))


def _check(document: Document, reference: Reference, path: Path, notes: Notes) -> None:
    name = reference.name
    if reference.kind is ReferenceKind.PARAMETER:
        if name not in document.parameters and name not in _PSEUDO:
            notes.wrong(path, f'Parameter "{shown(name)}" is not declared', _hint(document, name))
    elif reference.kind is ReferenceKind.PARAMETER_STORE:
        message = f"{{{{ssm:{shown(name)}}}}} cannot stand here"
        notes.wrong(path, message, "make it the default of a parameter and refer to that")
    elif reference.kind is ReferenceKind.VARIABLE:
        if name not in document.variables:
            notes.wrong(path, f'Variable "{shown(name)}" is not declared', nearest(name, document.variables))
    elif reference.kind is ReferenceKind.OUTPUT:
        # The service finds this out when the step runs.
        if name not in document.by_name:
            notes.odd(path, f'there is no step "{shown(name)}" to take an output of', nearest(name, document.by_name))
    elif name not in (_GLOBALS if reference.kind is ReferenceKind.GLOBAL else _AUTOMATION):
        notes.odd(path, f"there is no {reference.kind}:{shown(name)}", nearest(name, (*_GLOBALS, *_AUTOMATION)))


def _hint(document: Document, name: str) -> str:
    if name in document.by_name:
        return f"an output of the step is written {{{{ {shown(name)}.Output }}}}"
    if name in document.variables:
        return f"a variable is written {{{{ variable:{shown(name)} }}}}"
    return nearest(name, document.parameters)
