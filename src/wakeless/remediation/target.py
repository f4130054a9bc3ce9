"""Which machine an alarm is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.catalogue import show
from wakeless.remediation.glob import is_literal, matches


class Platform(StrEnum):
    """What kind of machine a target is; decides which scripts are for it."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


@dataclass(frozen=True, kw_only=True, slots=True)
class InventoryTarget:
    """One machine we may run remediations on, and how alarms name it."""

    name: str
    #: Instance ids, host names or globs; case-insensitive, as host names are.
    match: tuple[str, ...] = ()
    platform: Platform = Platform.LINUX


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """Every machine we may run remediations on."""

    targets: tuple[InventoryTarget, ...] = ()
    #: The target of alarms that name no machine we know; None means that they have no target.
    default: str | None = None
    #: What is asked for every alarm, made once: targets by name, by literal in lower case, and those with globs.
    _by_name: dict[str, InventoryTarget] = field(init=False, repr=False, compare=False)
    _by_literal: dict[str, list[InventoryTarget]] = field(init=False, repr=False, compare=False)
    _globs: list[tuple[str, InventoryTarget]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_literal: dict[str, list[InventoryTarget]] = {}
        globs: list[tuple[str, InventoryTarget]] = []
        for target in self.targets:
            for one in {one.lower(): None for one in target.match}:
                if is_literal(one):
                    by_literal.setdefault(one, []).append(target)
                else:
                    globs.append((one, target))
        object.__setattr__(self, "_by_name", {target.name: target for target in reversed(self.targets)})
        object.__setattr__(self, "_by_literal", by_literal)
        object.__setattr__(self, "_globs", globs)

    def get(self, name: str) -> InventoryTarget | None:
        """Return the target of that exact name."""
        return self._by_name.get(name)

    def literally(self, identity: str) -> list[InventoryTarget]:
        """Return the targets that name exactly this, without regard to case."""
        return self._by_literal.get(identity.lower(), [])

    def by_glob(self, identity: str) -> list[InventoryTarget]:
        """Return the targets that have a glob for this, without regard to case."""
        folded = identity.lower()
        return list(dict.fromkeys(target for glob, target in self._globs if matches(glob, folded)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A target, and why it is the one."""

    target: InventoryTarget
    because: str


@dataclass(frozen=True, slots=True)
class Unplaced:
    """No target, or more than one; `code` is that of `NoPlan`."""

    code: str
    because: str


#: Dimensions and labels that name a machine, the surest first.
IDENTITIES: tuple[tuple[str, str], ...] = (
    ("dimension", "InstanceId"),
    ("label", "instance_id"),
    ("dimension", "Host"),
    ("dimension", "host"),
    ("dimension", "HostName"),
    ("label", "instance"),
    ("label", "host"),
    ("label", "hostname"),
    ("label", "nodename"),
    ("label", "node"),
)
_WITH_PORT = re.compile(r"\[(?P<six>[0-9A-Fa-f:.%]+)\](?::[0-9]{1,5})?|(?P<host>[^:\[\]]+):[0-9]{1,5}")


def choose(alarm: Alarm, inventory: Inventory) -> Chosen | Unplaced:
    """Return the target that the alarm is about.

    The first identity of the alarm that the inventory knows decides. A literal beats a glob; two targets that match
    equally well are an error that names both.
    """
    identities = list(_identities(alarm))
    for what, value in identities:
        found = _find(value, inventory)
        if len(found) == 1:
            return Chosen(found[0], f"{what} {show(value)} is target {found[0].name}")
        if found:
            names = ", ".join(target.name for target in found)
            return Unplaced("ambiguous", f"{what} {show(value)} matches more than one target: {names}")
    looked = ", ".join(f"{what} {show(value)}" for what, value in identities)
    seen = f"the inventory does not know {looked}" if looked else "the alarm names no machine"
    if inventory.default is not None and (target := inventory.get(inventory.default)) is not None:
        return Chosen(target, f"{seen}, so it is the default target {target.name}")
    kinds = f" (looked at {', '.join(f'{kind} {name}' for kind, name in IDENTITIES)})" if not looked else ""
    return Unplaced("no_target", f"{seen}{kinds}, and there is no default target")


def choose_named(name: str, inventory: Inventory) -> Chosen | Unplaced:
    """Return the target that a rule names: by its own name, else as alarms name it."""
    if (target := inventory.get(name)) is not None:
        return Chosen(target, f"the rule names target {target.name}")
    found = _find(name, inventory)
    if len(found) == 1:
        return Chosen(found[0], f"the rule names {show(name)}, which is target {found[0].name}")
    if found:
        names = ", ".join(target.name for target in found)
        return Unplaced("ambiguous", f"the rule names {show(name)}, which matches more than one target: {names}")
    return Unplaced("no_target", f"the rule names {show(name)}, which the inventory does not know")


def _identities(alarm: Alarm) -> Iterator[tuple[str, str]]:
    for kind, name in IDENTITIES:
        value = (alarm.dimensions if kind == "dimension" else alarm.labels).get(name)
        if value:
            yield f"{kind} {name}", value


def _find(value: str, inventory: Inventory) -> list[InventoryTarget]:
    """Return the targets that match best: literally, literally without the port, by glob, by glob without the port."""
    names = [value]
    # Prometheus's `instance` carries the port of the exporter, not of the machine.
    if (match := _WITH_PORT.fullmatch(value)) is not None:
        names.append(match["six"] or match["host"])
    for look in (inventory.literally, inventory.by_glob):
        for name in names:
            if found := look(name):
                return found
    return []
