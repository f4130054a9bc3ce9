"""What a document may say about an action: its inputs and their kinds, its outputs, its time limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wakeless.runbooks.document import Document, Json, Path, Step, ValueType
from wakeless.runbooks.places import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of an action."""

    #: None: of any kind.
    type: ValueType | None = None
    required: bool = False
    #: The words that may stand there; empty: any.
    words: tuple[str, ...] = ()
    #: Least and most: the number itself, the length of a text, the items of a list.
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One step that uses an action, for the checks that a table cannot say."""

    step: Step
    #: Of the step's inputs.
    path: Path
    document: Document
    notes: Notes

    @property
    def inputs(self) -> Mapping[str, Json]:
        """The raw inputs of the step."""
        return self.step.inputs

    def has(self, name: str) -> bool:
        """Whether an input is given; ``null`` is not."""
        return self.inputs.get(name) is not None

    def wrong(self, message: str, hint: str = "", *, at: str | None = None) -> None:
        """Note what the document is refused for."""
        self.notes.wrong(self.path if at is None else (*self.path, at), message, hint)

    def odd(self, message: str, hint: str = "", *, at: str | None = None) -> None:
        """Note what will hardly work."""
        self.notes.odd(self.path if at is None else (*self.path, at), message, hint)


def _no_more(use: Use) -> None:
    """Most actions have no rules beyond their table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One of the actions of schema 0.3 (reference section 3)."""

    name: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    #: Whether other inputs are the parameters of an API call.
    open: bool = False
    #: What every step of this action gives, beside what its author declares.
    outputs: Mapping[str, ValueType] = field(default_factory=dict)
    #: Seconds after which an attempt has timed out when the step does not say.
    timeout: int = 3600
    #: Seconds that no attempt may take longer than, whatever the step says; None: no such limit.
    longest: int | None = None
    #: Whether a cancellation workflow may begin with it.
    on_cancel_target: bool = True
    #: Whether its steps may have an onCancel.
    on_cancel: bool = True
    #: Notes whatever the table cannot say.
    check: Callable[[Use], None] = _no_more
