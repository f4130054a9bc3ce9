"""Whatever is done to a payload, either alarms come out or `InvalidInput` does, and what comes out can be kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.inbound import parse, read, read_text
from wakeless.alarms.inbound.sns import read_envelope
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem

PAYLOADS = Path(__file__).parents[3] / "data" / "payloads"
TEXTS = [
    json.loads(path.read_text())["body"]
    for path in sorted(PAYLOADS.glob("*.json"))
    if path.name != "sns-signing-cert-url-cases.json"
]
VALUES = [json.loads(text) for text in TEXTS]
#: Also what is inside the envelopes, as objects.
VALUES += [json.loads(value["Message"]) for value in VALUES if str(value.get("Message", "")).startswith("{") is True]


def deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


nasty = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["", "\0", "\ud800", "../../etc/passwd", "a\nb", "x" * 10_000, "{", "[]", '{"a":', "NaN", "'; rm"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.sampled_from([{1: 2}, {"a": {1, 2}}, b"bytes", object(), (1, 2), deep(31), deep(60)]),
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, part in value.items():
            found += places(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            found += places(part, (*path, index))
    return found


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    part = value
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = new
    return value


def check(alarms: list[Alarm]) -> None:
    for alarm in alarms:
        assert alarm.name
        assert alarm.fingerprint.startswith((f"{alarm.source}:",))
        assert alarm.dedup_key.startswith(alarm.fingerprint)
        assert alarm.changed_at.tzinfo is not None
        everything = [alarm.name, alarm.fingerprint, alarm.reason, alarm.description, alarm.url or ""]
        for pairs in (alarm.dimensions, alarm.labels, alarm.annotations):
            assert len(pairs) <= 256
            for key, value in pairs.items():
                everything += [key, value]
        for text in everything:
            text.encode()
            assert "\0" not in text
        json.dumps(alarm.raw, allow_nan=False).encode()


def problems_of(call: Callable[[], object]) -> tuple[Problem, ...] | None:
    """Return what is wrong, or None when nothing is; any other error is a failure."""
    try:
        call()
    except InvalidInput as error:
        return error.problems
    return None


def try_all(value: object) -> None:
    assert problems_of(lambda: check(parse(value))) != ()
    check(list(read(value).alarms))
    assert problems_of(lambda: read_envelope(value)) != ()


def try_text(raw: bytes) -> None:
    assert problems_of(lambda: check(list(read_text(raw).alarms))) != ()


@given(st.data())
def test_a_payload_with_any_value_at_any_place_is_read_or_refused(data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(VALUES))
    path = data.draw(st.sampled_from(places(value)))
    try_all(put(value, path, data.draw(nasty)))


@given(st.data())
def test_a_payload_without_any_of_its_parts_is_read_or_refused(data: st.DataObject) -> None:
    value = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
    for _ in range(data.draw(st.integers(1, 4))):
        candidates = [path for path in places(value) if path]
        if not candidates:
            break
        path = data.draw(st.sampled_from(candidates))
        part: Any = value
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
    try_all(value)


@given(nasty)
def test_any_value_at_all_is_read_or_refused(value: object) -> None:
    try_all(value)


def test_a_value_of_any_depth_is_refused() -> None:
    try_all(deep(5_000))
    try_text(b'{"a":' * 50_000)


def test_a_payload_that_holds_itself_is_refused() -> None:
    value: dict[str, Any] = {"AlarmName": "x"}
    value["NewStateValue"] = value
    try_all(value)


@given(st.sampled_from(TEXTS), st.data())
def test_a_text_that_was_cut_or_damaged_is_read_or_refused(text: str, data: st.DataObject) -> None:
    raw = bytearray(text.encode())
    start = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["cut", "flip", "drop", "double"])):
        case "cut":
            raw = raw[:start]
        case "flip":
            raw[start] = data.draw(st.integers(0, 255))
        case "drop":
            del raw[start : start + data.draw(st.integers(1, 50))]
        case "double":
            raw[start:start] = raw[start : start + 50]
    try_text(bytes(raw))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try_text(raw)
