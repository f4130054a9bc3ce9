"""Loops: rounds, ends, jumps out of them, failures inside (section 3.18)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runbooks.docs import branch, call, each, output, pause, repeat, runbook, script, sleep, update, when
from tests.unit.runbooks.scripted import Fails, Host, Script, TimesOut, quiet


def go(document: dict[str, Any], script: Script = quiet, **parameters: Any) -> tuple[Host, str]:
    host = Host({"Main": document}, script)
    return host, host.start(parameters=parameters)


def payloads(host: Host) -> list[Any]:
    return [ask.inputs["InputPayload"] for ask in host.ran if "InputPayload" in ask.inputs]


STILL = {"Variable": "{{ in.more }}", "BooleanEquals": True}
MORE = [output("more", "$.Payload", "Boolean")]


def counting(limit: int) -> Script:
    rounds: list[Any] = []

    def answer(ask: Any) -> Any:
        if ask.step == "in":
            rounds.append(ask)
            return {"Payload": len(rounds) < limit}
        return {}

    return answer


@pytest.mark.parametrize(
    ("kind", "items", "values"),
    [
        ("String", ["a", "b"], ["a", "b"]),
        (None, ["a"], ["a"]),
        ("Integer", ["1", "2"], [1, 2]),
        ("Boolean", ["true", "false"], [True, False]),
        ("StringMap", [{"k": "v"}, {"k": "w"}], [{"k": "v"}, {"k": "w"}]),
    ],
)
def test_a_for_each_gives_each_item_in_its_type_and_the_number_of_the_round(
    kind: str | None, items: list[Any], values: list[Any]
) -> None:
    inner = script("in", {"v": "{{ l.CurrentIteratorValue }}", "i": "{{ l.CurrentIteration }}"})
    loop = each("l", items, inner, **({"IteratorDataType": kind} if kind else {}))
    host, execution = go(runbook(loop))
    assert payloads(host) == [{"v": value, "i": number} for number, value in enumerate(values, 1)]
    assert host.status(execution) == "Success"


def test_a_round_is_named_by_every_step_execution_inside_it() -> None:
    host, execution = go(runbook(each("l", ["x", "y"], call("in"))))
    steps = host.view(execution)["StepExecutions"]
    assert [step["StepName"] for step in steps] == ["l", "in", "in"]
    assert [step["ParentStepDetails"] for step in steps[1:]] == [
        {
            "StepExecutionId": steps[0]["StepExecutionId"],
            "StepName": "l",
            "Action": "aws:loop",
            "Iteration": number,
            "IteratorValue": value,
        }
        for number, value in ((1, "x"), (2, "y"))
    ]
    assert len({step["StepExecutionId"] for step in steps}) == 3


@pytest.mark.parametrize(
    ("items", "inputs", "rounds"),
    [
        ("{{ L }}", {}, 3),
        (["{{ L }}"], {}, 3),
        (["a", "{{ L }}"], {}, 4),
        ("{{ L }}", {"MaxIterations": 2}, 2),
        ("{{ L }}", {"MaxIterations": "{{ N }}"}, 2),
        ("{{ E }}", {}, 0),
        ([], {}, 0),
    ],
)
def test_items_may_be_references_and_rounds_have_a_limit(items: Any, inputs: dict[str, Any], rounds: int) -> None:
    parameters = {
        "L": {"type": "StringList", "default": ["x"]},
        "E": {"type": "StringList", "default": []},
        "N": {"type": "Integer", "default": 1},
    }
    document = runbook(each("l", items, call("in"), **inputs), call("end"), parameters=parameters)
    host, execution = go(document, L=["x", "y", "z"], E=[], N=2)
    assert host.executed(execution) == ["l", *["in"] * rounds, "end"]
    assert host.statuses(execution)["l"] == "Success"


@pytest.mark.parametrize(("limit", "most", "rounds"), [(1, 100, 1), (3, 100, 3), (1_000, 4, 4), (1_000, None, 100)])
def test_a_do_while_goes_on_while_its_condition_holds_and_runs_once_at_least(
    limit: int, most: int | None, rounds: int
) -> None:
    loop = repeat("l", STILL, script("in", outputs=MORE), **({"MaxIterations": most} if most else {}))
    host, execution = go(runbook(loop, call("end")), counting(limit))
    assert host.executed(execution) == ["l", *["in"] * rounds, "end"]
    assert host.step(execution, "l").outputs == {"CurrentIteration": rounds}


@pytest.mark.parametrize(
    ("items", "inputs"),
    [
        ([str(n) for n in range(101)], {}),
        ("{{ M }}", {"IteratorDataType": "Integer"}),
        (["x"], {"IteratorDataType": "Integer"}),
        (["x"], {"MaxIterations": "{{ Z }}"}),
        (["x"], {"MaxIterations": "{{ H }}"}),
        ("{{ before.none }}", {}),
    ],
)
def test_a_loop_that_cannot_begin_follows_its_own_on_failure(items: Any, inputs: dict[str, Any]) -> None:
    parameters = {
        "M": {"type": "StringMap", "default": {}},
        "Z": {"type": "Integer", "default": 0},
        "H": {"type": "Integer", "default": 101},
    }
    loop = each("l", items, call("in"), **inputs) | {"onFailure": "step:end"}
    before = call("before", outputs=[output("none", "$.none")])
    document = runbook(before, loop, call("skipped"), call("end"), parameters=parameters)
    host, execution = go(document, M={}, Z=0, H=101)
    assert host.executed(execution) == ["before", "l", "end"]
    assert host.step(execution, "l").failure is not None
    assert host.statuses(execution)["l"] == "Failed"


def test_a_condition_that_cannot_be_evaluated_fails_the_loop() -> None:
    condition = {"Variable": "{{ in.text }}", "NumericGreater": 5}
    inner = script("in", outputs=[output("text", "$.Payload")])
    host, execution = go(runbook(repeat("l", condition, inner)), lambda ask: {"Payload": "many"})
    assert host.statuses(execution) == {"l": "Failed", "in": "Success"}
    assert host.status(execution) == "Failed"


def test_is_end_inside_ends_the_round_and_not_the_execution() -> None:
    inner = [branch("b", when("{{ l.CurrentIteratorValue }}", "skip", "skip")), call("work", nextStep="last")]
    inner += [call("skip", isEnd=True), call("last")]
    host, execution = go(runbook(each("l", ["do", "skip", "do"], *inner), call("end")))
    rounds = ["b", "work", "last", "b", "skip", "b", "work", "last"]
    assert host.executed(execution) == ["l", *rounds, "end"]


@pytest.mark.parametrize("way", ["nextStep", "branch", "onFailure"])
def test_a_jump_out_of_a_loop_leaves_it_and_its_outputs_stay(way: str) -> None:
    inner = {
        "nextStep": call("in", nextStep="out"),
        "branch": branch("in", when("x", "x", "out")),
        "onFailure": call("in", onFailure="step:out", isCritical=False),
    }[way]
    if way == "branch":
        inner["inputs"]["Choices"][0]["Variable"] = "{{ l.CurrentIteratorValue }}"
    document = runbook(
        each("l", ["x", "y"], inner),
        call("skipped"),
        script("out", {"v": "{{ l.CurrentIteratorValue }}", "i": "{{ l.CurrentIteration }}"}),
    )
    host, execution = go(document, lambda ask: Fails() if way == "onFailure" and ask.step == "in" else {})
    assert host.executed(execution) == ["l", "in", "out"]
    assert host.statuses(execution)["l"] == "Exited"
    assert host.status(execution) == "Success"
    assert payloads(host) == [{"v": "x", "i": 1}]


def test_outputs_of_a_loop_and_of_its_steps_can_be_read_after_it() -> None:
    inner = script("in", "{{ l.CurrentIteratorValue }}", outputs=[output("o", "$.Payload")])
    after = script("after", ["{{ l.CurrentIteratorValue }}", "{{ l.CurrentIteration }}", "{{ in.o }}"])
    host, _ = go(runbook(each("l", ["x", "y"], inner), after), lambda ask: {"Payload": ask.inputs["InputPayload"]})
    assert payloads(host)[-1] == ["y", 2, "y"]


@pytest.mark.parametrize(("answer", "status"), [(Fails("broke"), "Failed"), (TimesOut(), "TimedOut")])
def test_an_abort_inside_fails_the_loop_and_ends_the_execution(answer: Any, status: str) -> None:
    loop = each("l", ["x", "y"], call("in")) | {"onFailure": "Continue"}
    host, execution = go(runbook(loop, call("end")), lambda ask: answer)
    assert host.executed(execution) == ["l", "in"]
    assert host.statuses(execution) == {"l": "Failed", "in": status, "end": "Pending"}
    assert host.status(execution) == status


def test_continue_inside_goes_on_with_the_round_and_every_round_counts() -> None:
    loop = each("l", ["x", "y"], call("in", onFailure="Continue", isCritical=True), call("next"))
    failed: list[Any] = []

    def answer(ask: Any) -> Any:
        if ask.step == "in" and not failed:
            failed.append(ask)
            return Fails("the first")
        return {}

    host, execution = go(runbook(loop), answer)
    assert host.executed(execution) == ["l", "in", "next", "in", "next"]
    assert (host.status(execution), host.view(execution)["FailureMessage"]) == ("Failed", "the first")
    assert host.statuses(execution) == {"l": "Success", "in": "Success", "next": "Success"}


def test_loops_inside_loops() -> None:
    inner = each("i", ["1", "2"], script("in", "{{ o.CurrentIteratorValue }}{{ i.CurrentIteratorValue }}"))
    host, execution = go(runbook(each("o", ["a", "b"], inner), call("end")))
    assert payloads(host) == ["a1", "a2", "b1", "b2"]
    assert host.executed(execution) == ["o", "i", "in", "in", "i", "in", "in", "end"]


def test_a_jump_out_of_two_loops_leaves_both() -> None:
    inner = each("i", ["1", "2"], call("in", nextStep="out"))
    host, execution = go(runbook(each("o", ["a", "b"], inner), call("skipped"), call("out")))
    assert host.statuses(execution) == {
        "o": "Exited",
        "i": "Exited",
        "in": "Success",
        "skipped": "Pending",
        "out": "Success",
    }


def test_a_jump_to_the_loop_around_leaves_the_inner_loop_only() -> None:
    inner = each("i", ["1", "2"], call("in", nextStep="mid"))
    host, execution = go(runbook(each("o", ["a", "b"], inner, call("skipped"), call("mid"))))
    assert host.executed(execution) == ["o", "i", "in", "mid", "i", "in", "mid"]
    assert host.statuses(execution)["o"] == "Success"


def test_waits_inside_loops_wait() -> None:
    host, execution = go(runbook(each("l", ["x", "y"], sleep("s", "PT10S"), pause("p"))))
    host.advance(10)
    assert host.view(execution)["CurrentStepName"] == "p"
    host.signal(execution, "Resume", {"StepName": ["p"]})
    assert host.statuses(execution) == {"l": "InProgress", "s": "InProgress", "p": "Success"}
    host.advance(10)
    host.signal(execution, "Resume", {"StepName": ["p"]})
    assert host.status(execution) == "Success"


def test_a_loop_that_is_still_running_shows_its_round() -> None:
    host, execution = go(runbook(each("l", ["x", "y"], pause("p"))))
    assert host.view(execution)["StepExecutions"][0]["Outputs"] == {
        "CurrentIteration": ["1"],
        "CurrentIteratorValue": ["x"],
    }


def test_a_loop_has_the_time_that_it_states() -> None:
    loop = each(
        "l",
        ["x", "y"],
        call("in"),
    ) | {"timeoutSeconds": 10, "onFailure": "step:end"}
    host, execution = go(runbook(loop, call("end")), lambda ask: None if ask.step == "in" else {})
    host.advance(10)
    assert host.statuses(execution) == {"l": "TimedOut", "in": "Cancelled", "end": "Success"}
    assert host.status(execution) == "TimedOut"
    assert [ask.step for ask in host.stopped] == ["in"]


def test_a_hundred_rounds_of_a_hundred_rounds_rest_in_between_and_come_to_their_end() -> None:
    numbers = [str(number) for number in range(100)]
    inner = each("i", numbers[:30], update("u", "v", "{{ o.CurrentIteratorValue }}/{{ i.CurrentIteratorValue }}"))
    host, execution = go(runbook(each("o", numbers[:30], inner), variables={"v": {"type": "String"}}))
    assert host.status(execution) == "Success"
    assert host.executions[execution].state.variables == {"v": "29/29"}
    assert len(host.executions[execution].rows) == 1 + 30 + 900
