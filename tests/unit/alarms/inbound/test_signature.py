from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from wakeless.alarms.inbound.signature import (
    SignatureRefused,
    check_age,
    is_certificate_url,
    is_subscribe_url,
    load_signing_key,
    origin_of,
    string_to_sign,
    verify,
)
from wakeless.alarms.inbound.sns import Envelope, read_envelope
from wakeless.core.errors import InvalidInput

PAYLOADS = Path(__file__).parents[3] / "data" / "payloads"
URLS = json.loads((PAYLOADS / "sns-signing-cert-url-cases.json").read_text())
SIGNED = sorted(path.stem for path in PAYLOADS.glob("sns-*.json") if "string_to_sign" in json.loads(path.read_text()))
NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops-alarms"

Body = Callable[[str], str]


def certificate(key: Any, begins: datetime = NOW - timedelta(days=1), days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def sign(envelope: Envelope, key: rsa.RSAPrivateKey) -> Envelope:
    algorithm = hashes.SHA1() if envelope.signature_version == "1" else hashes.SHA256()
    return replace(envelope, signature=key.sign(string_to_sign(envelope), padding.PKCS1v15(), algorithm))


@pytest.mark.parametrize("name", SIGNED)
def test_the_string_to_sign_is_what_sns_signs(name: str, body: Body) -> None:
    expected = json.loads((PAYLOADS / f"{name}.json").read_text())["string_to_sign"]
    assert string_to_sign(read_envelope(json.loads(body(name)))) == expected.encode()


def test_both_versions_and_all_three_types_are_among_the_payloads(body: Body) -> None:
    envelopes = [read_envelope(json.loads(body(name))) for name in SIGNED]
    assert {envelope.signature_version for envelope in envelopes} == {"1", "2"}
    assert len({envelope.type for envelope in envelopes}) == 3


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_message_is_believed_and_an_altered_one_is_not(name: str, body: Body, key: rsa.RSAPrivateKey) -> None:
    signing = load_signing_key(certificate(key))
    envelope = sign(read_envelope(json.loads(body(name))), key)
    verify(envelope, signing, NOW)
    for altered in (
        replace(envelope, message=envelope.message + " "),
        replace(envelope, topic_arn=envelope.topic_arn + "x"),
        replace(envelope, message_id="another"),
        replace(envelope, timestamp="2026-01-01T00:04:12.346Z"),
        replace(envelope, subject="another"),
        replace(envelope, signature=envelope.signature[:-1] + bytes([envelope.signature[-1] ^ 1])),
        replace(envelope, signature=b""),
        replace(envelope, signature_version="2" if envelope.signature_version == "1" else "1"),
        replace(envelope, signature_version="3"),
    ):
        if altered.subject is not None and envelope.type != "Notification":
            continue  # a subject is no part of these
        with pytest.raises(SignatureRefused):
            verify(altered, signing, NOW)


def test_a_signature_by_another_key_is_refused(body: Body, key: rsa.RSAPrivateKey) -> None:
    envelope = sign(read_envelope(json.loads(body(SIGNED[0]))), key)
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(SignatureRefused, match="does not belong"):
        verify(envelope, load_signing_key(certificate(other)), NOW)


@pytest.mark.parametrize("moment", [NOW - timedelta(days=2), NOW + timedelta(days=31)])
def test_a_certificate_outside_its_validity_is_refused(body: Body, key: rsa.RSAPrivateKey, moment: datetime) -> None:
    envelope = sign(read_envelope(json.loads(body(SIGNED[0]))), key)
    with pytest.raises(SignatureRefused, match="not valid now"):
        verify(envelope, load_signing_key(certificate(key)), moment)


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(SignatureRefused, match="cannot be read"):
        load_signing_key(pem)


def test_a_certificate_for_another_kind_of_key_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="not for RSA"):
        load_signing_key(certificate(ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, None), (3_599, None), (3_601, "older"), (-299, None), (-301, "future")]
)
def test_a_message_counts_for_an_hour(body: Body, seconds: int, words: str | None) -> None:
    envelope = read_envelope(json.loads(body("sns-http-metric-alarm-v1")))
    now = envelope.sent_at + timedelta(seconds=seconds)
    if words is None:
        check_age(envelope, now)
        return
    with pytest.raises(SignatureRefused, match=words):
        check_age(envelope, now)


