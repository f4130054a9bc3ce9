"""The words that people get, written for somebody who was asleep a minute ago. Pure.

First what is wrong and where, then why a person is needed, then what was tried and how it ended, then where to look.
Everything that others wrote (alarm texts, a script's output) is made plain and is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.escalation.plain import clip, one_line, plain, tail
from wakeless.escalation.ports import Message, MessageKind
from wakeless.incidents.incident import Incident
from wakeless.remediation.plan import NoPlan, Plan

TITLE_LIMIT = 160
#: Of each of the alarm's own texts.
FOREIGN_LIMIT = 1000
#: Of the output of each attempt.
TAIL_LINES = 20
TAIL_WIDTH = 300
#: Attempts and names shown in the text; the data has them all.
ATTEMPTS_SHOWN = 5
NAMES_SHOWN = 20
#: Of one value in the data: a label, a dimension, a text.
VALUE_LIMIT = 4000

#: Result words of an attempt, as people say them; others are shown as they are.
_RESULTS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "timed_out": "ran out of time and was stopped",
    "cancelled": "was cancelled",
    "not_started": "could not start",
    "unreachable": "could not reach the machine, nothing ran",
    "outcome_unknown": "began, and nobody knows how it ended",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptSummary:
    """One attempt as a person wants to hear of it."""

    id: str
    #: 1 for the first attempt of the incident.
    number: int
    script: str
    target: str
    began_at: datetime
    ended_at: datetime | None = None
    #: ``succeeded``, ``failed``, ``timed_out``, …; None while it runs.
    result: str | None = None
    exit_code: int | None = None
    #: One sentence: the cause of a failure, or what verification found.
    detail: str = ""
    #: The end of stdout and stderr; a few kilobytes are enough.
    output: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where a person can look further."""

    #: Where people reach this server, for example ``https://wakeless.example.org``; empty: no address is shown.
    base_url: str = ""

    def incident(self, incident_id: str) -> str:
        """Return the incident's address, or nothing."""
        return f"{self.base_url.rstrip('/')}/v1/incidents/{incident_id}" if self.base_url else ""


def compose(
    kind: MessageKind,
    *,
    message_id: str,
    incident: Incident,
    plan: Plan | NoPlan | None,
    attempts: Sequence[AttemptSummary],
    reason: str,
    now: datetime,
    looked_for: Sequence[str] = (),
    places: Places | None = None,
    in_reply_to: str | None = None,
) -> Message:
    """Return the message of that kind about the incident as it stands at ``now``.

    ``reason`` is why they are told, one sentence; ``looked_for`` the remediation names that were not there (those of a
    `NoPlan` are taken from it).
    """
    places = places or Places()
    looked_for = tuple(looked_for) or (plan.looked_for if isinstance(plan, NoPlan) else ())
    blocks = [
        _what_is_wrong(kind, incident, plan, now),
        _why(kind, incident, plan, reason),
        _what_was_tried(attempts),
        _names(looked_for),
        _where_to_look(kind, incident, places),
    ]
    return Message(
        id=message_id,
        kind=kind,
        incident_id=incident.id,
        title=_title(kind, incident, plan, attempts, now),
        text="\n\n".join(block for block in blocks if block) + "\n",
        at=now,
        data=_data(kind, incident, plan, attempts, reason, looked_for, places),
        in_reply_to=in_reply_to,
    )


# --- the title -----------------------------------------------------------------------------------------------------


def _title(
    kind: MessageKind, incident: Incident, plan: Plan | NoPlan | None, attempts: Sequence[AttemptSummary], now: datetime
) -> str:
    where = _where(incident.alarm, plan)
    name = one_line(incident.alarm.name, 80) + (f" on {where}" if where else "")
    return clip(f"{name}: {_title_words(kind, incident, plan, attempts, now)}", TITLE_LIMIT)


def _title_words(
    kind: MessageKind, incident: Incident, plan: Plan | NoPlan | None, attempts: Sequence[AttemptSummary], now: datetime
) -> str:
    took = _lasting(((incident.resolved_at or now) - incident.opened_at).total_seconds())
    if kind is MessageKind.RESOLVED:
        return f"OK again after {took}"
    if incident.is_closed:
        return f"was in trouble, OK again after {took}"
    if kind is MessageKind.HELD:
        return "automation is held"
    if kind is MessageKind.APPROVAL_REQUESTED:
        script = one_line(plan.script.key, 80) if isinstance(plan, Plan) else "the remediation"
        return f"may {script} be run?"
    if attempts:
        return f"not fixed after {_times(len(attempts), 'attempt')}, a person is needed"
    return "not fixed, a person is needed"


def _where(alarm: Alarm, plan: Plan | NoPlan | None) -> str:
    """The machine, as precisely as we know it."""
    if isinstance(plan, Plan):
        return one_line(plan.target, 60)
    for names, values in ((("InstanceId", "Host", "host"), alarm.dimensions), (("instance", "host"), alarm.labels)):
        for name in names:
            if name in values:
                return one_line(values[name], 60)
    return ""


