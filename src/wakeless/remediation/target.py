"""Which machine an alarm is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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

    def get(self, name: str) -> InventoryTarget | None:
        """Return the target of that exact name."""
        return next((target for target in self.targets if target.name == name), None)
