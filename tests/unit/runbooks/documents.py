"""Small documents for tests: a valid one, with whatever a test changes."""

from __future__ import annotations

from wakeless.runbooks.document import Document, Json
from wakeless.runbooks.load import Loaded, load

SLEEP: dict[str, Json] = {"name": "a", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}


def step(name: str = "a", action: str = "aws:sleep", **properties: Json) -> dict[str, Json]:
    inputs: dict[str, Json] = {"Duration": "PT1S"} if action == "aws:sleep" else {}
    return {"name": name, "action": action, "inputs": inputs, **properties}


def runbook(*steps: Json, **top: Json) -> dict[str, Json]:
    return {"schemaVersion": "0.3", "mainSteps": list(steps) or [dict(SLEEP)], **top}


def judged(*steps: Json, **top: Json) -> Loaded:
    return load(runbook(*steps, **top))


def accepted(*steps: Json, **top: Json) -> Document:
    loaded = judged(*steps, **top)
    assert loaded.document is not None, [str(problem) for problem in loaded.problems]
    return loaded.document


def messages(loaded: Loaded) -> list[str]:
    return [problem.message for problem in loaded.problems]


def advice(loaded: Loaded) -> list[str]:
    return [problem.message for problem in loaded.advice]
