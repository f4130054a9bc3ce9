"""What holds for every document and every run of events.

A walk always ends or waits for something named; it raises nothing but our own errors; a state that went through JSON
goes on as the one that did not (the scripted host checks that at every single event); nothing runs after the end.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.unit.runbooks.docs import (
    approve,
    automation,
    branch,
    call,
    each,
    output,
    pause,
    repeat,
    runbook,
    script,
    sleep,
    update,
    when,
)
from tests.unit.runbooks.scripted import CALLER, Fails, Host, TimesOut

from wakeless.core.errors import WakelessError
from wakeless.runbooks.build import build
from wakeless.runbooks.document import Document
from wakeless.runbooks.load import load
from wakeless.runbooks.places import Notes
from wakeless.runbooks.walk import begin, walk
from wakeless.runbooks.walk.events import TimerFired
from wakeless.runbooks.walk.state import ExecutionState, Mode, Origin

NAMES = [f"s{number}" for number in range(8)]
names = st.sampled_from(NAMES)
texts = st.sampled_from(
    [
        "",
        "x",
        "true",
        "5",
        "{{ P }}",
        "{{ L }}",
        "{{ variable:v }}",
        "{{ s1.o }}",
        "{{ s3.CurrentIteration }}",
        "{{ s2.Output }}",
        "a {{ s4.OutputPayload }}",
        "{{ automation:EXECUTION_ID }}",
        "{{ global:DATE }}",
        "{{ s5.Payload }}",
    ]
)
conditions = st.recursive(
    st.builds(
        lambda variable, operator, constant: {"Variable": variable, operator: constant},
        st.sampled_from(["{{ P }}", "{{ s1.o }}", "{{ s2.CurrentIteration }}", "{{ variable:v }}"]),
        st.sampled_from(["StringEquals", "NumericGreater", "BooleanEquals", "Contains"]),
        st.sampled_from(["x", 1, True, "{{ L }}"]),
    ),
    lambda inner: st.builds(lambda c: {"Not": c}, inner) | st.builds(lambda a, b: {"And": [a, b]}, inner, inner),
    max_leaves=3,
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "onFailure": st.sampled_from(["Abort", "Continue"]) | names.map(lambda name: f"step:{name}"),
        "onCancel": names.map(lambda name: f"step:{name}"),
        "isEnd": st.booleans(),
        "isCritical": st.booleans(),
        "nextStep": names,
        "maxAttempts": st.integers(1, 3),
        "timeoutSeconds": st.integers(1, 100),
    },
)
plain = st.one_of(
    st.builds(
        lambda text, more: call("", {"Message": text}, outputs=[output("o", "$.o", "String")], **more),
        texts,
        properties,
    ),
    st.builds(lambda text, more: script("", text, **more), texts, properties),
    st.builds(lambda more: sleep("", "PT30S", **more), properties),
    st.builds(lambda more: pause("", **more), properties),
    st.builds(lambda more: approve("", "Starter", "{{ P }}", **more), properties),
    st.builds(lambda text, more: update("", "v", text, **more), texts, properties),
    st.builds(lambda more: automation("", "Child", {"P": "{{ P }}"}, **more), properties),
    st.builds(
        lambda condition, then, default, more: branch("", {**condition, "NextStep": then}, default=default, **more),
        conditions,
        names,
        st.none() | names,
        properties,
    ),
    st.builds(lambda then: branch("", when("{{ P }}", "x", then)), names),
)
loops = st.builds(
    lambda steps, items, condition: (
        each("", items, *steps) if condition is None else repeat("", condition, *steps, MaxIterations=3)
    ),
    st.lists(plain, min_size=1, max_size=3),
    st.sampled_from([["1", "2"], "{{ L }}", "{{ P }}", []]),
    st.none() | conditions,
)


def named(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the steps their names, those inside loops included."""
    left = iter(NAMES)

    def name(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = []
        for step in listed:
            given_name = next(left, None)
            if given_name is None:
                break
            named_step = {**step, "name": given_name}
            if step["action"] == "aws:loop":
                named_step["inputs"] = {**step["inputs"], "Steps": name(step["inputs"]["Steps"])}
            done.append(named_step)
        return done

    return runbook(
        *name(steps),
        parameters={"P": {"type": "String", "default": "x"}, "L": {"type": "StringList", "default": ["x", "y"]}},
        variables={"v": {"type": "String", "default": "x"}},
    )


CHILD = runbook(call("c"), pause("p", timeoutSeconds=60), parameters={"P": {"type": "String"}})
documents = st.lists(plain | loops, min_size=1, max_size=5).map(named)
answers = st.sampled_from([{}, {"o": "x"}, {"o": ["x", {}]}, {"Payload": {"o": 1}}, None, Fails(), TimesOut()])
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.integers(1, 200)),
        st.tuples(st.sampled_from(["Approve", "Reject", "Revoke"]), st.none()),
        st.tuples(st.sampled_from(["Resume", "StartStep"]), names),
        st.tuples(st.just("StopStep"), names),
        st.tuples(st.just("stop"), st.sampled_from(["Cancel", "Complete"])),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(documents, st.lists(answers, min_size=1, max_size=6), happenings, st.sampled_from(Mode))
