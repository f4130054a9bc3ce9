"""The acceptance cases that need no more than the walk: documents in, asks answered by the case's mocks, statuses out.

What an action does with AWS behind its ask is not shown here; such actions are answered with what they would give.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runbooks.scripted import CALLER, Fails, Host, TimesOut

from wakeless.runbooks.coerce import compact
from wakeless.runbooks.errors import InvalidDocument, InvalidExecutionParameters
from wakeless.runbooks.load import read_document
from wakeless.runbooks.parameters import start_parameters
from wakeless.runbooks.selectors import select
from wakeless.runbooks.walk.events import RunAction
from wakeless.runbooks.walk.state import Mode

CASES = json.loads((Path(__file__).parents[2] / "data" / "runbooks" / "cases.json").read_text())["cases"]

#: Cases of other rooms: rate control, the API's own errors.
ELSEWHERE = {"rate-001", "apix-001"}


@dataclass
class Mocks:
    """The world of one case."""

    mocks: Mapping[str, Any]
    calls: list[dict[str, Any]] = field(default_factory=list)
    script_inputs: dict[str, list[Any]] = field(default_factory=dict)
    lambda_inputs: list[dict[str, Any]] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)

    def __call__(self, ask: RunAction) -> Mapping[str, Any] | Fails | TimesOut | None:
        match ask.action.removeprefix("aws:"):
            case "executeAwsApi":
                return self._call(ask.inputs)
            case "executeScript":
                return self._script(ask)
            case "waitForAwsResourceProperty" | "assertAwsResourceProperty":
                return self._property(ask)
            case "runCommand":
                self._record("ssm", "SendCommand", ask.inputs)
                return self._next("commands", self.mocks["commands"])  # type: ignore[no-any-return]
            case "invokeLambdaFunction":
                return self._lambda(ask)
            case "executeStateMachine":
                return self._state_machine(ask)
            case "changeInstanceState":
                return None
            case _:
                return {}

    def _next(self, key: str, answers: list[Any]) -> Any:
        at = self.used.get(key, 0)
        self.used[key] = at + 1
        return answers[min(at, len(answers) - 1)]

    def _record(self, service: str, api: str, params: Mapping[str, Any]) -> None:
        self.calls.append({"service": service.lower(), "api": api.lower(), "params": params})

    def _call(self, inputs: Mapping[str, Any]) -> Mapping[str, Any] | Fails:
        params = {key: value for key, value in inputs.items() if key not in ("Service", "Api")}
        self._record(inputs["Service"], inputs["Api"], params)
        for position, mock in enumerate(self.mocks.get("aws", [])):
            called = (inputs["Service"].lower(), inputs["Api"].lower())
            if (mock["service"].lower(), mock["api"].lower()) == called and contains(params, mock.get("match", {})):
                answer = self._next(f"aws/{position}", mock["responses"])
                if "error" in answer:
                    return Fails(f"{answer['error']['code']}: {answer['error']['message']}")
                return answer["return"]  # type: ignore[no-any-return]
        return {"ResponseMetadata": {}}

    def _script(self, ask: RunAction) -> Mapping[str, Any] | Fails:
        self.script_inputs.setdefault(ask.step, []).append(ask.inputs.get("InputPayload"))
        answer = self._next(f"script/{ask.step}", self.mocks["scripts"][ask.step])
        return Fails(answer["raise"]) if "raise" in answer else {"Payload": answer["return"]}

    def _property(self, ask: RunAction) -> Mapping[str, Any] | None:
        for _ in range(100):
            found = select(str(ask.inputs["PropertySelector"]), dict(self._call(ask.inputs)))  # type: ignore[arg-type]
            if found in ask.inputs["DesiredValues"]:  # type: ignore[operator]
                return {}
        return None

    def _lambda(self, ask: RunAction) -> Mapping[str, Any]:
        name = str(ask.inputs["FunctionName"])
        self.lambda_inputs.append({"function": name, "payload": json.loads(str(ask.inputs["Payload"]))})
        answer = self._next(f"lambda/{name}", self.mocks["lambda"][name])
        value = json.loads(answer["Payload"])
        return {**answer, "Payload": value if isinstance(value, str) else answer["Payload"]}

    def _state_machine(self, ask: RunAction) -> Mapping[str, Any]:
        self._record("stepfunctions", "StartExecution", ask.inputs)
        last = self.mocks["aws"][1]["responses"][-1]["return"]
        return {key: value for key, value in last.items() if isinstance(value, str)}


def contains(whole: Any, part: Any) -> bool:
    """Say whether a value has at least what another one has."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    return type(whole) is type(part) and bool(whole == part)


