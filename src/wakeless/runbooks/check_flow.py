"""Rules about the steps among each other: names, jumps, cancelling and cycles (reference 1.9, 3.18, 4.1, 4.4, 4.7)."""

from __future__ import annotations

import re

from wakeless.runbooks.actions import ACTIONS
from wakeless.runbooks.document import Document, Path, Step
from wakeless.runbooks.graph import edges, find_cycle, levels, placed_steps, unreachable
from wakeless.runbooks.places import Notes, nearest, shown

_NAME = re.compile(r"[A-Za-z0-9_]+")


def check_flow(document: Document, notes: Notes) -> None:
    """Note what is wrong with how the steps follow each other."""
    paths: dict[str, Path] = {}
    for step, path in placed_steps(document):
        _check_name(step, path, paths, notes)
        _check_action(step, path, notes)
        _check_targets(document, step, path, notes)
        _check_cancel(document, step, path, notes)
    for level in levels(document):
        if len({step.name for step in level}) < len(level):
            # Noted already; who follows whom cannot be said.
            continue
        cycle = find_cycle(edges(level))
        if cycle:
            message = "The steps form a cycle: " + " -> ".join(shown(name) for name in cycle)
            notes.wrong(paths.get(cycle[0], ()), message, "repeat steps with aws:loop")
        for name in unreachable(level):
            if name in paths:
                notes.odd(paths[name], f'nothing leads to the step "{shown(name)}"')


def _check_name(step: Step, path: Path, paths: dict[str, Path], notes: Notes) -> None:
    if not step.name:
        return
    if not _NAME.fullmatch(step.name):
        notes.wrong((*path, "name"), f"StepName: {shown(step.name)} is invalid", "letters, digits and underscores")
    if step.name in paths:
        message = f"Duplicate step names found in mainSteps of the document: {shown(step.name)}"
        notes.wrong((*path, "name"), message)
    paths.setdefault(step.name, path)


def _check_action(step: Step, path: Path, notes: Notes) -> None:
    if step.action and step.action not in ACTIONS:
        notes.wrong((*path, "action"), f"Unknown action: {shown(step.action)}", nearest(step.action, ACTIONS))


def _check_targets(document: Document, step: Step, path: Path, notes: Notes) -> None:
    reachable = _reachable(document, step)
    named: list[tuple[str, Path, str]] = []
    if step.next_step is not None:
        named.append(("nextStep", (*path, "nextStep"), step.next_step))
    if step.on_failure.target is not None:
        named.append(("onFailure", (*path, "onFailure"), step.on_failure.target))
    if step.on_cancel is not None:
        named.append(("onCancel", (*path, "onCancel"), step.on_cancel))
    if step.branch is not None:
        for position, choice in enumerate(step.branch.choices):
            if choice.next_step:
                named.append(
                    ("NextStep", (*path, "inputs", "Choices", position, "NextStep"), choice.next_step),
                )
        if step.branch.default is not None:
            named.append(("Default", (*path, "inputs", "Default"), step.branch.default))
    for property_name, place, target in named:
        if target not in reachable:
            hint = nearest(target, reachable)
            if target in document.by_name:
                hint = "steps inside a loop are reached from inside that loop only"
            elif target.lower().startswith("step:"):
                hint = "step: stands before the target of onFailure and onCancel only"
            notes.wrong(place, f'Unknown step name: "{shown(target)}" in {property_name}', hint)


def _reachable(document: Document, step: Step) -> set[str]:
    """Return the names a step may jump to: those of its own list and of the lists around it."""
    if not step.within:
        return {other.name for other in document.steps}
    names: set[str] = {other.name for other in document.steps}
    for name in step.within:
        around = document.by_name.get(name)
        if around is not None and around.loop is not None:
            names.update(other.name for other in around.loop.steps)
    return names


def _check_cancel(document: Document, step: Step, path: Path, notes: Notes) -> None:
    if step.on_cancel is None:
        return
    action = ACTIONS.get(step.action)
    if action is not None and not action.on_cancel:
        notes.wrong((*path, "onCancel"), f"onCancel is not supported on {step.action}")
    target = document.by_name.get(step.on_cancel)
    target_action = ACTIONS.get(target.action) if target is not None else None
    if target_action is not None and not target_action.on_cancel_target:
        message = f'onCancel cannot go to "{shown(step.on_cancel)}": {target_action.name} cannot begin a cancellation'
        notes.wrong((*path, "onCancel"), message)
