"""What comes out of reading a payload, and the careful way to get values out of JSON of unknown origin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

import orjson

from wakeless.alarms.alarm import Alarm
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem

#: Objects and lists within each other; the deepest payload that a source sends has nine.
MAX_DEPTH = 32
#: Characters of a name, an ARN, a key. CloudWatch allows 255 for each name.
MAX_NAME = 2_048
#: Characters of a dimension's or label's value; an environment variable of Linux holds 131,071 bytes.
MAX_VALUE = 16_384
#: Dimensions or labels of one alarm. CloudWatch allows 30 dimensions.
MAX_ENTRIES = 256
#: Characters of a reason or a description; what is beyond is cut, the raw payload keeps it.
MAX_TEXT = 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """What is known about a payload besides its content."""

    #: What its sender would call it: a file's name, ``POST /v1/sns``.
    source: str = "payload"
    #: The topic it came through; tells the region of old messages that carry no alarm ARN.
    topic_arn: str | None = None
    #: When it was sent or came in: the time of a change whose message does not say.
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """Something understood that is not an alarm to act on."""

    #: Place in the payload, for example ``Records[0].Sns.Message``; empty for the whole.
    path: str
    #: ``muted``, ``suppressed``, ``configuration_change``, ``other_event``, ``not_json``, ``subscription`` or
    #: ``truncated``.
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """All that a payload held."""

    alarms: tuple[Alarm, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    #: What could not be read; the rest of the payload is in `alarms` all the same.
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Findings:
    """Gathers what is found while a payload is walked."""

    source: str
    alarms: list[Alarm] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: str, message: str, hint: str = "") -> None:
        """Note what is wrong at ``path``."""
        self.problems.append(Problem(self.source, 0, 0, path, message, hint))

    def ignore(self, path: str, code: str, reason: str) -> None:
        """Note what is understood and left alone."""
        self.ignored.append(Ignored(path=path, code=code, reason=reason))

    def reading(self) -> Reading:
        """Return all that was found."""
        return Reading(alarms=tuple(self.alarms), ignored=tuple(self.ignored), problems=tuple(self.problems))


@dataclass(slots=True)
class Context:
    """Where in a payload the walk is, and what its envelopes told."""

    path: str
    topic_arn: str | None = None
    at: datetime | None = None
    #: Envelopes opened so far.
    depth: int = 0

    def inside(self, path: str) -> Context:
        """Return the context of a part of this envelope."""
        return replace(self, path=path, depth=self.depth + 1)


def join(path: str, key: str) -> str:
    """Return the path of ``key`` inside ``path``."""
    return f"{path}.{key}" if path else key


class Fields:
    """One JSON object being read: every accessor returns a usable value and notes what is wrong with the given one."""

    __slots__ = ("_key", "_parent", "_problems_before", "findings", "values")

    def __init__(
        self, values: Mapping[str, object], path: str, findings: Findings, parent: Fields | None = None
    ) -> None:
        """``path`` is the place of these values in the payload, or in ``parent``."""
        self.values = values
        self._key = path
        self._parent = parent
        self.findings = findings
        self._problems_before = len(findings.problems)

    @property
    def path(self) -> str:
        """The place of these values in the payload; put together only when there is something to tell of it."""
        return self._key if self._parent is None else join(self._parent.path, self._key)

    @property
    def flawed(self) -> bool:
        """Whether a problem was noted since the reading of this object began, in it or in a part of it."""
        return len(self.findings.problems) > self._problems_before

    def problem(self, key: str, message: str, hint: str = "") -> None:
        """Note a problem with ``key``."""
        self.findings.problem(join(self.path, key) if key else self.path, message, hint)

    def name(self, key: str) -> str | None:
        """Return a short string, or None when absent, null or empty."""
        value = self.values.get(key)
        if type(value) is str and 0 < len(value) <= MAX_NAME:
            return value
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.problem(key, f"must be a string, is {kind(value)}")
            return None
        if len(value) > MAX_NAME:
            self.problem(key, f"is longer than {MAX_NAME:,} characters")
            return None
        return value

    def required_name(self, key: str) -> str:
        """Return a short string that must be there."""
        value = self.name(key)
        if value is None:
            if self.values.get(key) in (None, ""):
                self.problem(key, "is missing")
            return ""
        return value

    def text(self, key: str) -> str:
        """Return words for people, cut when they are very long; empty when absent or null."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.problem(key, f"must be a string, is {kind(value)}")
            return ""
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"

    def time(self, key: str) -> datetime | None:
        """Return a moment, or None when absent, null or empty."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        moment = parse_time(value) if isinstance(value, str) else None
        if moment is None:
            self.problem(key, "must be a time such as 2026-01-01T00:04:12.301+0000")
        return moment

    def strings(self, key: str) -> dict[str, str]:
        """Return a map of strings; empty when absent or null."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(key, f"must be an object of strings, is {kind(value)}")
            return {}
        if len(value) > MAX_ENTRIES:
            self.problem(key, f"has more than {MAX_ENTRIES} entries")
            return {}
        for name, entry in value.items():
            self.check_entry(key, name, entry)
        return {} if self.flawed else cast("dict[str, str]", dict(value))

    def check_entry(self, key: str, name: object, value: object) -> None:
        """Note what is wrong with one dimension or label."""
        if not isinstance(name, str) or not name or len(name) > MAX_NAME:
            self.problem(key, f"has a name that is empty, no string or longer than {MAX_NAME:,} characters")
        elif not isinstance(value, str):
            self.problem(join(key, shorten(name)), f"must be a string, is {kind(value)}")
        elif len(value) > MAX_VALUE:
            self.problem(join(key, shorten(name)), f"is longer than {MAX_VALUE:,} characters")

    def part(self, key: str) -> Fields | None:
        """Return the object under ``key``, or None when absent or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.problem(key, f"must be an object, is {kind(value)}")
            return None
        return Fields(value, key, self.findings, self)

    def parts(self, key: str) -> Iterator[Fields]:
        """Go through the list of objects under ``key``; nothing when absent or null."""
        value = self.values.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.problem(key, f"must be a list, is {kind(value)}")
            return
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                yield Fields(entry, f"{key}[{index}]", self.findings, self)
            else:
                self.problem(f"{key}[{index}]", f"must be an object, is {kind(entry)}")


def kind(value: object) -> str:
    """Say what kind of JSON value it is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def shorten(name: str, limit: int = 80) -> str:
    """Return a name that fits into a sentence."""
    return name if len(name) <= limit else name[: limit - 1] + "…"