# --- the text ------------------------------------------------------------------------------------------------------


def _what_is_wrong(kind: MessageKind, incident: Incident, plan: Plan | NoPlan | None, now: datetime) -> str:
    alarm = incident.alarm
    where = _where(alarm, plan)
    place = f" on {where}" if where else ""
    name = one_line(alarm.name, 200)
    since = f"{_time(incident.opened_at)} ({_lasting((now - incident.opened_at).total_seconds())} ago)"
    if incident.is_closed:
        end = incident.resolved_at or now
        lines = [f"{name}{place} is over: {_time(incident.opened_at)} to {_time(end)}."]
        if kind is not MessageKind.RESOLVED:
            lines.append("This message is late; nothing has to be done about it any more.")
    elif incident.alarm_state is AlarmState.ALARM:
        lines = [f"{name}{place} is in ALARM since {since}."]
    else:
        lines = [f"{name}{place} fired at {since}; its source now says {incident.alarm_state}."]
    lines += _foreign_lines(alarm)
    if incident.alarms > 1:
        lines.append(f"It was reported {incident.alarms} times.")
    return "\n".join(lines)


def _foreign_lines(alarm: Alarm) -> list[str]:
    """What the source says, indented: whatever it holds, it cannot pass for one of our own headings."""
    annotations = alarm.annotations
    texts = [alarm.reason, alarm.description, annotations.get("summary", ""), annotations.get("description", "")]
    texts.append(_identity(alarm))
    cleaned = (clip(plain(text).strip(), FOREIGN_LIMIT) for text in texts)
    return [f"  {line}" for text in dict.fromkeys(cleaned) if text for line in text.split("\n")]


def _identity(alarm: Alarm) -> str:
    parts = []
    if alarm.metric:
        parts.append(f"{alarm.namespace or ''} {alarm.metric}".strip())
    parts += [f"{name}={value}" for name, value in (*alarm.dimensions.items(), *alarm.labels.items())]
    if alarm.account:
        parts.append(f"account {alarm.account}")
    if alarm.region:
        parts.append(alarm.region)
    return one_line(", ".join(parts), FOREIGN_LIMIT)


def _why(kind: MessageKind, incident: Incident, plan: Plan | NoPlan | None, reason: str) -> str:
    words = one_line(reason, FOREIGN_LIMIT)
    if kind is MessageKind.RESOLVED:
        return words
    heading = {
        MessageKind.ESCALATED: "Why a person is needed",
        MessageKind.HELD: "Why automation keeps its hands off",
        MessageKind.APPROVAL_REQUESTED: "What is asked of you",
    }[kind]
    lines = [heading, f"  {words}"]
    if isinstance(plan, Plan) and not incident.is_closed:
        lines += _plan_lines(kind, plan)
    return "\n".join(lines)


def _plan_lines(kind: MessageKind, plan: Plan) -> list[str]:
    if kind is MessageKind.ESCALATED:
        return []  # what was tried says it
    lines = [f"  {one_line(plan.script.key, 300)} on {one_line(plan.target, 100)} (rule: {one_line(plan.rule, 100)})"]
    lines.append(f"  {one_line(plan.script.uri, 400)}, version {one_line(plan.script.version, 100)}")
    lines += [f"  {one_line(name, 100)} = {one_line(value, 300)}" for name, value in plan.parameters.items()]
    approval = plan.policy.approval
    if kind is MessageKind.APPROVAL_REQUESTED and approval is not None:
        if approval.quorum > 1:
            lines.append(f"  {approval.quorum} people must approve.")
        if approval.auto_approve_after is not None:
            lines.append(f"  Without an answer it is run after {_lasting(approval.auto_approve_after)}.")
        if approval.auto_deny_after is not None:
            lines.append(f"  Without an answer it is not run; asked for {_lasting(approval.auto_deny_after)}.")
    return lines


def _what_was_tried(attempts: Sequence[AttemptSummary]) -> str:
    if not attempts:
        return ""
    lines = ["What was tried"]
    hidden = len(attempts) - ATTEMPTS_SHOWN
    if hidden > 0:
        lines.append(f"  ({_times(hidden, 'earlier attempt')} not shown)")
    for attempt in attempts[-ATTEMPTS_SHOWN:]:
        lines += _attempt_lines(attempt)
    return "\n".join(lines)


