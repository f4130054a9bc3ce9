"""Errors say what the caller may do.

WakelessError
├── Unavailable        retryable: something we depend on did not answer
└── Refused            final: asking again changes nothing
    └── InvalidInput   the caller sent something we cannot accept; `problems` has every place
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wakeless.core.problems import Problem


class WakelessError(Exception):
    """Base of all errors that Wakeless raises on purpose."""

    #: Stable, snake_case; appears in JSON answers, logs and metrics.
    code: ClassVar[str] = "error"
    #: Whether the same call may succeed later without any change.
    retryable: ClassVar[bool] = False


class Unavailable(WakelessError):
    """Something we depend on did not answer; try again later."""

    code = "unavailable"
    retryable = True


class Refused(WakelessError):
    """The request is understood and will not be done; asking again changes nothing."""

    code = "refused"


class InvalidInput(Refused):
    """The input cannot be accepted; every problem is listed with its place."""

    code = "invalid_input"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"