def parse_time(text: str) -> datetime | None:
    """Return the moment in UTC, or None when it is none.

    Takes what the sources write: offsets ``Z``, ``+0000`` and ``+00:00``, up to nanoseconds. No offset means UTC.
    """
    if not 19 <= len(text) <= 40 or not text.isascii() or text[10] not in "T ":
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_BOM = "\ufeff"


def decode(text: str | bytes, source: str, path: str = "") -> object:
    """Return what a JSON text holds, fit to be kept and passed on (see `check_values`); raises `InvalidInput`.

    The parser refuses NaN, halves of surrogate pairs and nesting without end. The rest is looked for in the text, which
    is nearly always enough to know that all is well and takes a tenth of the time of looking at every value.
    """
    findings = Findings(source)
    try:
        if isinstance(text, bytes):
            text = text.decode()
        value: object = orjson.loads(text.removeprefix(_BOM))
        if "\\u0000" in text:
            sound = check_values(value, findings, path)
        else:
            sound = text.count("{") + text.count("[") <= MAX_DEPTH or _check_nesting(value, findings, path)
        if sound:
            return value
    except orjson.JSONDecodeError as error:
        findings.problems.append(Problem(source, error.lineno, error.colno, path, f"is not JSON: {error.msg}"))
    except UnicodeDecodeError as error:
        findings.problem(path, f"is not UTF-8 at byte {error.start}")
    raise InvalidInput(f"{source} is not valid JSON", findings.problems)


def check_values(payload: object, findings: Findings, path: str) -> bool:
    """Say whether a value can be kept, shown and passed on; note why not.

    Refused: nesting beyond `MAX_DEPTH`, keys that are no strings, what JSON has no word for (NaN, sets), NUL
    characters (no environment variable holds them) and lone surrogates (no encoding holds them).
    """
    if not _check_nesting(payload, findings, path):
        return False
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        findings.problem(path, "holds half of a surrogate pair, which is no character")
        return False
    except (TypeError, ValueError):
        findings.problem(path, "holds something that JSON has no word for")
        return False
    if "\\u0000" in text and _holds_nul(payload):
        findings.problem(path, "holds a NUL character")
        return False
    return True


def _check_nesting(payload: object, findings: Findings, path: str) -> bool:
    level: list[object] = [payload]
    for _ in range(MAX_DEPTH):
        deeper: list[object] = []
        for container in level:
            if isinstance(container, dict):
                if not all(isinstance(key, str) for key in container):
                    findings.problem(path, "has a key that is not a string")
                    return False
                deeper.extend(value for value in container.values() if isinstance(value, (dict, list)))
            elif isinstance(container, list):
                deeper.extend(value for value in container if isinstance(value, (dict, list)))
        if not deeper:
            return True
        level = deeper
    findings.problem(path, f"is nested more than {MAX_DEPTH} levels deep")
    return False


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(entry) for key, entry in value.items())
    return isinstance(value, list) and any(_holds_nul(entry) for entry in value)
