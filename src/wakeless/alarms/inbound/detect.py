"""Tells the shapes apart by their keys and opens envelopes, as often as needed, until alarms come out."""

from __future__ import annotations

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.inbound.alertmanager import looks_like_alertmanager, read_webhook
from wakeless.alarms.inbound.cloudwatch import looks_like_alarm_message, read_alarm_message
from wakeless.alarms.inbound.eventbridge import (
    looks_like_direct_invocation,
    looks_like_event,
    read_direct_invocation,
    read_event,
)
from wakeless.alarms.inbound.reading import (
    Context,
    Fields,
    Findings,
    Hints,
    Reading,
    check_values,
    decode,
    join,
    kind,
    parse_time,
    shorten,
)
from wakeless.alarms.inbound.sns import WITHOUT_ALARM, MessageType, looks_like_envelope
from wakeless.core.errors import InvalidInput

__all__ = ["decode", "parse", "read", "read_text"]

#: Envelopes within envelopes; SQS in SNS in EventBridge needs five.
MAX_ENVELOPES = 8
_NO_HINTS = Hints()


def parse(payload: object, hints: Hints = _NO_HINTS) -> list[Alarm]:
    """Return the alarms in a payload of any known shape.

    The list is empty when all of it is understood and none of it is an alarm to act on (see `Reading.ignored`).
    Raises `InvalidInput` with every problem and its place when any part of it cannot be read.
    """
    reading = read(payload, hints)
    if reading.problems:
        raise InvalidInput(f"{hints.source} cannot be read as an alarm", reading.problems)
    return list(reading.alarms)


def read(payload: object, hints: Hints = _NO_HINTS) -> Reading:
    """Return all that is in a payload, what is wrong with parts of it included; raises nothing.

    One alert of a group that cannot be read does not cost the others.
    """
    findings = Findings(hints.source)
    if check_values(payload, findings, ""):
        _read_value(payload, Context("", hints.topic_arn, hints.at), findings)
    return findings.reading()


def read_text(text: str | bytes, hints: Hints = _NO_HINTS) -> Reading:
    """Do as `read` does with a JSON text, in a third of the time; raises `InvalidInput` when it is not JSON."""
    value = decode(text, hints.source)
    findings = Findings(hints.source)
    _read_value(value, Context("", hints.topic_arn, hints.at), findings)
    return findings.reading()


def _read_value(value: object, context: Context, findings: Findings) -> None:
    if context.depth > MAX_ENVELOPES:
        findings.problem(context.path, f"has more than {MAX_ENVELOPES} envelopes around it")
    elif isinstance(value, str):
        _read_text(value, context, findings)
    elif isinstance(value, list):
        if not value:
            findings.problem(context.path, "is an empty list")
        for index, entry in enumerate(value):
            _read_value(entry, context.inside(f"{context.path}[{index}]"), findings)
    elif isinstance(value, dict):
        _read_object(value, context, findings)
    else:
        findings.problem(context.path, f"must be a JSON object, is {kind(value)}")


def _read_text(text: str, context: Context, findings: Findings) -> None:
    if not text.lstrip().startswith(("{", "[")):
        # Anybody may publish words to a topic that also carries alarms.
        findings.ignore(context.path, "not_json", "is plain text, not an alarm")
        return
    try:
        value = decode(text, findings.source, context.path)
    except InvalidInput as error:
        findings.problems.extend(error.problems)
        return
    _read_value(value, context.inside(context.path), findings)


def _read_object(payload: dict[str, object], context: Context, findings: Findings) -> None:
    if looks_like_alarm_message(payload):
        read_alarm_message(payload, context, findings)
    elif looks_like_envelope(payload):
        _read_envelope(payload, context, findings)
    elif looks_like_event(payload):
        read_event(payload, context, findings)
    elif looks_like_alertmanager(payload):
        read_webhook(payload, context, findings)
    elif looks_like_direct_invocation(payload):
        read_direct_invocation(payload, context, findings)
    elif "Records" in payload:
        _read_parts(payload, "Records", context, findings)
    elif "Messages" in payload:
        _read_parts(payload, "Messages", context, findings)
    else:
        _read_record(payload, context, findings)


def _read_parts(payload: dict[str, object], key: str, context: Context, findings: Findings) -> None:
    """Read the list of a Lambda event or of SQS's ReceiveMessage."""
    fields = Fields(payload, context.path, findings)
    for part in fields.parts(key):
        _read_record(dict(part.values), context.inside(part.path), findings)
    if not payload[key] and not fields.flawed:
        findings.problem(join(context.path, key), "is empty")


def _read_record(record: dict[str, object], context: Context, findings: Findings) -> None:
    """Read one record: ``Sns`` from SNS to Lambda, ``body`` from SQS to Lambda, ``Body`` from SQS itself."""
    from_sqs = "receiptHandle" in record or "ReceiptHandle" in record or record.get("eventSource") == "aws:sqs"
    for key in ("Sns", "body", "Body"):
        if key in record and (key == "Sns" or from_sqs):
            _read_value(record[key], context.inside(join(context.path, key)), findings)
            return
    keys = ", ".join(shorten(key, 40) for key in list(record)[:8]) or "none"
    findings.problem(
        context.path,
        "is no shape of an alarm that is known",
        f"its keys are: {keys}; known are CloudWatch's alarm messages and events, also inside SNS, SQS and Lambda, "
        "and Alertmanager's webhook",
    )


def _read_envelope(payload: dict[str, object], context: Context, findings: Findings) -> None:
    fields = Fields(payload, context.path, findings)
    type_ = fields.required_name("Type")
    if type_ in WITHOUT_ALARM:
        findings.ignore(context.path, "subscription", WITHOUT_ALARM[MessageType(type_)])
        return
    if type_ != MessageType.NOTIFICATION:
        if type_:
            fields.problem("Type", f"must be one of {', '.join(MessageType)}")
        return
    message, sent = payload.get("Message"), payload.get("Timestamp")
    if not isinstance(message, str):
        fields.problem("Message", f"must be a string, is {kind(message)}")
        return
    inside = context.inside(join(context.path, "Message"))
    inside.topic_arn = fields.name("TopicArn") or context.topic_arn
    inside.at = (parse_time(sent) if isinstance(sent, str) else None) or context.at
    if not fields.flawed:
        _read_value(message, inside, findings)
