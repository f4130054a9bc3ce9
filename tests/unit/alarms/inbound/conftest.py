from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAYLOADS = Path(__file__).parents[3] / "data" / "payloads"


@pytest.fixture(scope="session")
def body() -> Callable[[str], str]:
    """The body of a payload, by its name without ending."""

    def read(name: str) -> str:
        text: str = json.loads((PAYLOADS / f"{name}.json").read_text())["body"]
        return text

    return read


@pytest.fixture(scope="session")
def message(body: Callable[[str], str]) -> Callable[[str], dict[str, Any]]:
    """What a body holds; of an SNS envelope, what its message holds. A fresh copy each time."""

    def read(name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(body(name))
        if "TopicArn" in value and str(value["Message"]).startswith("{"):
            value = json.loads(value["Message"])
        return value

    return read
