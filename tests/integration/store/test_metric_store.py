"""The metric store over real SQLite files."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.bucket import Bucket, merge, of_value
from wakeless.metrics.data_query import get_metric_data
from wakeless.metrics.intake import read_put_metric_data
from wakeless.metrics.periods import DAY, HOUR, LEVELS
from wakeless.metrics.reading import list_metrics
from wakeless.metrics.series import MetricId, Sample
from wakeless.metrics.statistics import parse_statistic
from wakeless.metrics.statistics_query import get_metric_statistics
from wakeless.monitoring.ports import Selection, Slots
from wakeless.store.metric_store import MetricStore
from wakeless.store.sqlite import StoreUnavailable

NOW = datetime(2026, 3, 1, 12, 30, 20, tzinfo=UTC)
NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
METRIC = MetricId("N", "latency", (("Host", "a"),))
AVERAGE = Selection("N", "latency", (("Host", "a"),), "Average")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.db"


@pytest.fixture
def store(path: Path) -> Iterator[MetricStore]:
    opened = MetricStore.open(path)
    yield opened
    opened.close()


def sample(at: int, value: float = 1.0, metric: MetricId = METRIC, unit: str = "None", resolution: int = 60) -> Sample:
    return Sample(metric, unit, at // resolution * resolution, resolution, of_value(value))


def read(
    store: MetricStore, selection: Selection = AVERAGE, *, start: int = NOON, period: int = 60, slots: int = 5
) -> list[float | None]:
    [answer] = store.read_slots([selection], start=start, period=period, slots=slots)
    return [None] * slots if answer is None else answer.values


def everything(store: MetricStore, metric: MetricId = METRIC) -> Bucket:
    units = store.read_buckets(metric, 0, NOON + 400 * DAY)
    return merge([bucket for buckets in units.values() for bucket in buckets.values()])


async def compact_all(store: MetricStore, now: datetime, limit: int = 4000) -> int:
    steps = 1
    while (await store.compact(now, limit)).more:
        steps += 1
    return steps


async def test_what_was_put_is_read_in_its_slot(store: MetricStore) -> None:
    await store.put([sample(NOON, 2.0), sample(NOON, 4.0), sample(NOON + 120, 9.0)], NOW)
    assert read(store) == [3.0, None, 9.0, None, None]
    [answer] = store.read_slots([AVERAGE], start=NOON, period=60, slots=5)
    assert answer == Slots([3.0, None, 9.0, None, None], [2.0, None, 1.0, None, None])


async def test_slots_need_not_be_aligned_to_their_period(store: MetricStore) -> None:
    await store.put([sample(NOON + 60 * minute, float(minute)) for minute in range(10)], NOW)
    total = Selection("N", "latency", (("Host", "a"),), "Sum")
    assert read(store, total, start=NOON + 120, period=300, slots=2) == [2 + 3 + 4 + 5 + 6, 7 + 8 + 9]


async def test_a_metric_without_samples_answers_none(store: MetricStore) -> None:
    assert store.read_slots([AVERAGE, AVERAGE], start=NOON, period=60, slots=5) == [None, None]
    await store.put([sample(NOON - 3600)], NOW)
    assert list(store.read_slots([AVERAGE], start=NOON, period=60, slots=5)) == [None]


async def test_percentiles_are_computed_over_several_puts_and_minutes(store: MetricStore) -> None:
    for value in range(1, 101):
        await store.put([sample(NOON + 60 * (value % 5), float(value))], NOW)
    p90 = Selection("N", "latency", (("Host", "a"),), "p90")
    assert read(store, p90, period=300, slots=1) == [90.0]
    trimmed = Selection("N", "latency", (("Host", "a"),), "TM(10%:90%)")
    assert read(store, trimmed, period=300, slots=1) == [pytest.approx(50.5)]


async def test_an_alarm_with_a_unit_sees_that_unit_and_one_without_sees_all(store: MetricStore) -> None:
    await store.put([sample(NOON, 1.0, unit="Seconds"), sample(NOON, 5.0, unit="Bytes")], NOW)
    dimensions = (("Host", "a"),)
    assert read(store, Selection("N", "latency", dimensions, "Sum", "Seconds"), slots=1) == [1.0]
    assert read(store, Selection("N", "latency", dimensions, "Sum", "Bytes"), slots=1) == [5.0]
    assert read(store, Selection("N", "latency", dimensions, "Sum", "Percent"), slots=1) == [None]
    assert read(store, Selection("N", "latency", dimensions, "Sum"), slots=1) == [6.0]


async def test_high_resolution_samples_fill_slots_of_ten_seconds(store: MetricStore) -> None:
    await store.put([sample(NOON + second, float(second), resolution=1) for second in (0, 3, 12, 29)], NOW)
    assert read(store, period=10, slots=4) == [1.5, 12.0, 29.0, None]
    assert read(store, period=60, slots=1) == [11.0]


async def test_late_samples_reach_a_window_that_was_read_before(store: MetricStore) -> None:
    assert read(store) == [None] * 5
    await store.put([sample(NOON + 120, 3.0)], NOW)
    assert read(store) == [None, None, 3.0, None, None]
    await store.put([sample(NOON, 1.0), sample(NOON + 120, 5.0)], NOW)
    assert read(store) == [1.0, None, 4.0, None, None]
    # Much later than the window that is followed in memory.
    await store.put([sample(NOON - 3000, 7.0)], NOW)
    assert read(store, start=NOON - 3000, slots=1) == [7.0]
    assert read(store) == [1.0, None, 4.0, None, None]


async def test_windows_of_hours_are_read_from_the_file(store: MetricStore) -> None:
    await store.put([sample(NOON - 3600 * hour, float(hour)) for hour in range(24)], NOW)
    assert read(store, start=NOON - 23 * 3600, period=3600, slots=24) == [float(hour) for hour in range(23, -1, -1)]
    p50 = Selection("N", "latency", (("Host", "a"),), "p50", "None")
    assert read(store, p50, start=NOON - 23 * 3600, period=86400, slots=1) == [11.0]
    # And the short window of the same metric is still right.
    assert read(store, slots=1) == [0.0]


def naive(samples: Sequence[Sample], statistic: str, start: int, period: int, slots: int) -> list[float | None]:
    answer: list[float | None] = []
    for slot in range(slots):
        first = start + slot * period
        found = [one.bucket for one in samples if first <= one.at < first + period]
        answer.append(parse_statistic(statistic).of(merge(found)) if found else None)
    return answer


@given(seed=st.integers(min_value=0, max_value=10**6))
async def test_memory_and_file_agree_with_a_naive_reading(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = random.Random(seed)
    store = MetricStore.open(tmp_path_factory.mktemp("naive") / "metrics.db")
    try:
        put: list[Sample] = []
        for step in range(rng.randint(1, 8)):
            now = NOON + step * 60
            batch = [
                sample(
                    now - rng.choice([0, 7, 60, 200, 1000, 5000]),
                    float(rng.randint(0, 9)),
                    resolution=rng.choice([1, 60]),
                )
                for _ in range(rng.randint(1, 5))
            ]
            await store.put(batch, NOW)
            put.extend(batch)
            for period, slots in ((60, 6), (300, 5), (10, 9), (3600, 3)):
                statistic = rng.choice(["Sum", "p50", "Maximum", "SampleCount"])
                selection = Selection("N", "latency", (("Host", "a"),), statistic)
                unit = 60 if period >= 60 else period
                start = now // unit * unit - period * (slots - 1) + rng.choice([0, 60])
                expected = naive(put, statistic, start, period, slots)
                assert read(store, selection, start=start, period=period, slots=slots) == pytest.approx(expected)
    finally:
        store.close()


async def test_puts_at_the_same_time_are_all_counted_once(store: MetricStore) -> None:
    total = Selection("N", "latency", (("Host", "a"),), "SampleCount")

    async def put_and_look() -> None:
        for _ in range(20):
            await store.put([sample(NOON)], NOW)
            store.read_slots([total], start=NOON, period=60, slots=1)

    await asyncio.gather(*(put_and_look() for _ in range(10)))
    assert read(store, total, slots=1) == [200.0]
    assert everything(store).samples == 200.0


async def test_who_no_longer_waits_changes_nothing(store: MetricStore) -> None:
    read(store)
    for _ in range(20):
        task = asyncio.create_task(store.put([sample(NOON)], NOW))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await store.put([sample(NOON + 60)], NOW)
    count = Selection("N", "latency", (("Host", "a"),), "SampleCount")
    assert read(store, count, slots=2) == [20.0, 1.0]
    assert everything(store).samples == 21.0


async def test_samples_outlive_the_process_that_put_them(path: Path) -> None:
    first = MetricStore.open(path)
    await first.put([sample(NOON, 2.0), sample(NOON, 4.0)], NOW)
    first.close()
    second = MetricStore.open(path)
    try:
        assert read(second, slots=1) == [3.0]
        await second.put([sample(NOON, 9.0)], NOW)
        assert read(second, slots=1) == [5.0]
        assert everything(second) == Bucket(3.0, 15.0, 2.0, 9.0, {2.0: 1.0, 4.0: 1.0, 9.0: 1.0})
    finally:
        second.close()


async def test_after_closing_nothing_is_taken(path: Path) -> None:
    store = MetricStore.open(path)
    store.close()
    with pytest.raises(StoreUnavailable):
        await store.put([sample(NOON)], NOW)


KILLED = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from wakeless.metrics.bucket import of_value
from wakeless.metrics.series import MetricId, Sample
from wakeless.store.metric_store import MetricStore

async def main():
    store = MetricStore.open(Path(sys.argv[1]))
    number = 0
    while True:
        batch = [Sample(MetricId("N", f"m{i}"), "None", number * 60, 60, of_value(1.0)) for i in range(50)]
        await store.put(batch, datetime.fromtimestamp(number * 60, UTC))
        number += 1
        print(number, flush=True)

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_acknowledged_and_keeps_calls_whole(path: Path) -> None:
    acknowledged = 0
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged == 40:
                process.send_signal(signal.SIGKILL)
    store = MetricStore.open(path)
    try:
        counts = {everything(store, MetricId("N", f"m{i}")).samples for i in range(50)}
        assert len(counts) == 1
        # The call that ran when it died may have been committed.
        assert counts.pop() in (acknowledged, acknowledged + 1)
    finally:
        store.close()


async def test_ten_thousand_distinct_values_in_a_minute_stay_small(store: MetricStore) -> None:
    for part in range(10):
        values = [sample(NOON, 100 + (part * 1000 + i) / 7) for i in range(1000)]
        await store.put(values, NOW)
    found = everything(store)
    assert found.samples == 10_000
    assert found.spread is not None
    assert len(found.spread) <= 2000
    median = parse_statistic("p50").of(found)
    assert median == pytest.approx(100 + 5000 / 7, rel=0.01)


# Listing


def listed(store: MetricStore, now: datetime = NOW, **request: Any) -> list[str]:
    return [metric["MetricName"] for metric in list_metrics(request, now, store)["Metrics"]]


async def test_metrics_are_found_by_namespace_name_and_dimensions(store: MetricStore) -> None:
    metrics = [
        MetricId("A", "one", (("Host", "a"), ("Zone", "z"))),
        MetricId("A", "two", (("Host", "b"),)),
        MetricId("B", "three"),
        MetricId("B", "odd", (('Na"me', 'va"]lue'), ("Quote", '["Host","a"]'))),
    ]
    await store.put([sample(NOON, metric=metric) for metric in metrics], NOW)
    assert listed(store) == ["one", "two", "three", "odd"]
    assert listed(store, Namespace="A") == ["one", "two"]
    assert listed(store, MetricName="three") == ["three"]
    assert listed(store, Dimensions=[{"Name": "Host"}]) == ["one", "two"]
    assert listed(store, Dimensions=[{"Name": "Host", "Value": "a"}]) == ["one"]
    assert listed(store, Dimensions=[{"Name": "Host", "Value": "a"}, {"Name": "Zone", "Value": "z"}]) == ["one"]
    assert listed(store, Dimensions=[{"Name": 'Na"me', "Value": 'va"]lue'}]) == ["odd"]
    assert listed(store, Dimensions=[{"Name": "Host", "Value": "%"}]) == []
    assert listed(store, Namespace="a") == []


async def test_a_metric_without_data_for_two_weeks_is_not_listed(store: MetricStore) -> None:
    await store.put([sample(NOON, metric=MetricId("N", "old"))], NOW)
    await store.put([sample(NOON + 13 * DAY, metric=MetricId("N", "new"))], NOW + timedelta(days=13))
    assert listed(store, NOW + timedelta(days=13)) == ["old", "new"]
    assert listed(store, NOW + timedelta(days=15)) == ["new"]
    await store.put([sample(NOON + 15 * DAY, metric=MetricId("N", "old"))], NOW + timedelta(days=15))
    assert listed(store, NOW + timedelta(days=15)) == ["old", "new"]


async def test_recently_active_means_the_last_three_hours(store: MetricStore) -> None:
    await store.put([sample(NOON - 4 * HOUR, metric=MetricId("N", "idle")), sample(NOON)], NOW)
    assert listed(store) == ["idle", "latency"]
    assert listed(store, RecentlyActive="PT3H") == ["latency"]


async def test_listing_gives_pages_of_five_hundred(store: MetricStore) -> None:
    names = [f"m{i:04d}" for i in range(1201)]
    await store.put([sample(NOON, metric=MetricId("N", name)) for name in names], NOW)
    found: list[str] = []
    sizes: list[int] = []
    request: dict[str, Any] = {"Namespace": "N"}
    while True:
        answer = list_metrics(request, NOW, store)
        sizes.append(len(answer["Metrics"]))
        found.extend(metric["MetricName"] for metric in answer["Metrics"])
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert found == names
    assert sizes == [500, 500, 201]


# The API's reads over the file


@pytest.fixture
async def filled(store: MetricStore) -> MetricStore:
    request = {
        "Namespace": "CustomNamespace",
        "MetricData": [
            {
                "MetricName": "webapp-uptime",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Timestamp": NOW - timedelta(minutes=minute),
                "Value": float(minute % 2),
                "Unit": "Count",
            }
            for minute in range(30)
        ],
    }
    await store.put(read_put_metric_data(request, NOW).samples, NOW)
    return store


async def test_statistics_are_read_on_another_thread(filled: MetricStore) -> None:
    request = {
        "Namespace": "CustomNamespace",
        "MetricName": "webapp-uptime",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "StartTime": NOW - timedelta(minutes=30),
        "EndTime": NOW,
        "Period": 600,
        "Statistics": ["Sum", "SampleCount"],
    }
    answer: Any = await filled.answer(partial(get_metric_statistics, request, NOW))
    points = sorted((p["Timestamp"], p["Sum"], p["SampleCount"], p["Unit"]) for p in answer["Datapoints"])
    first = NOW.replace(minute=0, second=0)
    assert points == [
        (first, 5.0, 9.0, "Count"),
        (first + timedelta(minutes=10), 5.0, 10.0, "Count"),
        (first + timedelta(minutes=20), 5.0, 10.0, "Count"),
        (first + timedelta(minutes=30), 0.0, 1.0, "Count"),
    ]


async def test_data_is_read_with_expressions(filled: MetricStore) -> None:
    metric = {
        "Namespace": "CustomNamespace",
        "MetricName": "webapp-uptime",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    }
    request = {
        "MetricDataQueries": [
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}, "ReturnData": False},
            {"Id": "e1", "Expression": "IF(m1 < 1, 100, 0)"},
        ],
        "StartTime": NOW - timedelta(minutes=3),
        "EndTime": NOW,
    }
    answer: Any = await filled.answer(partial(get_metric_data, request, NOW))
    assert answer["MetricDataResults"][0]["Values"] == [100.0, 0.0, 100.0, 0.0]


# Ageing


async def test_each_level_is_rolled_up_into_the_next_and_the_last_deleted(store: MetricStore) -> None:
    samples = [sample(NOON + second, float(second), resolution=1) for second in range(0, 120, 5)]
    await store.put(samples, NOW)
    await store.put([sample(NOON + 60 * minute, 500.0) for minute in range(2, 70)], NOW)
    before = everything(store)

    def starts() -> list[int]:
        return sorted(store.read_buckets(METRIC, 0, NOON + DAY)["None"])

    async def age(seconds: int) -> list[int]:
        await compact_all(store, datetime.fromtimestamp(NOON + seconds, UTC))
        return starts()

    assert len(await age(2 * HOUR)) == 24 + 68
    assert await age(3 * HOUR + 3 * 60) == [NOON + 60 * minute for minute in range(70)]
    assert await age(15 * DAY + 2 * HOUR) == [NOON + 300 * i for i in range(14)]
    assert await age(63 * DAY + 2 * HOUR) == [NOON, NOON + 3600]
    after = everything(store)
    assert after == before
    assert await age(455 * DAY) == [NOON, NOON + 3600]
    await compact_all(store, datetime.fromtimestamp(NOON + 457 * DAY, UTC))
    assert store.read_buckets(METRIC, 0, NOON + DAY) == {}


async def test_a_metric_whose_data_is_gone_is_forgotten_and_can_come_back(store: MetricStore) -> None:
    await store.put([sample(NOON)], NOW)
    for days in (16, 64, 456, 457, 458):
        await compact_all(store, NOW + timedelta(days=days))
        # Something else ages too, so that there is always something to delete.
        await store.put([sample(NOON - (456 - days) * DAY, metric=MetricId("N", "other"))], NOW)
    later = NOW + timedelta(days=500)
    await store.put([sample(NOON + 500 * DAY, 8.0)], later)
    assert read(store, start=NOON + 500 * DAY, slots=1) == [8.0]


async def test_ageing_happens_in_steps_and_a_half_done_one_loses_nothing(store: MetricStore) -> None:
    await store.put([sample(NOON + second, float(second), resolution=1) for second in range(600)], NOW)
    later = NOW + timedelta(hours=4)
    total = Selection("N", "latency", (("Host", "a"),), "Sum")
    for _ in range(5):
        step = await store.compact(later, limit=100)
        assert (step.rolled_up, step.more) == (100, True)
        assert everything(store)[:2] == (600.0, sum(range(600)))
        assert read(store, total, period=600, slots=1) == [sum(range(600))]
    assert await compact_all(store, later, limit=100) == 2
    assert len(store.read_buckets(METRIC, 0, NOON + DAY)["None"]) == 10


@given(
    given_samples=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=7200),
            st.integers(min_value=-3, max_value=1000),
            st.sampled_from([1, 60]),
            st.sampled_from(["None", "Seconds"]),
        ),
        min_size=1,
        max_size=40,
    ),
    limit=st.integers(min_value=1, max_value=15),
)
async def test_rolling_up_keeps_count_sum_extremes_and_distribution(
    given_samples: list[tuple[int, int, int, str]], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = MetricStore.open(tmp_path_factory.mktemp("roll") / "metrics.db")
    try:
        await store.put(
            [
                sample(NOON + at, float(value), resolution=resolution, unit=unit)
                for at, value, resolution, unit in given_samples
            ],
            NOW,
        )
        before = {
            unit: merge(list(buckets.values())) for unit, buckets in store.read_buckets(METRIC, 0, NOON + DAY).items()
        }
        for level in LEVELS[:3]:
            await compact_all(store, datetime.fromtimestamp(NOON + level.kept + 4 * HOUR, UTC), limit)
        rolled = store.read_buckets(METRIC, 0, NOON + DAY)
        assert {at % 3600 for buckets in rolled.values() for at in buckets} == {0}
        after = {unit: merge(list(buckets.values())) for unit, buckets in rolled.items()}
        assert {unit: (*bucket[:4], bucket.distribution()) for unit, bucket in after.items()} == {
            unit: (*bucket[:4], bucket.distribution()) for unit, bucket in before.items()
        }
    finally:
        store.close()


async def test_one_second_samples_that_come_after_their_level_are_kept_by_the_minute(store: MetricStore) -> None:
    await store.put([sample(NOON - 4 * HOUR + 7, 3.0, resolution=1)], NOW)
    assert list(store.read_buckets(METRIC, 0, NOON + DAY)["None"]) == [NOON - 4 * HOUR]


async def test_series_that_nobody_looks_at_are_forgotten_in_memory_and_read_again(store: MetricStore) -> None:
    await store.put([sample(NOON, 2.0)], NOW)
    same = Selection("N", "latency", (("Host", "a"),), "Average")
    assert read(store, slots=1) == [2.0]
    await store.compact(NOW + timedelta(hours=3))
    await store.put([sample(NOON, 4.0)], NOW)
    assert read(store, slots=1) == [3.0]
    await store.put([sample(NOON, 6.0)], NOW)
    # Both the plan that was made before the sweep and a new one follow what is put.
    assert read(store, slots=1) == [4.0]
    assert read(store, same, slots=1) == [4.0]
