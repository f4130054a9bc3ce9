"""Metric alarms made ready for evaluation, and kept in groups that are read together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import AlarmStatus, EvaluationState, MetricAlarm, MetricQuery, MetricStat
from wakeless.alarms.evaluate import TESTS, is_hourly, next_state, next_state_with_low_samples, window_end
from wakeless.alarms.reasons import Evidence
from wakeless.alarms.schedule import Beat, beat_of, next_due
from wakeless.metrics.errors import MetricsRefused
from wakeless.metrics.expressions.plan import Entry, make_plan
from wakeless.metrics.expressions.plan import Plan as Program
from wakeless.metrics.statistics import parse_statistic
from wakeless.monitoring.ports import MetricStore, Selection
from wakeless.monitoring.settings import MonitoringSettings

#: Says how an alarm stands; None once it is gone.
StatusOf = Callable[[str], AlarmStatus | None]


@dataclass(frozen=True, slots=True)
class Window:
    """What is read together: all alarms with the same one look at the same slots at any moment."""

    period: int
    slots: int
    #: Seconds that the newest slot must be over.
    delay: float
    #: Whether it ends with an hour rather than with a minute.
    hourly: bool

    def start(self, now: float) -> int:
        """Return where the oldest slot begins at ``now``, seconds since the epoch."""
        end = window_end(now, self.period, hourly=self.hourly, delay=self.delay)
        return end - self.slots * self.period


# Plain attributes rather than a record: a hundred thousand of these are looked at in a second.
class Plan:
    """A metric alarm, ready to be evaluated."""

    __slots__ = ("_low_limit", "_test", "_threshold", "alarm", "m", "missing", "n", "name", "window")

    def __init__(self, alarm: MetricAlarm, window: Window) -> None:
        self.name = alarm.name
        self.alarm = alarm
        self.window = window
        self.n = alarm.evaluation_periods
        self.m = alarm.needed
        self.missing = alarm.missing_data
        self._test = TESTS[alarm.comparison]
        self._threshold = alarm.threshold if alarm.threshold is not None else 0.0
        self._low_limit = None
        if alarm.stat is not None and alarm.low_sample_percentile == "ignore":
            self._low_limit = parse_statistic(alarm.stat.stat).low_sample_limit

    def state(
        self, values: Sequence[float | None], counts: Sequence[float | None] | None, previous: AlarmState
    ) -> AlarmState:
        """Return the state that these slots lead to."""
        test, threshold = self._test, self._threshold
        judged = [None if value is None else test(value, threshold) for value in values]
        if self._low_limit is None or counts is None:
            return next_state(judged, self.n, self.m, self.missing, previous)
        low = [count is not None and count < self._low_limit for count in counts]
        return next_state_with_low_samples(judged, low, self.n, self.m, self.missing, previous)

    def evidence(self, values: Sequence[float | None], counts: Sequence[float | None] | None, start: int) -> Evidence:
        """Return what an evaluation saw, for its reason."""
        test, threshold = self._test, self._threshold
        return Evidence(
            start=start,
            period=self.window.period,
            values=values,
            breaching=[None if value is None else test(value, threshold) for value in values],
            counts=counts,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """An alarm that must change, and why."""

    plan: Plan
    #: None where nothing could be computed; the state stays then.
    state: AlarmState | None
    #: Makes reason and reason data; only alarms that change need them.
    evidence: Evidence | None
    #: What went wrong in the evaluation, if anything.
    trouble: EvaluationState | None = None


class Batch(Protocol):
    """Alarms that are read and evaluated together."""

    @property
    def size(self) -> int:
        """How many alarms it has."""
        ...

    def find(self, metrics: MetricStore, status_of: StatusOf, now: float) -> list[Finding]:
        """Evaluate them all; return those that must change."""
        ...


class SingleBatch:
    """Alarms on one metric each, with the same window."""

    def __init__(self, window: Window, plans: Sequence[Plan]) -> None:
        self._window = window
        self._plans = plans
        self._selections = [selection_of(plan.alarm.stat) for plan in plans if plan.alarm.stat is not None]
        self._nothing: list[float | None] = [None] * window.slots

    @property
    def size(self) -> int:
        """How many alarms it has."""
        return len(self._plans)

    def find(self, metrics: MetricStore, status_of: StatusOf, now: float) -> list[Finding]:
        """Evaluate them all; return those that must change. Raises what the store raises."""
        window, nothing = self._window, self._nothing
        start = window.start(now)
        answers = metrics.read_slots(self._selections, start=start, period=window.period, slots=window.slots)
        found: list[Finding] = []
        for plan, answer in zip(self._plans, answers, strict=True):
            status = status_of(plan.name)
            if status is None:
                continue
            values, counts = (nothing, nothing) if answer is None else (answer.values, answer.counts)
            state = plan.state(values, counts, status.state)
            if state is not status.state:
                found.append(Finding(plan, state, plan.evidence(values, counts, start)))
        return found


class MathBatch:
    """One metric math alarm: its metrics, and the expressions over them."""

    def __init__(self, plan: Plan) -> None:
        alarm = plan.alarm
        self._plan = plan
        self._ids = [query.id for query in alarm.queries if query.stat is not None]
        self._selections = [selection_of(stat) for stat in alarm.stats]
        self._program, self._result = make_program(alarm.queries)

    @property
    def size(self) -> int:
        """One."""
        return 1

    def find(self, metrics: MetricStore, status_of: StatusOf, now: float) -> list[Finding]:
        """Evaluate it; return it if it must change. Raises what the store raises."""
        plan = self._plan
        window = plan.window
        status = status_of(plan.name)
        if status is None:
            return []
        start = window.start(now)
        span = {"start": start, "period": window.period, "slots": window.slots}
        nothing: list[float | None] = [None] * window.slots
        answers = metrics.read_slots(self._selections, **span) if self._selections else ()
        series = {
            query_id: nothing if answer is None else answer.values
            for query_id, answer in zip(self._ids, answers, strict=True)
        }
        try:
            values = self._program.evaluate_slots(series, self._result, **span)
        except MetricsRefused:
            if status.evaluation_state is EvaluationState.EVALUATION_ERROR:
                return []
            return [Finding(plan, None, None, EvaluationState.EVALUATION_ERROR)]
        state = plan.state(values, None, status.state)
        if state is status.state and status.evaluation_state is None:
            return []
        return [Finding(plan, state, plan.evidence(values, None, start))]


def make_program(queries: Sequence[MetricQuery]) -> tuple[Program, str]:
    """Return metric math made ready and the id of its result; raises `MetricsRefused`."""
    program = make_plan([Entry(id=query.id, expression=query.expression) for query in queries])
    result = next(query.id for query in queries if query.return_data is not False)
    return program, result


def selection_of(stat: MetricStat) -> Selection:
    """Return what the store is asked for."""
    namespace, name, dimensions = stat.metric.key
    return Selection(namespace, name, dimensions, stat.stat, stat.unit)


class Timetable:
    """Which plans are due when."""

    def __init__(self, settings: MonitoringSettings, batch_size: int) -> None:
        self._settings = settings
        self._batch_size = batch_size
        self._plans: dict[str, tuple[Beat, Plan]] = {}
        self._beats: dict[Beat, dict[str, Plan]] = {}
        self._due: dict[Beat, float] = {}
        #: Made when a beat is due, dropped when one of its alarms changes.
        self._batches: dict[Beat, list[Batch]] = {}

    def add(self, alarm: MetricAlarm, now: float) -> None:
        """Take in a new or changed alarm; its first evaluation comes with its next beat after ``now``."""
        self.remove(alarm.name)
        plan = Plan(alarm, _window_of(alarm, self._settings))
        beat = beat_of(alarm.name, plan.window.period, alarm.evaluation_periods, delay=self._settings.evaluation_delay)
        self._plans[alarm.name] = (beat, plan)
        self._beats.setdefault(beat, {})[alarm.name] = plan
        self._due.setdefault(beat, next_due(beat, now))
        self._batches.pop(beat, None)

    def remove(self, name: str) -> None:
        """Forget an alarm."""
        known = self._plans.pop(name, None)
        if known is None:
            return
        beat, _ = known
        plans = self._beats[beat]
        del plans[name]
        self._batches.pop(beat, None)
        if not plans:
            del self._beats[beat], self._due[beat]

    def get(self, name: str) -> Plan | None:
        """Return the plan of an alarm as it is configured now."""
        known = self._plans.get(name)
        return None if known is None else known[1]

    def next_due(self) -> float | None:
        """Return when the next evaluation is due; None without alarms."""
        return min(self._due.values(), default=None)

    def take_due(self, now: float) -> Iterator[Batch]:
        """Yield what is due at ``now``, and put it down for its next beat."""
        for beat in [beat for beat, due in self._due.items() if due <= now]:
            self._due[beat] = next_due(beat, now)
            batches = self._batches.get(beat)
            if batches is None:
                batches = self._batches[beat] = self._make_batches(self._beats[beat].values())
            yield from batches

    def _make_batches(self, plans: Iterable[Plan]) -> list[Batch]:
        batches: list[Batch] = []
        by_window: dict[Window, list[Plan]] = {}
        for plan in plans:
            if plan.alarm.stat is None:
                batches.append(MathBatch(plan))
            else:
                by_window.setdefault(plan.window, []).append(plan)
        for window, group in by_window.items():
            for at in range(0, len(group), self._batch_size):
                batches.append(SingleBatch(window, group[at : at + self._batch_size]))
        return batches


def _window_of(alarm: MetricAlarm, settings: MonitoringSettings) -> Window:
    period, n = alarm.period, alarm.evaluation_periods
    # CloudWatch looks at metric math without the delay that single metrics have.
    delay = 0.0 if alarm.stat is None else settings.evaluation_delay
    return Window(period, settings.range_of(period, n), delay, is_hourly(period, n))
