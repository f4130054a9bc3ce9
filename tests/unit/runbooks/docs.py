"""Documents for tests, in a few words."""

from __future__ import annotations

from typing import Any


def runbook(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a document of these steps."""
    return {"schemaVersion": "0.3", "mainSteps": list(steps), **fields}


def call(name: str, inputs: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """Return a step that calls an API; whatever the host answers is its response."""
    given = {"Service": "sns", "Api": "Publish", **(inputs or {})}
    return {"name": name, "action": "aws:executeAwsApi", "inputs": given, **properties}


def script(name: str, payload: Any = None, **properties: Any) -> dict[str, Any]:
    """Return a step that runs a script."""
    inputs: dict[str, Any] = {"Runtime": "python3.11", "Handler": "h", "Script": "def h(e, c):\n    return e\n"}
    if payload is not None:
        inputs["InputPayload"] = payload
    return {"name": name, "action": "aws:executeScript", "inputs": inputs, **properties}


def output(name: str, selector: str, type: str | None = None) -> dict[str, str]:
    """Return one entry of a step's outputs."""
    return {"Name": name, "Selector": selector, **({"Type": type} if type else {})}


def sleep(name: str, duration: str = "PT1H", **properties: Any) -> dict[str, Any]:
    """Return a step that sleeps."""
    return {"name": name, "action": "aws:sleep", "inputs": {"Duration": duration}, **properties}


def pause(name: str, **properties: Any) -> dict[str, Any]:
    """Return a step that pauses."""
    return {"name": name, "action": "aws:pause", "inputs": {}, **properties}


def approve(name: str, *approvers: str, required: Any = None, **properties: Any) -> dict[str, Any]:
    """Return a step that asks for approval."""
    inputs: dict[str, Any] = {"Approvers": list(approvers)}
    if required is not None:
        inputs["MinRequiredApprovals"] = required
    return {"name": name, "action": "aws:approve", "inputs": inputs, **properties}


def branch(name: str, *choices: dict[str, Any], default: str | None = None, **properties: Any) -> dict[str, Any]:
    """Return a branch."""
    inputs: dict[str, Any] = {"Choices": list(choices), **({"Default": default} if default else {})}
    return {"name": name, "action": "aws:branch", "inputs": inputs, **properties}


def when(variable: str, equals: Any, then: str) -> dict[str, Any]:
    """Return a choice."""
    return {"Variable": variable, "StringEquals": equals, "NextStep": then}


def each(name: str, items: Any, *steps: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """Return a for-each."""
    return {"name": name, "action": "aws:loop", "inputs": {"Iterators": items, "Steps": list(steps), **inputs}}


def repeat(name: str, condition: dict[str, Any], *steps: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """Return a do-while."""
    return {"name": name, "action": "aws:loop", "inputs": {"LoopCondition": condition, "Steps": list(steps), **inputs}}


def update(name: str, variable: str, value: Any, **properties: Any) -> dict[str, Any]:
    """Return a step that sets a variable."""
    inputs = {"Name": f"variable:{variable}", "Value": value}
    return {"name": name, "action": "aws:updateVariable", "inputs": inputs, **properties}


def automation(name: str, document: str, parameters: Any = None, **properties: Any) -> dict[str, Any]:
    """Return a step that runs another document."""
    inputs: dict[str, Any] = {"DocumentName": document}
    if parameters is not None:
        inputs["RuntimeParameters"] = parameters
    return {"name": name, "action": "aws:executeAutomation", "inputs": inputs, **properties}
