"""What must be written together with an incident's new state: the host adds it to the same transaction."""

from __future__ import annotations

from dataclasses import dataclass

from wakeless.escalation.ports import MessageKind
from wakeless.execution.outcome import Outcome
from wakeless.pipeline.run import Attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class BeginAttempt:
    """The intent: written before anything runs."""

    attempt: Attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class EndAttempt:
    """The result."""

    attempt_id: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Tell:
    """A message to people through every one of these channels; none named means the default ones."""

    kind: MessageKind
    channels: tuple[str, ...]
    reason: str


Effect = BeginAttempt | EndAttempt | Tell
