"""Finds the plan for an alarm: the pure steps of `bind`, with the store asked in between."""

from __future__ import annotations

from dataclasses import dataclass

from wakeless.alarms.alarm import Alarm
from wakeless.core.errors import Refused, Unavailable, WakelessError
from wakeless.remediation.bind import Search, make_plan, search
from wakeless.remediation.explain import Explanation, explain
from wakeless.remediation.plan import NoPlan, Plan, Policy, ScriptRef
from wakeless.remediation.ports import RemediationStore
from wakeless.remediation.rule import Rule
from wakeless.remediation.target import Inventory


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanFinder:
    """Everything that a plan is made from, but the alarm."""

    store: RemediationStore
    rules: tuple[Rule, ...]
    inventory: Inventory
    #: Policy of scripts that are found by name.
    defaults: Policy
    by_name: bool = True

    async def find(self, alarm: Alarm) -> Plan | NoPlan:
        """Return what is to be done about the alarm; a store that does not answer is a `NoPlan` worth trying again."""
        found = await self._look(alarm)
        if isinstance(found, NoPlan):
            return found
        return make_plan(alarm, self.rules, found, self.inventory, self.defaults, by_name=self.by_name)

    async def explain(self, alarm: Alarm) -> Explanation:
        """Return what would happen to the alarm and why; nothing happens."""
        found = await self._look(alarm)
        try:
            keys = await self.store.keys() if not found else ()
        except WakelessError:
            keys = ()  # only a hint is lost
        return explain(
            alarm,
            self.rules,
            found,
            self.inventory,
            self.defaults,
            by_name=self.by_name,
            store_root=self.store.root,
            keys=keys,
        )

    async def _look(self, alarm: Alarm) -> tuple[ScriptRef, ...] | NoPlan:
        wanted = search(alarm, self.rules, by_name=self.by_name)
        if isinstance(wanted, NoPlan):
            return wanted
        try:
            return tuple(await self.store.find(wanted.keys))
        except Unavailable as error:
            return _unreachable(wanted, error, self.store.root)
        except Refused as error:
            channels = wanted.rule.policy.escalate_to if wanted.rule else self.defaults.escalate_to
            return NoPlan(code=error.code, reason=str(error), looked_for=wanted.keys, escalate_to=channels)


def _unreachable(wanted: Search, error: Unavailable, root: str) -> NoPlan:
    return NoPlan(
        code="store_unreachable",
        reason=f"the remediation store {root} does not answer: {error}",
        looked_for=wanted.keys,
        retryable=True,
        escalate_to=wanted.rule.policy.escalate_to if wanted.rule else (),
    )
