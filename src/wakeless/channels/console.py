"""Tell whoever reads the logs: one structured record, and the whole message on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from wakeless.channels.kind import ChannelKind
from wakeless.channels.settings import ConsoleSettings
from wakeless.escalation.plain import one_line, plain
from wakeless.escalation.ports import ChannelUnavailable, Message, MessageKind, Receipt

logger = logging.getLogger(__name__)

_LEVELS = {MessageKind.RESOLVED: logging.INFO}


class ConsoleChannel:
    """Writes messages to the log and to ``stream`` (stderr as it is at that moment, if none is given)."""

    def __init__(self, name: str, settings: ConsoleSettings, stream: TextIO | None = None) -> None:
        self._name = name
        self._settings = settings
        self._stream = stream

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self._name

    async def send(self, message: Message) -> Receipt:
        """Log and print ``message``; raises `ChannelUnavailable` if stderr is closed or full."""
        extra = {
            "action": "told",
            "channel": self._name,
            "kind": message.kind.value,
            "incident_id": message.incident_id,
            "message_id": message.id,
        }
        logger.log(_LEVELS.get(message.kind, logging.WARNING), "%s", one_line(message.title, 500), extra=extra)
        if self._settings.stderr:
            self._print(message)
        return Receipt(reference=message.id)

    def _print(self, message: Message) -> None:
        stream = self._stream or sys.stderr
        lines = plain(message.text).strip("\n").split("\n")
        text = "\n".join([f"=== {one_line(message.title, 500)}", *(f"    {line}".rstrip() for line in lines), ""])
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise ChannelUnavailable(f"stderr cannot be written: {error}") from error


KIND = ChannelKind(settings=ConsoleSettings, check=lambda settings: [], make=ConsoleChannel)
