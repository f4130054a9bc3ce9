"""A value that prints as stars."""

from __future__ import annotations

import hmac


class Secret:
    """A value that prints as stars; `reveal` is the only way out."""

    # Not a `str`: joining, formatting or dumping one must fail or show stars, not leak.
    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; call it where it is used and nowhere else."""
        return self._value

    def matches(self, other: str) -> bool:
        """Compare in constant time."""
        # A half character, as JSON may hold one, is a wrong secret and no error.
        return hmac.compare_digest(self._value.encode(), other.encode("utf-8", "surrogatepass"))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret('********')"

    def __str__(self) -> str:
        return "********"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
