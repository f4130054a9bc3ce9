"""Which rule is for an alarm: the first, in the order of the file, whose every condition holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.catalogue import show
from wakeless.remediation.glob import any_match, is_literal, matches
from wakeless.remediation.rule import Globs, Match, Rule


def first_match(rules: Sequence[Rule], alarm: Alarm) -> Rule | None:
    """Return the first rule that matches, or None."""
    return next((rule for rule in rules if is_match(rule.match, alarm)), None)


def is_match(match: Match, alarm: Alarm) -> bool:
    """Say whether every condition holds."""
    return next(_failing(match, alarm), None) is None


def mismatch(match: Match, alarm: Alarm) -> str | None:
    """Return why the alarm does not match, in words, or None if it does."""
    failing = next(_failing(match, alarm), None)
    if failing is None:
        return None
    what, globs, value = failing
    return f"the alarm has no {what}" if value is None else f"{what} {show(value)} is not {' or '.join(globs)}"


_Condition = tuple[str, Globs, str | None]


def _failing(match: Match, alarm: Alarm) -> Iterator[_Condition]:
    """Yield the conditions that do not hold: what is asked for, the globs, and the alarm's value."""
    for condition in _conditions(match, alarm):
        _, globs, value = condition
        if value is None or not any_match(globs, value):
            yield condition


def _conditions(match: Match, alarm: Alarm) -> Iterator[_Condition]:
    if match.source:
        yield "source", match.source, alarm.source
    if match.namespace:
        yield "namespace", match.namespace, alarm.namespace
    if match.metric:
        yield "metric", match.metric, alarm.metric
    if match.alarm:
        yield "name", match.alarm, alarm.name
    if match.reason:
        yield "reason", match.reason, alarm.reason
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
