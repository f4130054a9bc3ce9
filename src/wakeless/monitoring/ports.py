"""What monitoring needs from the outside: where metrics and alarms are kept, and who is told of a state change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.definitions import AlarmRecord, AlarmType, HistoryItem, HistoryType
from wakeless.metrics.reading import Reader
from wakeless.metrics.series import Sample


@dataclass(frozen=True, slots=True)
class Selection:
    """One statistic of one metric: what an alarm or a query reads.

    Alarms keep theirs for life, so an implementation may cache by identity or equality.
    """

    namespace: str
    name: str
    #: (name, value) pairs sorted by name.
    dimensions: tuple[tuple[str, str], ...]
    #: ``Average`` and its four siblings, or an extended statistic (``p99``, ``TM(10%:90%)``).
    stat: str
    #: Only samples with this unit; None takes them all together.
    unit: str | None = None


@dataclass(slots=True)
class Slots:
    """Consecutive periods of one statistic, oldest first; both lists have as many items as were asked for."""

    #: None where there is no datapoint.
    values: list[float | None]
    #: Samples in each period; None where there is no datapoint.
    counts: list[float | None]


class MetricStore(Protocol):
    """Where samples are kept. `store.metric_store` implements it."""

    def read_slots(
        self, selections: Sequence[Selection], *, start: int, period: int, slots: int
    ) -> Sequence[Slots | None]:
        """Read many statistics over the same windows at once: the alarm evaluator's bulk read.

        Slot ``i`` holds the samples with ``start + i * period <= t < start + (i + 1) * period`` (whole seconds
        since the Unix epoch). One answer per selection, in the same order; None where there is no sample in any
        slot. It is called with hundreds of selections, thousands of times a minute: no query per selection and slot.
        """
        ...

    async def put(self, samples: Sequence[Sample], now: datetime) -> None:
        """Keep samples; return once they are committed. All of them are kept, or none."""
        ...

    async def answer(self, question: Reader) -> dict[str, object]:
        """Let ``question`` read what it needs on a thread for reading, and return its answer."""
        ...


class AlarmSink(Protocol):
    """Takes state changes into the incident intake, inside the transaction that records them."""

    def __call__(self, transaction: Any, alarms: Sequence[Alarm], /) -> None:
        """Insert ``alarms`` through ``transaction`` (the journal's connection); raising undoes the state change too."""
        ...


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which history items are asked for."""

    alarm_name: str | None = None
    alarm_types: tuple[AlarmType, ...] = (AlarmType.METRIC,)
    item_type: HistoryType | None = None
    #: Inclusive.
    start: datetime | None = None
    #: Inclusive.
    end: datetime | None = None
    newest_first: bool = True
    limit: int = 100
    #: Sequence number of the last item of the page before.
    after: int | None = None


class AlarmStore(Protocol):
    """Where alarm definitions, states and history are kept: in the journal, beside the incidents."""

    def load(self) -> Sequence[AlarmRecord]:
        """Return every alarm, at start-up."""
        ...

    async def commit_transitions(
        self, records: Sequence[AlarmRecord], history: Sequence[HistoryItem], alarms: Sequence[Alarm]
    ) -> None:
        """Keep new statuses and configurations, their history and what the intake must know, in ONE transaction.

        ``alarms`` go to the `AlarmSink` inside that transaction; `AfterCommit` is called once it is on disk.
        Raises what the sink raises, and then nothing is kept.
        """
        ...

    async def delete(self, names: Sequence[str], history: Sequence[HistoryItem]) -> None:
        """Forget alarms and write that down; their history stays."""
        ...

    def history(self, query: HistoryQuery) -> tuple[Sequence[HistoryItem], int | None]:
        """Return a page of history, and what `HistoryQuery.after` must be for the next one (None: no more)."""
        ...

    async def prune_history(self, before: datetime) -> int:
        """Delete history older than ``before``; return how many items."""
        ...


#: Called with the alarms that were just committed; must return at once.
AfterCommit = Callable[[Sequence[Alarm]], None]
#: A request or an answer in the member names of CloudWatch's API model; timestamps are aware datetimes.
Request = Mapping[str, Any]
Answer = dict[str, Any]
