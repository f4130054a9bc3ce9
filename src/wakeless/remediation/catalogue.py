"""The naming convention: which key in the store belongs to which alarm.

``<metric>#<namespace>`` and an ending that says the language. A ``/`` in either part makes a sub-folder, alike in a
folder and in S3. An alarm without a metric of its own (Alertmanager's, composite alarms, metric math) is called
``<alarm name>#<source>``. Names are compared exactly: metric *and* namespace, case and all, never a substring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wakeless.alarms.alarm import Alarm
from wakeless.core.errors import Refused
from wakeless.remediation.plan import ScriptLanguage

#: Between the metric and the namespace.
SEPARATOR = "#"
#: File name endings of scripts, in the order in which they are listed for people.
ENDINGS = tuple(f".{language}" for language in (ScriptLanguage.SHELL, ScriptLanguage.POWERSHELL, ScriptLanguage.PYTHON))

#: Bytes of one folder or file name that every file system takes.
_MAX_SEGMENT = 255
#: Bytes of a whole key: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY = 1024
_FORBIDDEN = frozenset("\"'`\\")


class UnsafeName(Refused):
    """A name from an alarm or a settings file that must not become a key."""

    code = "unsafe_name"


@dataclass(frozen=True, slots=True)
class RemediationName:
    """What a remediation is called, without the ending."""

    metric: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.metric}{SEPARATOR}{self.namespace}"

    def keys(self) -> tuple[str, ...]:
        """Return the keys that may hold it, one for each language."""
        return tuple(f"{self}{ending}" for ending in ENDINGS)


def name_of(alarm: Alarm) -> RemediationName:
    """Return what the alarm's remediation is called; raises `UnsafeName`."""
    if alarm.metric and alarm.namespace:
        name = RemediationName(alarm.metric, alarm.namespace)
    else:
        name = RemediationName(alarm.name, alarm.source)
    if SEPARATOR in name.metric:
        # `a#b` of `c` and `a` of `b#c` would share a key.
        raise UnsafeName(f"the name {show(name.metric)} has a {SEPARATOR}, which ends the name in a file name")
    for text in (name.metric, name.namespace, f"{name}{max(ENDINGS, key=len)}"):
        check_key(text)
    return name


def check_key(key: str) -> None:
    """Raise `UnsafeName` unless ``key`` is safe as a relative path in every store and harmless to look at."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UnsafeName(f"the name {show(key)} is not valid text") from None
    if size > _MAX_KEY:
        raise UnsafeName(f"the name {show(key)} is too long: {size} bytes, at most {_MAX_KEY}")
    for character in key:
        # Not printable: control, invisible, private-use and unassigned characters, surrogates, unusual spaces.
        if character in _FORBIDDEN or not character.isprintable():
            raise UnsafeName(f"the name {show(key)} has the character U+{ord(character):04X}")
    for segment in key.split("/"):
        if not segment:
            raise UnsafeName(f"the name {show(key)} begins or ends with a slash, or has two together")
        if segment.startswith("."):
            raise UnsafeName(f"a part of the name {show(key)} begins with a dot")
        if segment != segment.strip():
            raise UnsafeName(f"a part of the name {show(key)} begins or ends with a space")
        if len(segment.encode()) > _MAX_SEGMENT:
            raise UnsafeName(f"a part of the name {show(key)} is longer than {_MAX_SEGMENT} bytes")


def show(name: str, limit: int = 80) -> str:
    """Return ``name`` quoted and shortened, what does not print escaped: harmless in a terminal, a log or a message."""
    text = repr(name[:limit])
    return text + "…" if len(name) > limit else text


def language_of(key: str) -> ScriptLanguage | None:
    """Return the language that the key's ending says, or None."""
    return next((ScriptLanguage(ending[1:]) for ending in ENDINGS if key.endswith(ending)), None)


def stem_of(key: str) -> str:
    """Return the key without its language's ending."""
    language = language_of(key)
    return key if language is None else key[: -len(language) - 1]


def parse_key(key: str) -> RemediationName | None:
    """Return the name that a key stands for, or None when it does not follow the convention."""
    if language_of(key) is None:
        return None
    metric, separator, namespace = stem_of(key).partition(SEPARATOR)
    return RemediationName(metric, namespace) if metric and separator and namespace else None


def candidates(script: str) -> tuple[str, ...]:
    """Return the keys that a rule's ``script`` may mean: itself, or without an ending one for each language.

    Raises `UnsafeName`.
    """
    keys = (script,) if language_of(script) else tuple(f"{script}{ending}" for ending in ENDINGS)
    for key in keys:
        check_key(key)
    return keys


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a key in a store that its owner should know."""

    key: str
    message: str
    hint: str = ""


def lint(keys: Sequence[str], named: Iterable[str] = (), *, by_name: bool = True) -> list[Finding]:
    """Return what is wrong with a store's ``keys``; ``named`` are the scripts that rules name.

    Files that are neither scripts nor called like remediations (a README) are nobody's business.
    """
    wanted = frozenset(key for script in named for key in _harmless_candidates(script))
    findings = []
    scripts: dict[str, list[str]] = {}
    for key in sorted(keys):
        try:
            check_key(key)
        except UnsafeName as error:
            # Hidden files (.gitkeep, editors' leftovers) are not remediations that went wrong.
            if not any(part.startswith(".") for part in key.split("/")):
                findings.append(Finding(key, f"can never be run: {error}"))
            continue
        if language_of(key) is not None:
            scripts.setdefault(stem_of(key), []).append(key)
            if key not in wanted and not (by_name and parse_key(key)):
                hint = "call it <metric>#<namespace>" if by_name else "remediations.by_name is false"
                findings.append(Finding(key, "is never used: no alarm is called so and no rule names it", hint))
        elif SEPARATOR in key:
            findings.append(Finding(key, "is called like a remediation but has no known ending", ", ".join(ENDINGS)))
    for group in scripts.values():
        findings.extend(_clashes(group))
    return findings


def _clashes(group: Sequence[str]) -> list[Finding]:
    """Return the scripts among those of one stem that some platform could not choose between."""
    python = [key for key in group if language_of(key) is ScriptLanguage.PYTHON]
    others = [key for key in group if key not in python]
    if not python or not others:
        return []
    return [Finding(python[0], f"is ambiguous beside {', '.join(others)}: both would run on the same platform")]


def _harmless_candidates(script: str) -> tuple[str, ...]:
    try:
        return candidates(script)
    except UnsafeName:
        return ()
