"""A set of metrics and expressions over them: checked as a whole, then evaluated any number of times."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wakeless.metrics.errors import BadExpression, ValidationFailed
from wakeless.metrics.expressions.functions import FUNCTIONS, METRICS, UNSUPPORTED
from wakeless.metrics.expressions.parser import Instruction, Op, parse
from wakeless.metrics.expressions.shapes import (
    Call,
    Form,
    Shape,
    array,
    check_array,
    check_binary,
    check_negate,
)
from wakeless.metrics.expressions.values import MAX_POINTS, Array, Context, Series, Value, binary

#: Entries of one request (GetMetricData) at most.
MAX_ENTRIES = 500
_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_METRIC = Shape(Form.SERIES, metric=True)
#: The machine's name for METRICS(…) once it is known which metrics that means.
_COLLECT = Op.ARRAY
_QUERY = re.compile(r"\s*SELECT\s", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One metric or one expression of a request."""

    id: str
    #: None for a metric.
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class _Program:
    """An expression made ready."""

    steps: tuple[Instruction, ...]
    #: Ids of what it needs first.
    needs: frozenset[str]


class Plan:
    """What `make_plan` found to be right."""

    def __init__(self, programs: Mapping[str, _Program], shapes: Mapping[str, Shape], work: Mapping[str, int]) -> None:
        self._programs = programs
        self._shapes = shapes
        self._work = work

    def form(self, entry_id: str) -> Form:
        """Return what an entry's value is; a number cannot be a result."""
        return self._shapes[entry_id].form

    def width(self, entry_id: str) -> int:
        """Return how many time series an entry's value has at most."""
        return self._shapes[entry_id].width

    def needed(self, wanted: Iterable[str]) -> set[str]:
        """Return the ids of ``wanted`` and of all that they need."""
        needed: set[str] = set()
        pending = list(wanted)
        while pending:
            entry_id = pending.pop()
            if entry_id not in needed:
                needed.add(entry_id)
                if entry_id in self._programs:
                    pending.extend(self._programs[entry_id].needs)
        return needed

    def evaluate(self, metrics: Mapping[str, Series], context: Context, wanted: Iterable[str]) -> dict[str, Value]:
        """Return the values of ``wanted``; ``metrics`` has a series for each metric that they need.

        Raises `ValidationFailed` when they compute too many points.
        """
        wanted = list(wanted)
        needed = self.needed(wanted)
        values: dict[str, Value] = {entry_id: metrics[entry_id] for entry_id in needed if entry_id in metrics}
        # Programs are in the order in which they need each other.
        for entry_id, program in self._programs.items():
            if entry_id in needed:
                values[entry_id] = _run(program.steps, values, context)
        return {entry_id: values[entry_id] for entry_id in wanted}

    def check_alarm(self, result: str, slots: int) -> None:
        """Refuse what an alarm cannot watch: more than one time series, or too much work each time.

        Raises `ValidationFailed`.
        """
        shape = self._shapes[result]
        if shape.form is not Form.SERIES and not (shape.form is Form.ARRAY and shape.width == 1):
            raise ValidationFailed(f"The result of '{result}' must be a single time series, not {shape.form}.")
        work = sum(self._work.get(entry_id, 1) for entry_id in self.needed([result])) * slots
        if work > MAX_POINTS:
            raise ValidationFailed(
                f"The alarm's expressions compute up to {work} datapoints at each evaluation, more than {MAX_POINTS}. "
                "You may reduce them by increasing Period, or decreasing EvaluationPeriods."
            )

    def evaluate_slots(
        self, metrics: Mapping[str, Sequence[float | None]], result: str, *, start: int, period: int, slots: int
    ) -> list[float | None]:
        """Return an alarm's time series as slots, as its metrics are given: oldest first, None where there is no point.

        Raises `ValidationFailed` when it computes too many points.
        """
        series = {
            entry_id: Series(
                {start + i * period: float(value) for i, value in enumerate(values) if value is not None}, period, start
            )
            for entry_id, values in metrics.items()
        }
        end = start + period * slots
        value = self.evaluate(series, Context(start, end, period), [result])[result]
        if isinstance(value, tuple):
            value = value[0] if value else Series({}, period, start)
        assert isinstance(value, Series), "check_alarm sees to it"
        return [value.points.get(at) for at in range(start, end, period)]


