"""Which rule is for an alarm: the first, in the order of the file, whose every condition holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.catalogue import show
from wakeless.remediation.glob import any_match, is_literal, matches
from wakeless.remediation.rule import Globs, Match, Rule


def first_match(rules: Sequence[Rule], alarm: Alarm) -> Rule | None:
    """Return the first rule that matches, or None."""
    return next((rule for rule in rules if mismatch(rule.match, alarm) is None), None)


def mismatch(match: Match, alarm: Alarm) -> str | None:
    """Return why the alarm does not match, in words, or None if it does."""
    for what, globs, value in _conditions(match, alarm):
        if value is None:
            return f"the alarm has no {what}"
        if not any_match(globs, value):
            return f"{what} {show(value)} is not {' or '.join(globs)}"
    return None


def _conditions(match: Match, alarm: Alarm) -> Iterator[tuple[str, Globs, str | None]]:
    plain: tuple[tuple[str, Globs, str | None], ...] = (
        ("source", match.source, alarm.source),
        ("namespace", match.namespace, alarm.namespace),
        ("metric", match.metric, alarm.metric),
        ("name", match.alarm, alarm.name),
        ("reason", match.reason, alarm.reason),
    )
    yield from (condition for condition in plain if condition[1])
    for name, globs in match.dimensions.items():
        yield f"dimension {name}", globs, alarm.dimensions.get(name)
    for name, globs in match.labels.items():
        yield f"label {name}", globs, alarm.labels.get(name)


def covers(first: Match, second: Match) -> bool:
    """Say whether it is certain that every alarm that ``second`` matches is matched by ``first`` too.

    Used to find rules that can never be reached; an unsure case is answered with False.
    """
    pairs = (
        (first.source, second.source),
        (first.namespace, second.namespace),
        (first.metric, second.metric),
        (first.alarm, second.alarm),
        (first.reason, second.reason),
    )
    return (
        all(_covers_globs(one, other) for one, other in pairs)
        and _covers_mapping(first.dimensions, second.dimensions)
        and _covers_mapping(first.labels, second.labels)
    )


def _covers_mapping(first: Mapping[str, Globs], second: Mapping[str, Globs]) -> bool:
    return all(name in second and _covers_globs(globs, second[name]) for name, globs in first.items())


def _covers_globs(first: Globs, second: Globs) -> bool:
    if not first:
        return True
    if not second:
        # The second does not even ask for the value to be there.
        return False
    return all(any(_covers_glob(one, other) for one in first) for other in second)


def _covers_glob(one: str, other: str) -> bool:
    if one in (other, "*"):
        return True
    return is_literal(other) and matches(one, other)