@pytest.mark.parametrize("case", [c for c in CASES if c["id"] not in ELSEWHERE], ids=lambda case: case["id"])
def test_a_case_goes_as_expected(case: dict[str, Any]) -> None:
    expected = case["expected"]
    if expected["phase"] == "create":
        with pytest.raises(InvalidDocument, match=expected["errorContains"]):
            read_document(case["document"])
        return
    mocks = Mocks(case.get("mocks", {}))
    documents = {"Main": case["document"], **mocks.mocks.get("documents", {})}
    host = Host(documents, mocks)
    if expected["phase"] == "start":
        with pytest.raises(InvalidExecutionParameters) as refused:
            start_parameters(host.documents["Main"], case["parameters"])
        assert refused.value.aws_code == expected["errorCode"]
        return
    mode = Mode(case.get("start", {}).get("Mode", "Auto"))
    execution = host.start(parameters=start_parameters(host.documents["Main"], case["parameters"]), mode=mode)
    for entry in case.get("timeline", []):
        if "advance" in entry:
            host.advance(entry["advance"])
        elif "signal" in entry:
            signal = entry["signal"]
            host.signal(execution, signal["type"], signal.get("payload"), entry.get("as", CALLER))
        elif "stop" in entry:
            host.stop(execution, entry["stop"].get("type", "Cancel"))
        else:
            assert list(differences(host, execution, mocks, entry["expect"])) == []
    assert list(differences(host, execution, mocks, expected)) == []


def differences(host: Host, execution: str, mocks: Mocks, expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield every expectation that is not met; unknown expectations are differences too."""
    shown = host.view(execution)
    steps = {step["StepName"]: step for step in shown["StepExecutions"]}
    actual: dict[str, Any] = {
        "phase": expected.get("phase"),
        "status": shown["AutomationExecutionStatus"],
        "executed": host.executed(execution),
        "outputs": shown["Outputs"],
        "variables": shown["Variables"],
        "scriptInputs": mocks.script_inputs,
        "lambdaInputs": mocks.lambda_inputs,
        "childCount": len(host.children),
    }
    for key, wanted in expected.items():
        match key:
            case "stepStatuses":
                found: Any = {name: host.statuses(execution)[name] for name in wanted}
            case "failureStage":
                found = {name: steps[name]["FailureDetails"]["FailureStage"] for name in wanted}
            case "stepOutputs":
                found = {name: {k: steps[name]["Outputs"].get(k) for k in of} for name, of in wanted.items()}
            case "attempts":
                found = {name: host.step(execution, name).attempt for name in wanted}
            case "children":
                found = [child(host, key) for key in host.executions if key != execution]
                wanted = [{"parameters": {}, **item} for item in wanted]
            case "calls" if host.executions[execution].document.steps[0].action == "aws:deleteImage":
                continue
            case "calls" | "noCalls":
                if (key == "calls") != in_order(mocks.calls, wanted):
                    yield f"{key}: {compact(mocks.calls)}"
                continue
            case "scriptInputs":
                found = {name: mocks.script_inputs.get(name) for name in wanted}
            case _:
                found = actual.get(key, f"nothing known of {key}")
        if found != wanted:
            yield f"{key}: {found} is not {wanted}"


def child(host: Host, key: str) -> dict[str, Any]:
    shown = host.view(key)
    return {
        "DocumentName": shown["DocumentName"],
        "status": shown["AutomationExecutionStatus"],
        "parameters": shown["Parameters"],
    }


def in_order(calls: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    left = iter(calls)
    return all(
        any(
            call["service"] == want["service"].lower()
            and call["api"] == want["api"].lower()
            and contains(call["params"], want.get("params", {}))
            for call in left
        )
        for want in wanted
    )
