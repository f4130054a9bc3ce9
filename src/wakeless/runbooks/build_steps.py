"""Steps, with their outputs, choices, conditions and loops (reference 3.3, 3.18, 4.1 and 5.1)."""

from __future__ import annotations

import re

from wakeless.runbooks.build_conditions import build_branch, build_condition
from wakeless.runbooks.document import (
    FailureRule,
    IteratorType,
    Json,
    Loop,
    OnFailure,
    Path,
    Step,
    StepOutput,
    ValueType,
)
from wakeless.runbooks.fields import Fields
from wakeless.runbooks.interpolate import whole
from wakeless.runbooks.places import Notes, kind_of, nearest, one_of, shown

STEP_PROPERTIES = (
    *("name", "action", "description", "inputs", "maxAttempts", "timeoutSeconds", "onFailure", "onCancel"),
    *("nextStep", "isEnd", "isCritical", "outputs"),
)
MAX_ITERATIONS = 100
_LOOP_INPUTS = ("Steps", "Iterators", "IteratorDataType", "LoopCondition", "MaxIterations")
_JUMP = re.compile(r"step\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)


def build_steps(values: list[Json], path: Path, within: tuple[str, ...], notes: Notes) -> tuple[Step, ...]:
    """Return the steps of one list; a step that is none stands in as one without a name, so positions hold."""
    steps = []
    for position, value in enumerate(values):
        place: Path = (*path, position)
        if not isinstance(value, dict):
            notes.wrong(place, f"a step is a mapping with name, action and inputs, not {kind_of(value)}")
            steps.append(Step(name="", action="", within=within, position=position))
            continue
        steps.append(_step(Fields(value, place, notes), within, position))
    return tuple(steps)


def _step(fields: Fields, within: tuple[str, ...], position: int) -> Step:
    fields.refuse_unknown(STEP_PROPERTIES, 'Unknown property "{}" in step detail')
    name, action = _required(fields, "name"), _required(fields, "action")
    inputs = fields.mapping("inputs")
    at_inputs = Fields(inputs, fields.at("inputs"), fields.notes)
    is_end = fields.boolean("isEnd") or False
    next_step = fields.text("nextStep")
    if is_end and next_step is not None:
        fields.wrong("nextStep", '"isEnd == true" and nextStep should not exist in same step')
    return Step(
        name=name,
        action=action,
        description=fields.text("description") or "",
        inputs=inputs,
        max_attempts=fields.integer("maxAttempts", 1) or 1,
        timeout_seconds=fields.integer("timeoutSeconds", 1),
        on_failure=_on_failure(fields),
        on_cancel=_on_cancel(fields),
        next_step=next_step.strip() if next_step is not None else None,
        is_end=is_end,
        is_critical=fields.boolean("isCritical"),
        outputs=_outputs(fields),
        branch=build_branch(at_inputs) if action == "aws:branch" else None,
        loop=_loop(at_inputs, (*within, name)) if action == "aws:loop" else None,
        within=within,
        position=position,
        stated=frozenset(key for key, value in fields.values.items() if value is not None),
    )


def _required(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if not value:
        if not isinstance(fields.values.get(name), list | dict):
            fields.notes.wrong(fields.path, f'Missing "{name}" in step detail')
        return ""
    return value


def _on_failure(fields: Fields) -> OnFailure:
    value = fields.text("onFailure")
    if value is None:
        return OnFailure()
    word = value.strip().lower()
    if word == "abort":
        return OnFailure(FailureRule.ABORT)
    if word == "continue":
        return OnFailure(FailureRule.CONTINUE)
    jump = _JUMP.fullmatch(value.strip())
    if jump and jump.group(1):
        return OnFailure(FailureRule.STEP, jump.group(1).strip())
    fields.wrong("onFailure", f'onFailure cannot be "{shown(value)}"', "Abort, Continue or step:NAME")
    return OnFailure()


def _on_cancel(fields: Fields) -> str | None:
    value = fields.text("onCancel")
    if value is None or value.strip().lower() == "abort":
        return None
    jump = _JUMP.fullmatch(value.strip())
    if jump and jump.group(1):
        return jump.group(1).strip()
    fields.wrong("onCancel", f'onCancel cannot be "{shown(value)}"', "Abort or step:NAME")
    return None


def _outputs(fields: Fields) -> tuple[StepOutput, ...]:
    outputs: dict[str, StepOutput] = {}
    for position, value in enumerate(fields.items("outputs")):
        path: Path = (*fields.path, "outputs", position)
        if not isinstance(value, dict):
            fields.notes.wrong(path, f"an output is a mapping with Name, Selector and Type, not {kind_of(value)}")
            continue
        output = Fields(value, path, fields.notes)
        output.mind_unknown(("Name", "Selector", "Type"), 'the property "{}" of an output means nothing')
        name, selector = output.text("Name"), output.text("Selector")
        for field, given in (("Name", name), ("Selector", selector)):
            if not given and not isinstance(value.get(field), list | dict):
                fields.notes.wrong(path, f'Missing "{field}" in an output of the step')
        kind = _output_type(output)
        if name in outputs:
            output.notes.odd(output.at("Name"), f'the output "{shown(name)}" is declared twice; the last one holds')
        if name and selector:
            outputs[name] = StepOutput(name=name, selector=selector, type=kind)
    return tuple(outputs.values())


def _output_type(output: Fields) -> ValueType:
    value = output.text("Type")
    if value is None:
        return ValueType.STRING
    try:
        return ValueType(value)
    except ValueError:
        output.wrong("Type", f"Output type: {shown(value)} is invalid", nearest(value, ValueType) or one_of(ValueType))
        return ValueType.STRING


def _loop(inputs: Fields, within: tuple[str, ...]) -> Loop:
    inputs.mind_unknown(_LOOP_INPUTS, 'aws:loop has no input "{}"')
    if not inputs.items("Steps") and inputs.values.get("Steps") in (None, []):
        inputs.notes.wrong(inputs.path, 'Missing "Steps" in the inputs of an aws:loop')
    iterators, condition = inputs.values.get("Iterators"), inputs.values.get("LoopCondition")
    if (iterators is None) == (condition is None):
        message = "an aws:loop has either Iterators or LoopCondition"
        inputs.notes.wrong(inputs.path, message + (", not both" if condition is not None else ""))
    if iterators is not None and not isinstance(iterators, list):
        if not isinstance(iterators, str):
            inputs.wrong("Iterators", f'"Iterators" must be a list or a reference to one, not {kind_of(iterators)}')
        elif whole(iterators) is None:
            inputs.wrong("Iterators", '"Iterators" must be a list or a reference to one, not text')
    return Loop(
        steps=build_steps(inputs.items("Steps"), inputs.at("Steps"), within, inputs.notes),
        iterators=iterators,
        iterator_type=_iterator_type(inputs),
        condition=build_condition(condition, inputs.at("LoopCondition"), inputs.notes) if condition else None,
        max_iterations=_max_iterations(inputs),
    )


def _iterator_type(inputs: Fields) -> IteratorType:
    value = inputs.text("IteratorDataType")
    if value is None:
        return IteratorType.STRING
    try:
        return IteratorType(value)
    except ValueError:
        inputs.wrong("IteratorDataType", f"IteratorDataType: {shown(value)} is invalid", one_of(IteratorType))
        return IteratorType.STRING


def _max_iterations(inputs: Fields) -> int | str:
    value = inputs.values.get("MaxIterations")
    if isinstance(value, str) and whole(value) is not None:
        return value.strip()
    return inputs.integer("MaxIterations", 1, MAX_ITERATIONS) or MAX_ITERATIONS