def make_plan(entries: Sequence[Entry]) -> Plan:
    """Check metrics and expressions as a whole; raises `ValidationFailed` with the first mistake."""
    if len(entries) > MAX_ENTRIES:
        raise ValidationFailed(f"The collection MetricDataQueries must not have a size greater than {MAX_ENTRIES}.")
    metrics = [entry.id for entry in entries if entry.expression is None]
    known: set[str] = set()
    for entry in entries:
        if not _ID.fullmatch(entry.id):
            raise ValidationFailed(
                f"The value {entry.id[:255]!r} for parameter Id is invalid: an id begins with a lower case letter and "
                "contains letters, digits and underscores only."
            )
        if entry.id in known:
            raise ValidationFailed(f"The values for parameter Id are not unique: {entry.id!r} stands there twice.")
        known.add(entry.id)
    programs = {
        entry.id: _prepare(entry.id, entry.expression, known, metrics)
        for entry in entries
        if entry.expression is not None
    }
    shapes: dict[str, Shape] = dict.fromkeys(metrics, _METRIC)
    work: dict[str, int] = dict.fromkeys(metrics, 1)
    ordered: dict[str, _Program] = {}
    for entry_id in _order(programs):
        ordered[entry_id] = programs[entry_id]
        with_place = _Named(entry_id)
        shapes[entry_id], work[entry_id] = with_place.check(programs[entry_id].steps, shapes)
    return Plan(ordered, shapes, work)


class _Named:
    """Puts the id of the expression into its error messages."""

    def __init__(self, entry_id: str) -> None:
        self._id = entry_id

    def refuse(self, error: BadExpression | str) -> BadExpression:
        return BadExpression(f"Error in expression '{self._id}': {error}.")

    def check(self, steps: Sequence[Instruction], shapes: Mapping[str, Shape]) -> tuple[Shape, int]:
        try:
            shape, work = _check(steps, shapes)
        except BadExpression as error:
            raise self.refuse(error) from error
        if shape.form in (Form.TEXT, Form.WORD):
            raise self.refuse(f"{shape.form} is no result")
        return Shape(shape.form, shape.width), work


def _prepare(entry_id: str, expression: str, known: set[str], metrics: Sequence[str]) -> _Program:
    named = _Named(entry_id)
    if _QUERY.match(expression):
        raise named.refuse("Metrics Insights queries (SELECT …) are not supported")
    try:
        steps = parse(expression)
    except BadExpression as error:
        raise named.refuse(error) from error
    resolved: list[Instruction] = []
    needs: set[str] = set()
    for step in steps:
        if step.op is Op.REF:
            if step.name not in known:
                near = _nearest(step.name, known)
                raise named.refuse(f"unknown id {step.name[:255]} at character {step.place}{near}")
            needs.add(step.name)
            resolved.append(step)
        elif step.op is Op.CALL and step.name == METRICS:
            chosen = _metrics_of(named, step, resolved, metrics)
            needs.update(chosen)
            resolved.extend(Instruction(Op.REF, name, step.place) for name in chosen)
            resolved.append(Instruction(_COLLECT, METRICS, step.place, len(chosen)))
        else:
            resolved.append(step)
    return _Program(tuple(resolved), frozenset(needs))


def _metrics_of(named: _Named, step: Instruction, before: list[Instruction], metrics: Sequence[str]) -> Sequence[str]:
    """Return the metrics that METRICS() or METRICS("part of the id") means; takes the text off the program."""
    if step.count == 0:
        return metrics
    if step.count == 1 and before[-1].op is Op.TEXT:
        part = before.pop().name
        return [name for name in metrics if part in name]
    raise named.refuse(f"METRICS at character {step.place}: it takes one text in quotes, or nothing")


