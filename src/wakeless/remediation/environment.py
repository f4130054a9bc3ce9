"""What a script is told: environment variables with checked values, and the whole alarm as a JSON file.

Values travel here and nowhere else: none is ever spliced into a command line or a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.plan import Plan
from wakeless.remediation.template import ValueMissing, check_value

PREFIX = "WAKELESS_"
#: Name of the file beside the script that holds the whole alarm.
ALARM_FILE = "alarm.json"
#: Characters of prose (reason, description, annotations) that are passed on; the file has all of it.
MAX_PROSE = 4096
#: Characters of all names and values together; Linux takes about 2 MB with the arguments, Windows 32,767 a variable.
MAX_TOTAL = 64 * 1024

_FIXED = frozenset(
    {
        "WAKELESS_INCIDENT_ID",
        "WAKELESS_ATTEMPT_ID",
        "WAKELESS_ATTEMPT",
        "WAKELESS_RUN_DIR",
        "WAKELESS_RULE",
        "WAKELESS_SCRIPT",
        "WAKELESS_TARGET",
        "WAKELESS_SOURCE",
        "WAKELESS_METRIC",
        "WAKELESS_NAMESPACE",
    }
)
_FAMILIES = ("WAKELESS_ALARM_", "WAKELESS_DIMENSION_", "WAKELESS_LABEL_", "WAKELESS_ANNOTATION_", "WAKELESS_PARAM_")


def is_script_variable(name: str) -> bool:
    """Say whether ``name`` is one that scripts get, so that settings never take it for one of theirs."""
    return name in _FIXED or name.startswith(_FAMILIES)


def script_environment(
    alarm: Alarm, plan: Plan, *, incident_id: str, attempt_id: str, attempt_number: int
) -> dict[str, str]:
    """Return the ``WAKELESS_*`` variables of one attempt; raises `ValueMissing` for a value that cannot be passed on.

    Names of dimensions, labels, annotations and parameters are put in capitals, with ``_`` for everything that is not
    a letter or a digit of ASCII. Where two then are alike, the later in alphabetical order gets ``_2``, and so on.
    Empty and missing values are left out, except those of parameters, dimensions and labels.
    """
    facts: dict[str, str | None] = {
        "INCIDENT_ID": incident_id,
        "ATTEMPT_ID": attempt_id,
        "ATTEMPT": str(attempt_number),
        "RULE": _prose(plan.rule),
        "SCRIPT": plan.script.key,
        "TARGET": plan.target,
        "SOURCE": alarm.source,
        "METRIC": alarm.metric,
        "NAMESPACE": alarm.namespace,
        "ALARM_NAME": alarm.name,
        "ALARM_ARN": alarm.arn,
        "ALARM_STATE": alarm.state.value,
        "ALARM_CHANGED_AT": alarm.changed_at.isoformat(),
        "ALARM_ACCOUNT": alarm.account,
        "ALARM_REGION": alarm.region,
        "ALARM_URL": alarm.url,
        "ALARM_REASON": _prose(alarm.reason),
        "ALARM_DESCRIPTION": _prose(alarm.description),
    }
    environment = {PREFIX + name: value for name, value in facts.items() if value}
    environment.update(_family("DIMENSION_", alarm.dimensions))
    environment.update(_family("LABEL_", alarm.labels))
    environment.update(_family("ANNOTATION_", {name: _prose(text) for name, text in alarm.annotations.items()}))
    environment.update(_family("PARAM_", plan.parameters))
    _check(environment)
    return environment


def _prose(text: str) -> str:
    """Return text that only people read: shortened, and without what no variable can hold."""
    return text[:MAX_PROSE].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _family(family: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    taken: set[str] = set()
    # Names that stay as they are come first: `A_2` keeps its name although `a` and `A` clash.
    for name in sorted(values, key=lambda one: (_variable(one) != one, one)):
        variable = base = _variable(name)
        number = 1
        while variable in taken:
            number += 1
            variable = f"{base}_{number}"
        taken.add(variable)
        yield PREFIX + family + variable, values[name]


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper()) if name.isascii() else re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _check(environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        try:
            check_value(value)
        except ValueMissing as error:
            raise ValueMissing(f"{name[:100]}: {error}") from None
        if len(name) > 300:
            raise ValueMissing(f"{name[:100]}…: the name is too long")
    total = sum(len(name) + len(value) for name, value in environment.items())
    if total > MAX_TOTAL:
        raise ValueMissing(f"the alarm's values have {total} characters together, at most {MAX_TOTAL} can be passed on")


def alarm_file(alarm: Alarm) -> bytes:
    """Return the alarm as JSON, everything its source sent under ``raw``; ASCII, so that any reader takes it."""
    record = {
        "source": alarm.source,
        "fingerprint": alarm.fingerprint,
        "name": alarm.name,
        "state": alarm.state.value,
        "previous_state": alarm.previous_state.value if alarm.previous_state else None,
        "changed_at": alarm.changed_at.isoformat(),
        "reason": alarm.reason,
        "description": alarm.description,
        "arn": alarm.arn,
        "account": alarm.account,
        "region": alarm.region,
        "namespace": alarm.namespace,
        "metric": alarm.metric,
        "dimensions": dict(alarm.dimensions),
        "labels": dict(alarm.labels),
        "annotations": dict(alarm.annotations),
        "url": alarm.url,
        "raw": dict(alarm.raw),
    }
    return json.dumps(record, indent=2, default=str).encode() + b"\n"