def _attempt_lines(attempt: AttemptSummary) -> list[str]:
    what = f"{one_line(attempt.script, 300)} on {one_line(attempt.target, 100)}"
    if attempt.result is None:
        how = "still running"
    else:
        how = _RESULTS.get(attempt.result, one_line(attempt.result, 100))
        if attempt.exit_code is not None:
            how += f", exit code {attempt.exit_code}"
        if attempt.ended_at is not None:
            how += f", after {_lasting((attempt.ended_at - attempt.began_at).total_seconds())}"
    lines = [f"  {attempt.number}. {_time(attempt.began_at)} {what}: {how}"]
    detail = one_line(attempt.detail, FOREIGN_LIMIT)
    if detail:
        lines.append(f"     {detail}")
    end = tail(attempt.output, TAIL_LINES, TAIL_WIDTH)
    if end:
        lines += [f"     | {line}" for line in end.split("\n")]
    elif attempt.result is not None:
        lines.append("     (no output)")
    return lines


def _names(looked_for: Sequence[str]) -> str:
    if not looked_for:
        return ""
    lines = ["No remediation was found under any of these names"]
    lines += [f"  {one_line(name, 300)}" for name in looked_for[:NAMES_SHOWN]]
    if len(looked_for) > NAMES_SHOWN:
        lines.append(f"  … and {len(looked_for) - NAMES_SHOWN} more")
    return "\n".join(lines)


def _where_to_look(kind: MessageKind, incident: Incident, places: Places) -> str:
    lines = ["Where to look"]
    address = places.incident(incident.id)
    if address:
        lines.append(f"  {address}")
    lines.append(f"  wakeless incidents show {incident.id}")
    if kind is MessageKind.APPROVAL_REQUESTED and not incident.is_closed:
        lines.append(f"  wakeless incidents approve {incident.id}    or: wakeless incidents deny {incident.id}")
    elif kind is MessageKind.ESCALATED and not incident.is_closed:
        lines.append(f"  wakeless incidents retry {incident.id}    once you have mended what stood in the way")
    if incident.alarm.url:
        lines.append(f"  the alarm itself: {one_line(incident.alarm.url, 500)}")
    return "\n".join(lines)


# --- the data ------------------------------------------------------------------------------------------------------


def _data(
    kind: MessageKind,
    incident: Incident,
    plan: Plan | NoPlan | None,
    attempts: Sequence[AttemptSummary],
    reason: str,
    looked_for: Sequence[str],
    places: Places,
) -> dict[str, object]:
    """The same facts as JSON values; see docs/guides/channels.md for the shape."""
    alarm = incident.alarm
    return {
        "incident": {
            "id": incident.id,
            "status": incident.status.value,
            "alarm_state": incident.alarm_state.value,
            "opened_at": _iso(incident.opened_at),
            "updated_at": _iso(incident.updated_at),
            "resolved_at": _iso(incident.resolved_at),
            "reports": incident.alarms,
            "url": places.incident(incident.id) or None,
        },
        "alarm": {
            "source": alarm.source,
            "fingerprint": _value(alarm.fingerprint),
            "name": _value(alarm.name),
            "state": alarm.state.value,
            "changed_at": _iso(alarm.changed_at),
            "reason": _value(alarm.reason),
            "description": _value(alarm.description),
            "arn": _value(alarm.arn),
            "account": _value(alarm.account),
            "region": _value(alarm.region),
            "namespace": _value(alarm.namespace),
            "metric": _value(alarm.metric),
            "dimensions": _values(alarm.dimensions),
            "labels": _values(alarm.labels),
            "annotations": _values(alarm.annotations),
            "url": _value(alarm.url),
        },
        "reason": _value(reason),
        "remediation": _plan_data(plan),
        "looked_for": [_value(name) for name in looked_for],
        "attempts": [_attempt_data(attempt) for attempt in attempts],
    }


def _plan_data(plan: Plan | NoPlan | None) -> dict[str, object] | None:
    if not isinstance(plan, Plan):
        return None
    return {
        "script": _value(plan.script.key),
        "uri": _value(plan.script.uri),
        "version": _value(plan.script.version),
        "target": _value(plan.target),
        "rule": _value(plan.rule),
        "parameters": _values(plan.parameters),
    }


def _attempt_data(attempt: AttemptSummary) -> dict[str, object]:
    return {
        "id": attempt.id,
        "number": attempt.number,
        "script": _value(attempt.script),
        "target": _value(attempt.target),
        "began_at": _iso(attempt.began_at),
        "ended_at": _iso(attempt.ended_at),
        "result": attempt.result,
        "exit_code": attempt.exit_code,
        "detail": _value(attempt.detail),
        "output_tail": tail(attempt.output, TAIL_LINES, TAIL_WIDTH),
    }


def _value(text: str | None) -> str | None:
    return clip(plain(text), VALUE_LIMIT) if text is not None else None


def _values(texts: Mapping[str, str]) -> dict[str, str]:
    return {clip(plain(name), VALUE_LIMIT): clip(plain(text), VALUE_LIMIT) for name, text in texts.items()}


# --- words for numbers ---------------------------------------------------------------------------------------------


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment is not None else None


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _times(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _lasting(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``7 min``, ``3 h 20 min``, ``2 d 4 h``."""
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
