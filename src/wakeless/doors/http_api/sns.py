"""SNS over HTTP(S): ``POST /v1/sns``, signed or raw.

SNS sends again after a 5xx, a 429 or no answer, and takes everything else for delivered. So 503 is for what may be
lost only later, 200 is for what is on disk, and 4xx for what nobody will miss.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from fnmatch import fnmatchcase

from wakeless.alarms.inbound import Hints, decode
from wakeless.alarms.inbound.signature import (
    SignatureRefused,
    check_age,
    is_certificate_url,
    is_subscribe_url,
    verify,
)
from wakeless.alarms.inbound.sns import Envelope, MessageType, read_envelope
from wakeless.core.clock import Clock
from wakeless.core.errors import InvalidInput
from wakeless.doors.http_api.asgi import Call, Reply, invalid, json_reply
from wakeless.doors.http_api.auth import Authenticator, Permission, Principal, demand
from wakeless.doors.http_api.config import HttpConfig
from wakeless.doors.http_api.errors import Forbidden, Unauthenticated
from wakeless.doors.http_api.fetch import Fetcher, SigningKeys
from wakeless.doors.http_api.intake import Intake

logger = logging.getLogger(__name__)

#: Bytes of a message; SNS itself allows no more.
MAX_MESSAGE = 262_144
#: Message ids remembered; the journal knows copies for good, by what they report.
MAX_SEEN = 10_000

_SOURCE = "POST /v1/sns"
_TYPE = b"x-amz-sns-message-type"
_ID = b"x-amz-sns-message-id"
_TOPIC = b"x-amz-sns-topic-arn"
_RAW = b"x-amz-sns-rawdelivery"


class SnsDoor:
    """Decides whether a message is from a topic we listen to, and does what it asks for."""

    def __init__(
        self, config: HttpConfig, authenticator: Authenticator, intake: Intake, fetcher: Fetcher, clock: Clock
    ) -> None:
        self._config = config
        self._authenticator = authenticator
        self._intake = intake
        self._fetcher = fetcher
        self._keys = SigningKeys(fetcher, clock)
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def post(self, call: Call) -> Reply:
        """Take one message of SNS."""
        caller = self._check_secret(call)
        if call.headers.get(_RAW, b"").lower() == b"true":
            return await self._raw(call, caller)
        return await self._signed(call, caller)

    def _check_secret(self, call: Call) -> Principal | None:
        """Return who the word at the end of the address belongs to; raises `Unauthenticated` when it is wrong."""
        word = call.params.get("secret", "")
        if self._config.sns_secret and not (word and self._config.sns_secret.matches(word)):
            raise Unauthenticated("the address must end in the subscription's secret")
        if not word:
            return None
        if self._config.sns_secret:
            return Principal(name="sns", may=frozenset({Permission.SEND}))
        caller = self._authenticator.by_token(word, "sns")
        if caller is None:
            raise Unauthenticated("the address ends in a token that is not known")
        return caller

    async def _raw(self, call: Call, caller: Principal | None) -> Reply:
        """Take a message without envelope or signature: whoever sends it must have proved who it is."""
        caller = caller or self._authenticator.identify(call.headers, call.method, "sns")
        demand(caller, Permission.SEND)
        topic, message_id = _header(call, _TOPIC), _header(call, _ID)
        self._check_topic(topic, call, caller)
        if self._was_seen(topic, message_id):
            return json_reply({"received": [], "duplicate": True})
        hints = Hints(source=_SOURCE, topic_arn=topic or None, at=self._clock.now())
        reply = await self._intake.take(call.body, hints, "cloudwatch")
        self._remember(topic, message_id)
        return reply

    async def _signed(self, call: Call, caller: Principal | None) -> Reply:
        envelope = read_envelope(decode(call.body, _SOURCE), _SOURCE)
        for header, said in ((_TYPE, envelope.type), (_TOPIC, envelope.topic_arn), (_ID, envelope.message_id)):
            if header in call.headers and _header(call, header) != said:
                raise invalid((header.decode(), "does not agree with the message"))
        self._check_topic(envelope.topic_arn, call, caller)
        if not is_certificate_url(envelope.signing_cert_url, self._config.sns_trusted_origins):
            raise SignatureRefused("SigningCertURL is not an address of SNS")
        key = await self._keys.get(envelope.signing_cert_url)
        now = self._clock.now()
        verify(envelope, key, now)
        check_age(envelope, now, self._config.sns_max_age)
        if self._was_seen(envelope.topic_arn, envelope.message_id):
            return json_reply({"received": [], "duplicate": True})
        reply = await self._act(envelope)
        self._remember(envelope.topic_arn, envelope.message_id)
        return reply

    async def _act(self, envelope: Envelope) -> Reply:
        match envelope.type:
            case MessageType.NOTIFICATION:
                hints = Hints(source=_SOURCE, topic_arn=envelope.topic_arn, at=envelope.sent_at)
                # Only the message: everything beside it in the body is unsigned.
                return await self._notification(envelope, hints)
            case MessageType.SUBSCRIPTION_CONFIRMATION:
                return await self._confirm(envelope)
            case MessageType.UNSUBSCRIBE_CONFIRMATION:
                # Its SubscribeURL would subscribe us again, against the will of whoever ended it.
                logger.warning(
                    "Subscription ended",
                    extra={"action": "sns_unsubscribed", "topic_arn": envelope.topic_arn},
                )
                return json_reply({"received": [], "unsubscribed": envelope.topic_arn})

    async def _notification(self, envelope: Envelope, hints: Hints) -> Reply:
        if not envelope.message.lstrip().startswith(("{", "[")):
            # Words that somebody published: understood, and no alarm.
            logger.info(
                "Notification without an alarm",
                extra={"action": "alarm_ignored", "source": _SOURCE, "topic_arn": envelope.topic_arn},
            )
            ignored = {"path": "Message", "code": "not_json", "reason": "is plain text, not an alarm"}
            return json_reply({"received": [], "ignored": [ignored]})
        return await self._intake.take(envelope.message, hints, "cloudwatch")

    async def _confirm(self, envelope: Envelope) -> Reply:
        url = envelope.subscribe_url or ""
        if not is_subscribe_url(url, envelope.topic_arn, self._config.sns_trusted_origins):
            raise SignatureRefused("SubscribeURL does not confirm a subscription to this topic")
        # Raises what makes SNS send the confirmation again when its own address does not answer.
        await self._fetcher.get(url)
        logger.info(
            "Subscription confirmed",
            extra={"action": "sns_subscribed", "topic_arn": envelope.topic_arn},
        )
        return json_reply({"received": [], "confirmed": envelope.topic_arn})

    def _check_topic(self, topic_arn: str, call: Call, caller: Principal | None) -> None:
        allowed: Sequence[str] = self._config.sns_topics
        if not allowed and self._config.loopback:
            # Everybody has an AWS account, so a signature alone proves nothing here: a foreign page could have the
            # browser post a message of its own topic.
            demand(caller or self._authenticator.identify(call.headers, call.method, "sns"), Permission.SEND)
            return
        if not any(fnmatchcase(topic_arn, pattern) for pattern in allowed):
            raise Forbidden("this topic is not among those whose messages are taken")

    def _was_seen(self, topic_arn: str, message_id: str) -> bool:
        return bool(message_id) and (topic_arn, message_id) in self._seen

    def _remember(self, topic_arn: str, message_id: str) -> None:
        if message_id:
            self._seen[topic_arn, message_id] = None
            while len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)


def _header(call: Call, name: bytes) -> str:
    value = call.headers.get(name, b"")
    if len(value) > 2_048:
        raise InvalidInput(f"the header {name.decode()} is too long")
    return value.decode("latin-1")