@pytest.mark.parametrize("url", URLS["accept"])
def test_certificates_come_from_sns(url: str) -> None:
    assert is_certificate_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *URLS["reject"],
        "",
        "https://",
        "https://sns.us-east-1.amazonaws.com/x.pem?",
        "https://sns.us-east-1.amazonaws.com/x.pem#y",
        "https://sns.us-east-1.amazonaws.com:0/x.pem",
        "https://sns.us-east-1.amazonaws.com:99999/x.pem",
        "https://user@sns.us-east-1.amazonaws.com/x.pem",
        "https://@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com\n.evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.pem\n",
        "https://sns.a.b.amazonaws.com/x.pem",
        "https://sns.ab.amazonaws.com/x.pem",
        "https://xsns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.cn.evil/x.pem",
        "https://sns.us-east-1.amazonaws.ćom/x.pem",
        "https://[::1]/x.pem",
        "https://[/x.pem",
        "ftp://sns.us-east-1.amazonaws.com/x.pem",
    ],
)
def test_certificates_come_from_nowhere_else(url: str) -> None:
    assert not is_certificate_url(url)


def test_a_stand_in_is_trusted_only_at_its_very_origin() -> None:
    trusted = {"http://127.0.0.1:4566", "https://localhost:443"}
    assert is_certificate_url("http://127.0.0.1:4566/cert.pem", trusted)
    assert is_certificate_url("https://localhost/cert.pem", trusted)
    assert not is_certificate_url("https://127.0.0.1:4566/cert.pem", trusted)
    assert not is_certificate_url("http://127.0.0.1:4567/cert.pem", trusted)
    assert not is_certificate_url("http://127.0.0.1:4566@evil.example/cert.pem", trusted)
    assert origin_of("HTTP://LOCALHOST/x") == "http://localhost:80"
    assert origin_of("https://[::1]:8443/") == "https://[::1]:8443"
    assert origin_of("nonsense") is None


CONFIRM = f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        (CONFIRM, True),
        (CONFIRM.replace("sns.us", "evil.us"), False),
        (CONFIRM.replace("https", "http"), False),
        (CONFIRM.replace("ConfirmSubscription", "Unsubscribe"), False),
        (CONFIRM + "&Action=Unsubscribe", False),
        (CONFIRM.replace(TOPIC, TOPIC + "2"), False),
        (CONFIRM + f"&TopicArn={TOPIC}", False),
        (CONFIRM + "#x", False),
        (CONFIRM + "&a=b" * 50, False),
        ("https://sns.us-east-1.amazonaws.com/", False),
        ("", False),
    ],
)
def test_only_the_confirmation_of_this_topic_is_followed(url: str, fine: bool) -> None:
    assert is_subscribe_url(url, TOPIC) is fine


def test_an_envelope_names_every_problem() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_envelope({"Type": "SubscriptionConfirmation", "Signature": "%%%", "Message": 5})
    assert {problem.path for problem in refused.value.problems} == {
        "MessageId",
        "TopicArn",
        "Timestamp",
        "SignatureVersion",
        "Message",
        "Signature",
        "SigningCertUrl",
        "Token",
        "SubscribeURL",
    }


@pytest.mark.parametrize("payload", [None, [], "x", 5])
def test_what_is_no_object_is_no_envelope(payload: object) -> None:
    with pytest.raises(InvalidInput):
        read_envelope(payload)


def test_lambdas_spelling_and_a_null_subject_are_understood(body: Body) -> None:
    value = json.loads(body("sns-http-metric-alarm-v1"))
    value["SigningCertUrl"] = value.pop("SigningCertURL")
    value["Subject"] = None
    envelope = read_envelope(value)
    assert envelope.subject is None
    assert envelope.signing_cert_url.endswith(".pem")
    assert base64.b64encode(envelope.signature).decode() == value["Signature"]
    assert b"Subject" not in string_to_sign(envelope)
