"""Loops: their rounds, and how they are left."""

from __future__ import annotations

from wakeless.core.errors import Refused
from wakeless.runbooks.coerce import to_integer
from wakeless.runbooks.conditions import holds
from wakeless.runbooks.document import Json, Loop, Step
from wakeless.runbooks.fit import BadInput
from wakeless.runbooks.walk import limits, messages
from wakeless.runbooks.walk.scope import typed_items
from wakeless.runbooks.walk.state import Round, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Enter, LevelEnd, Move, Settled, Work


def begin(work: Work, loop: Loop, execution: StepExecution, iterators: Json, most: Json) -> Move:
    """Begin the first round; a for-each over nothing succeeds at once.

    Raises:
        BadInput, Mismatch, NotJson: the loop cannot be done with these items or limits.
    """
    limit = to_integer(most)
    if not 1 <= limit <= limits.MAX_ITERATIONS:
        raise BadInput(f"MaxIterations must be from 1 to {limits.MAX_ITERATIONS}")
    items: tuple[Json, ...] | None = None
    if loop.iterators is not None:
        listed: list[Json] = iterators if isinstance(iterators, list) else [iterators]
        if len(listed) > limits.MAX_ITERATORS:
            raise BadInput(f"A loop takes at most {limits.MAX_ITERATORS} items, not {len(listed)}")
        items = typed_items(listed, loop.iterator_type)
        if not items:
            work.end(execution, StepStatus.SUCCESS)
            return Settled(execution.name)
    # The cursor stands on what runs inside the loop, never on the loop.
    work.current = None
    work.rounds = (*work.rounds, Round(step=execution.name, iteration=1, items=items, max_iterations=limit))
    return _first(loop)


def next_round(work: Work) -> Move:
    """End an iteration: begin the next one, or end the loop."""
    turn = work.rounds[-1]
    loop = work.document.by_name[turn.step].loop
    assert loop is not None
    try:
        more = _more(work, loop, turn)
    except Refused as error:
        work.close_round(StepStatus.FAILED, messages.bad_inputs(str(error)))
        return Settled(turn.step)
    if not more:
        work.close_round(StepStatus.SUCCESS)
        return Settled(turn.step)
    following = Round(
        step=turn.step, iteration=turn.iteration + 1, items=turn.items, max_iterations=turn.max_iterations
    )
    work.rounds = (*work.rounds[:-1], following)
    return _first(loop)


def leave(work: Work, target: Step, status: StepStatus = StepStatus.EXITED) -> bool:
    """End the loops that the target stands outside of; False when it stands inside a loop that does not run."""
    while work.rounds and tuple(turn.step for turn in work.rounds) != target.within[: len(work.rounds)]:
        work.close_round(status)
    return tuple(turn.step for turn in work.rounds) == target.within


def _first(loop: Loop) -> Move:
    return Enter(loop.steps[0].name) if loop.steps else LevelEnd()


def _more(work: Work, loop: Loop, turn: Round) -> bool:
    if turn.iteration >= turn.max_iterations:
        return False
    if turn.items is not None:
        return turn.iteration < len(turn.items)
    return loop.condition is not None and holds(loop.condition, work.scope())
