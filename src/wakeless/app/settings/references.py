"""What one part of the settings says about another: names that must exist, names that must be unique."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from wakeless.app.settings.model import Permission, Settings
from wakeless.app.settings.policy import ApprovalSettings, RuleSettings
from wakeless.app.settings.yaml_text import Path
from wakeless.core.errors import Refused
from wakeless.remediation import template
from wakeless.remediation.catalogue import candidates


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that points nowhere, or to two places."""

    path: Path
    message: str
    hint: str = ""


def find_broken_references(settings: Settings) -> list[Reference]:
    """Return everything in the settings that does not fit together."""
    return [
        *_repeated("targets", [target.name for target in settings.targets], "name"),
        *_repeated("rules", [rule.name for rule in settings.rules], "name"),
        *_repeated("principals", [principal.name for principal in settings.principals], "name"),
        *_repeated("access_keys", [key.id for key in settings.access_keys], "id"),
        *_tokens(settings),
        *_this_machine(settings),
        *_names(settings),
        *_approvals(settings),
        *_rules(settings),
    ]


def _repeated(section: str, names: Sequence[str], key: str) -> Iterator[Reference]:
    for position, name in enumerate(names):
        first = names.index(name)
        if first != position:
            yield Reference((section, position, key), f"is the {key} of {section}[{first}] already")


def _tokens(settings: Settings) -> Iterator[Reference]:
    tokens = [principal.token for principal in settings.principals]
    for position, token in enumerate(tokens):
        if token is not None and tokens.index(token) != position:
            yield Reference(("principals", position, "token"), "is another principal's token")


def _this_machine(settings: Settings) -> Iterator[Reference]:
    here = [position for position, target in enumerate(settings.targets) if target.local is not None]
    for position in here[1:]:
        # Two names for one machine would let two remediations change it at once.
        yield Reference(
            ("targets", position, "local"), f"is the same machine as targets[{here[0]}]", "give it one name"
        )


def _names(settings: Settings) -> Iterator[Reference]:
    targets = [target.name for target in settings.all_targets]
    channels = list(settings.all_channels)
    if settings.default_target is not None:
        yield from _known(("default_target",), settings.default_target, targets, "target")
    for position, name in enumerate(settings.escalate_to):
        yield from _known(("escalate_to", position), name, channels, "channel")
    for position, key in enumerate(settings.access_keys):
        if key.principal is not None:
            principals = [principal.name for principal in settings.principals]
            yield from _known(("access_keys", position, "principal"), key.principal, principals, "principal")
    for position, rule in enumerate(settings.rules):
        for number, name in enumerate(rule.escalate_to):
            yield from _known(("rules", position, "escalate_to", number), name, channels, "channel")


def _known(path: Path, name: str, names: Iterable[str], kind: str) -> Iterator[Reference]:
    listed = sorted(names)
    if name not in listed:
        nearest = get_close_matches(name, listed, 1)
        there = f"did you mean {nearest[0]}?" if nearest else f"there is {', '.join(listed)}" if listed else ""
        yield Reference(path, f"names no {kind}", there)


def _approvals(settings: Settings) -> Iterator[Reference]:
    # Without principals nobody is known by name: on a laptop whoever reaches the server decides.
    if not settings.principals:
        return
    if settings.defaults.approval is not None:
        yield from _approval(("defaults", "approval"), settings.defaults.approval, settings)
    for position, rule in enumerate(settings.rules):
        if rule.approval is not None:
            yield from _approval(("rules", position, "approval"), rule.approval, settings)


def _approval(path: Path, approval: ApprovalSettings, settings: Settings) -> Iterator[Reference]:
    known = {name for one in settings.principals for name in (one.name, *one.groups)}
    for position, name in enumerate(approval.approvers):
        yield from _known((*path, "approvers", position), name, known, "principal and no group")
    able = [
        one.name
        for one in settings.principals
        if {one.name, *one.groups} & set(approval.approvers) and {Permission.APPROVE, Permission.ADMIN} & set(one.may)
    ]
    if approval.approvers and len(able) < approval.quorum:
        message = f"can never be reached: {len(able)} of the principals are approvers who may `approve`"
        yield Reference((*path, "quorum"), message)


def _rules(settings: Settings) -> Iterator[Reference]:
    targets = [target.name for target in settings.all_targets]
    for position, rule in enumerate(settings.rules):
        path: Path = ("rules", position)
        yield from _templates(path, rule)
        if rule.target is not None and not _problem(template.parse, rule.target):
            named = [*targets, *(one for target in settings.all_targets for one in target.match)]
            if template.parse(rule.target).is_literal and rule.target not in named:
                yield from _known((*path, "target"), rule.target, targets, "target")
        if rule.script is not None and (problem := _problem(candidates, rule.script)):
            yield Reference((*path, "script"), problem)
        upper = [name.upper() for name in rule.parameters]
        for number, name in enumerate(rule.parameters):
            if upper.index(name.upper()) != number:
                yield Reference((*path, "parameters", name), "differs from another parameter only by its case")
        for earlier in range(position):
            if settings.rules[earlier].match == rule.match:
                message = f"matches the very alarms that rules[{earlier}] ({settings.rules[earlier].name}) matches"
                yield Reference((*path, "match"), message, "which of the two is meant is ambiguous: merge them")
                break


def _templates(path: Path, rule: RuleSettings) -> Iterator[Reference]:
    if rule.target is not None and (problem := _problem(template.parse, rule.target)):
        yield Reference((*path, "target"), problem)
    for name, text in rule.parameters.items():
        problem = _problem(template.parse, text) or _problem(template.check_value, text)
        if problem:
            yield Reference((*path, "parameters", name), problem)


def _problem(check: Callable[[str], object], text: str) -> str:
    try:
        check(text)
    except Refused as error:
        return str(error)
    return ""
