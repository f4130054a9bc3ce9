"""What goes wrong at this door, and how every error of the program is told over HTTP."""

from __future__ import annotations

from dataclasses import asdict

from wakeless.core.errors import InvalidInput, NotFound, Refused, Unavailable, WakelessError


class Unauthenticated(Refused):
    """The caller did not say who it is, or could not prove it."""

    code = "unauthenticated"


class Forbidden(Refused):
    """We know who the caller is, and it may not do this."""

    code = "forbidden"


class MethodNotAllowed(Refused):
    """The address is known and does not do that."""

    code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLarge(Refused):
    """The body is larger than anything that belongs here."""

    code = "too_large"


class TooSlow(Refused):
    """The body did not arrive in time."""

    code = "too_slow"


class UnsupportedEncoding(Refused):
    """The body is compressed, which no source of alarms does."""

    code = "unsupported_encoding"


class Overloaded(Unavailable):
    """Too many of these are open already."""

    code = "overloaded"


#: Errors that mean the same to every HTTP client; all others go by their class.
_STATUS = {
    Unauthenticated.code: 401,
    Forbidden.code: 403,
    "not_an_approver": 403,
    "signature_refused": 403,
    MethodNotAllowed.code: 405,
    TooSlow.code: 408,
    TooLarge.code: 413,
    UnsupportedEncoding.code: 415,
    "illegal_move": 409,
}


def status_of(error: WakelessError) -> int:
    """Return the HTTP status that tells the caller what it may do: 4xx never again like this, 5xx try again."""
    if (status := _STATUS.get(error.code)) is not None:
        return status
    match error:
        case InvalidInput():
            return 400
        case NotFound():
            return 404
        case Refused():
            return 409
        case Unavailable():
            return 503
        case _:
            return 500


def document(error: WakelessError) -> dict[str, object]:
    """Return the body of the answer."""
    problems = [asdict(problem) for problem in error.problems] if isinstance(error, InvalidInput) else []
    return {"error": {"code": error.code, "message": str(error), "problems": problems}}
