"""SNS: the envelope around a message, as sent over HTTP(S), to Lambda and to SQS."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wakeless.alarms.inbound.reading import Fields, Findings, check_values
from wakeless.core.errors import InvalidInput


class MessageType(StrEnum):
    """What SNS sends."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


#: Why an envelope that carries no alarm is left alone.
WITHOUT_ALARM = {
    MessageType.SUBSCRIPTION_CONFIRMATION: "asks whether the subscription is wanted; it carries no alarm",
    MessageType.UNSUBSCRIBE_CONFIRMATION: "says that the subscription ended; it carries no alarm",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One signed message of a topic."""

    type: MessageType
    #: Same over all retries of this delivery.
    message_id: str
    topic_arn: str
    message: str
    #: As written: it is part of what is signed.
    timestamp: str
    sent_at: datetime
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = None
    signature_version: str = ""
    signature: bytes = b""
    signing_cert_url: str = ""


def looks_like_envelope(payload: Mapping[str, object]) -> bool:
    """Say whether an object is an SNS envelope, going by its keys."""
    return "Type" in payload and ("TopicArn" in payload or "MessageId" in payload)


def read_envelope(payload: object, source: str = "payload") -> Envelope:
    """Return the envelope with all that its signature needs; raises `InvalidInput` with every problem."""
    findings = Findings(source)
    if not isinstance(payload, dict):
        findings.problem("", "must be an SNS message, a JSON object with Type, MessageId and TopicArn")
        raise InvalidInput(f"{source} is not an SNS message", findings.problems)
    if not check_values(payload, findings, ""):
        raise InvalidInput(f"{source} is not an SNS message", findings.problems)
    fields = Fields(payload, "", findings)
    type_ = _type(fields)
    texts = {key: fields.required_name(key) for key in ("MessageId", "TopicArn", "Timestamp", "SignatureVersion")}
    sent_at = fields.time("Timestamp")
    message = _whole_text(fields, "Message")
    subject = _whole_text(fields, "Subject") if payload.get("Subject") is not None else None
    signature = _signature(fields)
    url = fields.required_name("SigningCertURL" if "SigningCertURL" in payload else "SigningCertUrl")
    confirming = type_ is not None and type_ is not MessageType.NOTIFICATION
    token = fields.required_name("Token") if confirming else None
    subscribe_url = fields.required_name("SubscribeURL") if confirming else None
    if findings.problems or type_ is None or sent_at is None:
        raise InvalidInput(f"{source} is not an SNS message", findings.problems)
    return Envelope(
        type=type_,
        message_id=texts["MessageId"],
        topic_arn=texts["TopicArn"],
        message=message,
        timestamp=texts["Timestamp"],
        sent_at=sent_at,
        subject=subject,
        token=token,
        subscribe_url=subscribe_url,
        signature_version=texts["SignatureVersion"],
        signature=signature,
        signing_cert_url=url,
    )


def _type(fields: Fields) -> MessageType | None:
    value = fields.required_name("Type")
    try:
        return MessageType(value) if value else None
    except ValueError:
        fields.problem("Type", f"must be one of {', '.join(MessageType)}")
        return None


def _whole_text(fields: Fields, key: str) -> str:
    # Never cut: it is part of what is signed.
    value = fields.values.get(key)
    if isinstance(value, str):
        return value
    fields.problem(key, "is missing" if value is None else "must be a string")
    return ""


def _signature(fields: Fields) -> bytes:
    text = fields.required_name("Signature")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        fields.problem("Signature", "must be base64")
        return b""