def test_any_document_ends_or_waits_whatever_happens(
    content: dict[str, Any], given_answers: list[Any], happened: list[tuple[str, Any]], mode: Mode
) -> None:
    # Cycles never end, which is why documents with cycles are refused; all else that is wrong must do no harm.
    problems = load(content).problems
    if any("cycle" in problem.message for problem in problems):
        return
    event("refused, and walked all the same" if problems else "accepted")
    asked: list[Any] = []

    def answer(ask: Any) -> Any:
        asked.append(ask)
        return given_answers[len(asked) % len(given_answers)]

    host = Host({"Main": unchecked(content), "Child": CHILD}, answer)
    execution = host.start(parameters={"P": "x", "L": ["x", "y"]}, mode=mode)
    for kind, value in happened:
        with suppress(WakelessError):
            happen(host, execution, kind, value)
        check(host)
    host.advance(90 * 86_400)
    check(host)


def happen(host: Host, execution: str, kind: str, value: Any) -> None:
    if kind == "advance":
        host.advance(value)
    elif kind == "stop":
        host.stop(execution, value)
    elif kind == "StopStep":
        ran = host.executions[execution].state.steps
        host.signal(execution, kind, {"StepExecutionId": [ran[value].id if value in ran else "none"]})
    else:
        host.signal(execution, kind, {"StepName": [value]} if value else {}, CALLER)


def check(host: Host) -> None:
    for execution in host.executions.values():
        state = execution.state
        if state.status.final:
            assert execution.finish is not None
            assert execution.finish.status is state.status
            assert state.rounds == ()
            assert all(row.status.final for row in execution.rows.values())
            continue
        assert execution.waits_for is not None
        running = [row for row in execution.rows.values() if not row.status.final]
        # What runs is the loops around the cursor and the step at it.
        assert {row.name for row in running} == {turn.step for turn in state.rounds} | (
            {state.current} if state.current else set()
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(plain | loops, min_size=1, max_size=5).map(named))
def test_even_a_document_that_nobody_checked_is_walked_in_pieces(content: dict[str, Any]) -> None:
    document = unchecked(content)
    now = Host({}).now
    state: ExecutionState = begin(document, Origin(execution_id="e", document_name="d"), now)
    host = Host({"Main": document})
    execution = host.start(parameters={"P": "x", "L": ["x"]}, run=False)
    for _ in range(3):
        if not host._events:
            break
        host._walk(*host._events.pop(0))
    assert host.executions[execution].state.status is not None
    assert walk(document, state, TimerFired(), now + timedelta(days=1)).state == state


def unchecked(content: dict[str, Any]) -> Document:
    """Return the document without its rules being looked at: cycles, jumps into loops, unknown steps."""
    return build(content, Notes()).document
