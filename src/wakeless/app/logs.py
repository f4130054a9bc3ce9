"""Structured logs on the standard library's logging: JSON lines for machines, one plain line for people.

Every record has an ``action``, a stable word for what happened, and the context of what it happened to:

    logger.info("Attempt began", extra={"action": "attempt_began", "incident_id": incident.id})

Values of secrets are starred out of every line, wherever they stand in it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from typing import Literal, TextIO

from wakeless.core.secret import Secret

Format = Literal["auto", "text", "json"]

STARS = "********"
#: Shorter secrets are not looked for: starring every "a" out would hide nothing and spoil everything.
_MIN_SECRET = 4
#: Names of context values that are secrets whatever they hold.
_SECRET_NAME = re.compile(r"(?i)(^|_)(password|passphrase|secret|token|authorization|api_?key|private_key)$")
#: Secrets that give themselves away by what stands before them.
_SECRET_TEXT = re.compile(
    r"(?i)(\b(?:authorization\W{1,4}(?:bearer|basic)|bearer(?=\s+\S{16})|basic(?=\s+\S{16}))\s+"
    r"|[?&](?:token|signature|x-amz-signature|x-amz-security-token)="
    r"|://[^/\s:@]*:(?=[^/\s@]+@))"
    r"([^\s\"'&@]+)"
)
#: What ends a line or moves the cursor: an alarm's name must not forge a record.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_CONTEXT: ContextVar[Mapping[str, object]] = ContextVar("wakeless_log_context", default={})  # noqa: B039  # never changed


class Redactor:
    """Stars secrets out of text: those it was told of, and those that look like one."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret) -> None:
        """Star this secret out from now on, also in the form it takes inside JSON."""
        value = secret.reveal()
        if len(value) < _MIN_SECRET:
            return
        with self._lock:
            self._values |= {value, json.dumps(value)[1:-1]}
            # The longest first, so that a secret that begins like another is starred out whole.
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(value) for value in longest_first))

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(STARS, text)
        return _SECRET_TEXT.sub(rf"\1{STARS}", text)


class ContextFilter(logging.Filter):
    """Gives every record its ``action`` and the context it was made in; never drops one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete the record."""
        for name, value in _CONTEXT.get().items():
            if name not in vars(record):
                setattr(record, name, value)
        if not hasattr(record, "action"):
            record.action = "log"
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``logger``, ``action``, ``message``, then the context."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "at": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "action": getattr(record, "action", "log"),
            "message": record.getMessage(),
            **context_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        # ASCII only: whatever reads the lines cannot be led astray by what stands in an alarm's name.
        return self._redactor.clean(json.dumps(line, default=_plain, ensure_ascii=True))


class TextFormatter(logging.Formatter):
    """One line for people: time, level, message, then the context as ``key=value``."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a stack trace follows on lines of its own."""
        context = " ".join(f"{name}={_word(value)}" for name, value in context_of(record).items())
        parts = [
            _time(record).astimezone().strftime("%H:%M:%S"),
            f"{record.levelname.lower():<7}",
            _escape(record.getMessage()),
            f"[{getattr(record, 'action', 'log')}]",
            context,
        ]
        text = " ".join(part for part in parts if part)
        if record.exc_info:
            text += "\n" + _escape(self.formatException(record.exc_info), keep="\n")
        if record.stack_info:
            text += "\n" + _escape(self.formatStack(record.stack_info), keep="\n")
        return self._redactor.clean(text)


def configure(
    format: Format = "auto",  # the setting's name
    level: str = "info",
    *,
    stream: TextIO | None = None,
    secrets: Iterable[Secret] = (),
) -> Redactor:
    """Send all logs of this process to ``stream`` (stderr) and nowhere else; safe to call again.

    ``auto`` writes text to a terminal and JSON elsewhere. Returns the redactor, which takes secrets learned later.
    """
    stream = stream or sys.stderr
    redactor = Redactor(secrets)
    as_text = format == "text" or (format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter(redactor) if as_text else JsonFormatter(redactor))
    handler.addFilter(ContextFilter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if getattr(old, "wakeless", False)]:
        root.removeHandler(old)
    vars(handler)["wakeless"] = True
    root.addHandler(handler)
    root.setLevel(level.upper())
    # These tell every request at INFO, which we do ourselves where it matters.
    for chatty in ("httpx", "httpcore", "asyncssh", "botocore", "boto3", "urllib3", "asyncio", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    return redactor


@contextmanager
def context(**values: object) -> Iterator[None]:
    """Add values to every record made inside, in this task or thread and those it starts."""
    token = _CONTEXT.set({**_CONTEXT.get(), **values})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def context_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what was given as ``extra`` besides the action; values named like secrets as stars."""
    return {
        name: STARS if _SECRET_NAME.search(name) else value
        for name, value in vars(record).items()
        if name not in _STANDARD and name != "action"
    }


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


def _word(value: object) -> str:
    text = _escape(str(_plain(value)) if not isinstance(value, (dict, list)) else json.dumps(value, default=_plain))
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text or not text else text


def _escape(text: str, keep: str = "") -> str:
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)
