"""Which step can follow which, and whether that can go round for ever (reference 4.2, 4.7)."""

from __future__ import annotations

from collections.abc import Iterator

from wakeless.runbooks.document import Document, Path, Step

Edges = dict[str, list[str]]


def placed_steps(document: Document) -> Iterator[tuple[Step, Path]]:
    """Every step of the document with its path, each loop before the steps inside it."""
    yield from _placed(document.steps, ("mainSteps",))


def _placed(steps: tuple[Step, ...], path: Path) -> Iterator[tuple[Step, Path]]:
    for step in steps:
        place: Path = (*path, step.position)
        yield step, place
        if step.loop is not None:
            yield from _placed(step.loop.steps, (*place, "inputs", "Steps"))


def levels(document: Document) -> Iterator[tuple[Step, ...]]:
    """The lists of steps: the document's, and that of each loop."""
    yield document.steps
    for step in document.all_steps():
        if step.loop is not None:
            yield step.loop.steps


def jumps(step: Step) -> list[str]:
    """Return the steps that ``step`` names as its successors: after success, by a choice, or after a failure."""
    named = [step.next_step, step.on_failure.target]
    if step.branch is not None:
        named += [choice.next_step for choice in step.branch.choices]
        named.append(step.branch.default)
    return [name for name in named if name]


def edges(level: tuple[Step, ...]) -> Edges:
    """Return the successors of each step of one list; a jump out of a loop leaves from the loop's step.

    The cancellation workflow (onCancel) is not part of it.
    """
    names = {step.name for step in level}
    graph: Edges = {}
    for step in level:
        targets = [name for name in jumps(step) if name in names]
        if step.loop is not None:
            targets += [name for inner in _inside(step) for name in jumps(inner) if name in names]
        if _falls_through(step) and step.position + 1 < len(level):
            targets.append(level[step.position + 1].name)
        graph.setdefault(step.name, []).extend(dict.fromkeys(targets))
    return graph


def _falls_through(step: Step) -> bool:
    if step.is_end or step.next_step is not None:
        return False
    return step.branch is None or step.branch.default is None


def _inside(step: Step) -> Iterator[Step]:
    assert step.loop is not None
    for inner in step.loop.steps:
        yield inner
        if inner.loop is not None:
            yield from _inside(inner)


def find_cycle(graph: Edges) -> list[str]:
    """Return the names along one cycle, the first one again at the end; empty when there is none."""
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        trail = [start]
        on_trail = {start}
        pending = [iter(graph[start])]
        while pending:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                done.add(trail[-1])
                on_trail.discard(trail.pop())
            elif name in on_trail:
                return [*trail[trail.index(name) :], name]
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                pending.append(iter(graph.get(name, ())))
    return []


def unreachable(level: tuple[Step, ...]) -> list[str]:
    """Return the steps of one list that neither a run nor a cancellation workflow can come to."""
    graph = edges(level)
    cancels = [step.on_cancel for step in level if step.on_cancel]
    cancels += [
        inner.on_cancel for step in level if step.loop is not None for inner in _inside(step) if inner.on_cancel
    ]
    seen: set[str] = set()
    pending = [name for name in [level[0].name, *cancels] if name in graph] if level else []
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(graph.get(name, ()))
    return [name for name in graph if name not in seen]
