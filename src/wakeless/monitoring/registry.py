"""Every alarm in memory, and who depends on whom.

Alarms are few enough to hold (about a kilobyte each) and are looked at too often to be read each time; the store
has every change before it is here. See docs/decisions/0032-alarms-live-in-memory.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from wakeless.alarms import composite
from wakeless.alarms.definitions import AlarmRecord, CompositeAlarm, MetricAlarm

MetricKey = tuple[str, str, tuple[tuple[str, str], ...]]
_K = TypeVar("_K")
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """What a composite alarm is made of."""

    rule: composite.Rule
    #: Reference as it is written -> name of the alarm.
    refs: Mapping[str, str]

    @property
    def children(self) -> list[str]:
        """The alarms in the rule, each once, in order of appearance."""
        return list(dict.fromkeys(self.refs.values()))


class Registry:
    """The alarms by name, with the indexes that operations need."""

    def __init__(self, records: Iterable[AlarmRecord], *, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._records: dict[str, AlarmRecord] = {}
        self._names: list[str] = []
        self._links: dict[str, Link] = {}
        self._parents: dict[str, set[str]] = {}
        self._suppressed: dict[str, set[str]] = {}
        self._on_metric: dict[MetricKey, set[str]] = {}
        self._heights: Mapping[str, int] | None = None
        for record in sorted(records, key=lambda record: record.name):
            self.put(record)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, name: str) -> AlarmRecord | None:
        """Return the alarm of that name."""
        return self._records.get(name)

    def names(self) -> Iterator[str]:
        """Return every name in order."""
        return iter(self._names)

    def names_from(self, prefix: str, after: str = "") -> Iterator[str]:
        """Return the names with ``prefix`` that follow ``after``, in order."""
        start = max(bisect_left(self._names, prefix), bisect_right(self._names, after) if after else 0)
        for index in range(start, len(self._names)):
            name = self._names[index]
            if not name.startswith(prefix):
                return
            yield name

    def put(self, record: AlarmRecord) -> None:
        """Take in a new or changed alarm."""
        name = record.name
        before = self._records.get(name)
        self._records[name] = record
        if before is not None and before.definition is record.definition:
            return
        if before is None:
            insort(self._names, name)
        else:
            self._unlink(before)
        self._link(record)

    def remove(self, name: str) -> None:
        """Forget an alarm."""
        record = self._records.pop(name, None)
        if record is not None:
            self._unlink(record)
            del self._names[bisect_left(self._names, name)]

    def link(self, alarm: CompositeAlarm) -> Link:
        """Return what a composite alarm is made of; raises `ValidationFailed`."""
        known = self._links.get(alarm.name)
        if known is not None and self._records[alarm.name].definition is alarm:
            return known
        rule = composite.parse(alarm.rule)
        return Link(rule, {ref: self.resolve(ref) for ref in rule.refs})

    def children(self, name: str) -> list[str]:
        """Return the names of the alarms in a composite alarm's rule, in order of appearance."""
        link = self._links.get(name)
        return [] if link is None else link.children

    def parents(self, name: str) -> frozenset[str] | set[str]:
        """Return the composite alarms that have ``name`` in their rule."""
        return self._parents.get(name, _NOBODY)

    def suppressed_by(self, name: str) -> frozenset[str] | set[str]:
        """Return the composite alarms whose actions ``name`` may hold back."""
        return self._suppressed.get(name, _NOBODY)

    def on_metric(self, key: MetricKey) -> list[str]:
        """Return the names of the single-metric alarms on one metric, in order."""
        return sorted(self._on_metric.get(key, _NOBODY))

    def height(self, name: str) -> int | None:
        """Return how far above the metric alarms a composite alarm stands; None if it depends on itself."""
        if self._heights is None:
            self._heights = composite.heights({name: link.children for name, link in self._links.items()})
        return self._heights.get(name)

    def would_loop(self, name: str, link: Link) -> bool:
        """Say whether a composite alarm would depend on itself with ``link``."""
        children = {known: other.children for known, other in self._links.items()}
        return name not in composite.heights(children | {name: link.children})

    def resolve(self, ref: str) -> str:
        """Return the name that a reference means; raises `ValidationFailed` for alarms of other places."""
        return composite.resolve(ref, account=self._account, region=self._region)

    def _link(self, record: AlarmRecord) -> None:
        name, alarm = record.name, record.definition
        if isinstance(alarm, MetricAlarm):
            if alarm.stat is not None:
                self._on_metric.setdefault(alarm.stat.metric.key, set()).add(name)
            return
        link = self._links[name] = self.link(alarm)
        self._heights = None
        for child in link.children:
            self._parents.setdefault(child, set()).add(name)
        if alarm.suppressor is not None:
            self._suppressed.setdefault(self.resolve(alarm.suppressor), set()).add(name)

    def _unlink(self, record: AlarmRecord) -> None:
        name, alarm = record.name, record.definition
        if isinstance(alarm, MetricAlarm):
            if alarm.stat is not None:
                _discard(self._on_metric, alarm.stat.metric.key, name)
            return
        self._unlink_composite(name, alarm)

    def _unlink_composite(self, name: str, alarm: CompositeAlarm) -> None:
        for child in self._links.pop(name).children:
            _discard(self._parents, child, name)
        self._heights = None
        if alarm.suppressor is not None:
            _discard(self._suppressed, self.resolve(alarm.suppressor), name)


def _discard(index: dict[_K, set[str]], key: _K, name: str) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(name)
        if not members:
            del index[key]
