from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.app import logs
from wakeless.core.secret import Secret
from wakeless.incidents.incident import Status

logger = logging.getLogger("wakeless.test")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    chatty = {name: logging.getLogger(name).level for name in ("httpx", "asyncio", "botocore")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in chatty.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_action_and_context() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    logger.info("Attempt %d began", 2, extra={"action": "attempt_began", "status": Status.OPEN, "at_": at, "n": {1}})
    (line,) = lines(stream)
    assert line["level"] == "info"
    assert line["logger"] == "wakeless.test"
    assert line["action"] == "attempt_began"
    assert line["message"] == "Attempt 2 began"
    assert (line["status"], line["at_"], line["n"]) == ("open", at.isoformat(), [1])
    assert line["at"].endswith("Z")


def test_every_record_has_an_action() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    logging.getLogger("somebody.else").warning("hello")
    assert lines(stream)[0]["action"] == "log"


async def test_context_belongs_to_its_task_and_those_it_starts() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)

    async def tell(name: str) -> None:
        logger.info(name)

    with logs.context(incident_id="inc-1"):
        inside = asyncio.create_task(tell("inside"))
        with logs.context(attempt_id="att-1"):
            logger.info("deeper", extra={"incident_id": "inc-2"})
    await asyncio.gather(inside, tell("outside"))
    told = {line["message"]: line for line in lines(stream)}
    assert told["inside"]["incident_id"] == "inc-1"
    assert "incident_id" not in told["outside"]
    assert (told["deeper"]["incident_id"], told["deeper"]["attempt_id"]) == ("inc-2", "att-1")


@pytest.mark.parametrize("format_", ["json", "text"])
def test_secrets_never_print(format_: Any) -> None:
    stream = io.StringIO()
    secrets = ["hunter2-hunter2", 'quo"te\\d sécret', "hunter2-hunter2-longer"]
    redactor = logs.configure(format_, stream=stream, secrets=[Secret(text) for text in secrets])
    redactor.add(Secret("learned-later"))
    for text in [*secrets, "learned-later"]:
        logger.info("in the message: %s", text, extra={"action": "a", "value": text, "deep": {"list": [text]}})
        try:
            raise RuntimeError(f"in an error: {text}")
        except RuntimeError:
            logger.exception("failed", stack_info=True)
    logger.info("by name", extra={"token": "tok-1", "smtp_password": "pw-1", "authorization": "auth-1"})
    logger.info("wrapped %s", Secret("wrapped-1"), extra={"it": Secret("wrapped-2"), "in": [Secret("wrapped-3")]})
    logger.info("GET https://user:url-password@host/x?Action=C&Token=url-token&x=1")
    logger.info("Authorization: Basic dTpw and Bearer abcdefghijklmnopqrstuvwx")
    written = stream.getvalue()
    for text in [
        *secrets,
        json.dumps(secrets[1])[1:-1],
        "learned-later",
        "tok-1",
        "pw-1",
        "auth-1",
        "wrapped-",
        "url-password",
        "url-token",
        "dTpw",
        "abcdefghijkl",
        "-longer",
    ]:
        assert text not in written
    assert logs.STARS in written
    assert "&x=1" in written
    assert "@host/x" in written


def test_addresses_and_plain_words_stay_readable() -> None:
    redactor = logs.Redactor([Secret("abc")])  # too short to be looked for
    for text in ("listening on http://127.0.0.1:4747/", "abc", "basic understanding of bearer tokens", "a=b&c=d"):
        assert redactor.clean(text) == text


@pytest.mark.parametrize("format_", ["json", "text"])
def test_an_alarms_name_cannot_forge_a_record(format_: Any) -> None:
    stream = io.StringIO()
    logs.configure(format_, stream=stream)
    evil = "x\n2026 info forged\r\x1b[2J\u2028\x85\ud800"
    # Handed to our handler alone: what the test runner keeps of a record, it must be able to send between processes.
    (ours,) = (handler for handler in logging.getLogger().handlers if getattr(handler, "wakeless", False))
    extra = {"action": "alarm_received", "name_": evil}
    ours.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 1, "Alarm %s", (evil,), None, extra=extra))
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert len(written.splitlines()) == 1
    assert "\x1b" not in written
    written.encode()


def test_text_is_one_line_with_the_context_at_its_end() -> None:
    stream = io.StringIO()
    logs.configure("text", stream=stream)
    logger.warning("It failed", extra={"action": "failed", "incident_id": "inc-1", "why": "no room", "empty": ""})
    line = stream.getvalue()
    assert line.endswith(' warning It failed [failed] incident_id=inc-1 why="no room" empty=""\n')


def test_auto_is_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    logs.configure("auto", stream=stream)
    logger.info("x")
    assert lines(stream)[0]["message"] == "x"


def test_auto_is_text_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    logs.configure("auto", stream=stream)
    logger.info("x")
    assert not stream.getvalue().startswith("{")


def test_the_level_is_kept_and_chatty_libraries_are_quiet() -> None:
    stream = io.StringIO()
    logs.configure("json", "warning", stream=stream)
    logger.info("no")
    logger.error("yes")
    logs.configure("json", "info", stream=stream)  # again: no record comes twice
    logging.getLogger("httpx").info("no")
    logger.info("also")
    assert [line["message"] for line in lines(stream)] == ["yes", "also"]


def test_a_failure_comes_with_its_trace() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    try:
        raise ValueError("boom")
    except ValueError:
        logger.exception("failed", extra={"action": "failed"})
    assert "ValueError: boom" in lines(stream)[0]["exception"]