def _nearest(name: str, among: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:64], list(among), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _order(programs: Mapping[str, _Program]) -> list[str]:
    """Return the expressions so that each comes after what it needs; refuses a ring."""
    waiting = {entry_id: {need for need in program.needs if need in programs} for entry_id, program in programs.items()}
    users: dict[str, list[str]] = {}
    for entry_id, needs in waiting.items():
        for need in needs:
            users.setdefault(need, []).append(entry_id)
    ready = [entry_id for entry_id, needs in waiting.items() if not needs]
    ordered: list[str] = []
    while ready:
        entry_id = ready.pop()
        ordered.append(entry_id)
        for user in users.get(entry_id, ()):
            waiting[user].discard(entry_id)
            if not waiting[user]:
                ready.append(user)
    if len(ordered) < len(programs):
        ring = sorted(set(programs) - set(ordered))
        raise ValidationFailed(f"The expressions {', '.join(ring[:10])} need each other in a circle.")
    return ordered


def _check(steps: Sequence[Instruction], shapes: Mapping[str, Shape]) -> tuple[Shape, int]:
    """Run a program on shapes; return the result's, and how many series it computes on the way."""
    stack: list[Shape] = []
    work = 0
    for step in steps:
        args = [stack.pop() for _ in range(step.count)][::-1]
        match step.op:
            case Op.NUMBER:
                shape = Shape(Form.NUMBER, number=step.number)
            case Op.TEXT:
                shape = Shape(Form.TEXT, text=step.name)
            case Op.WORD:
                shape = Shape(Form.WORD, text=step.name[:50])
            case Op.REF:
                shape = shapes[step.name]
            case Op.ARRAY:
                shape = array(0) if step.name == METRICS and not args else check_array(step.place, args)
            case Op.NEGATE:
                shape = check_negate(step.place, args[0])
            case Op.BINARY:
                shape = check_binary(step.name, step.place, *args)
            case Op.CALL:
                shape = _check_call(Call(step.name, step.place, args))
        work += max(shape.width, *(arg.width for arg in args)) if args else 0
        stack.append(shape)
    return stack[0], work


def _check_call(call: Call) -> Shape:
    function = FUNCTIONS.get(call.name)
    if function is None:
        if call.name in UNSUPPORTED:
            call.refuse(f"not supported: {UNSUPPORTED[call.name]}")
        near = _nearest(call.name, [*FUNCTIONS, METRICS])
        raise BadExpression(f"unknown function {call.name[:50]} at character {call.place}{near}")
    if not function.least <= len(call.args) <= function.most:
        wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        noun = "argument" if function.most == 1 else "arguments"
        call.refuse(f"it takes {wanted} {noun}, not {len(call.args)}")
    return function.check(call)


def _run(steps: Sequence[Instruction], values: Mapping[str, Value], context: Context) -> Value:
    stack: list[Value] = []
    for step in steps:
        args = [stack.pop() for _ in range(step.count)][::-1]
        match step.op:
            case Op.NUMBER:
                stack.append(step.number)
            case Op.TEXT | Op.WORD:
                stack.append(step.name)
            case Op.REF:
                stack.append(values[step.name])
            case Op.ARRAY:
                stack.append(_flatten(args))
            case Op.NEGATE:
                stack.append(binary(context, "-", 0.0, args[0]))
            case Op.BINARY:
                stack.append(binary(context, step.name, args[0], args[1]))
            case Op.CALL:
                stack.append(FUNCTIONS[step.name].run(context, args))
    return stack[0]


def _flatten(args: Sequence[Value]) -> Array:
    series: list[Series] = []
    for arg in args:
        if isinstance(arg, tuple):
            series.extend(arg)
        else:
            assert isinstance(arg, Series), "checked before"
            series.append(arg)
    return tuple(series)
