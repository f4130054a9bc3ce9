from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.bucket import (
    DISTINCT_LIMIT,
    Bucket,
    merge,
    merge_plain,
    of_value,
    of_values,
    pack_spread,
    thin,
    unpack_spread,
)

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
positive = st.floats(min_value=0, max_value=1e6, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=60))
def test_merging_keeps_count_sum_and_extremes(values: list[float]) -> None:
    merged = merge([of_value(value) for value in values])
    assert merged.samples == len(values)
    assert merged.total == pytest.approx(math.fsum(values), rel=1e-9, abs=1e-6)
    assert (merged.minimum, merged.maximum) == (min(values), max(values))
    assert merge_plain([of_value(value) for value in values])[:4] == merged[:4]


@given(st.lists(positive, min_size=1, max_size=60), st.integers(min_value=0, max_value=60))
def test_merging_in_parts_gives_the_same_distribution_as_at_once(values: list[float], cut: int) -> None:
    whole = merge([of_value(value) for value in values]).distribution()
    parts = [merge([of_value(value) for value in part]) for part in (values[:cut], values[cut:]) if part]
    assert merge(parts).distribution() == pytest.approx(whole)
    assert whole is not None
    assert sum(whole.values()) == len(values)


def test_a_statistic_set_of_one_value_has_a_distribution() -> None:
    assert Bucket(4.0, 20.0, 5.0, 5.0).distribution() == {5.0: 4.0}
    assert Bucket(1.0, 7.0, 7.0, 7.0).distribution() == {7.0: 1.0}


@pytest.mark.parametrize(
    "bucket",
    [Bucket(4.0, 20.0, 1.0, 9.0), Bucket(3.0, 7.0, 5.0, 5.0), Bucket(1.0, -2.0, -2.0, -2.0)],
    ids=["different extremes", "a sum that cannot be", "negative"],
)
def test_other_statistic_sets_have_none(bucket: Bucket) -> None:
    assert bucket.distribution() is None


def test_a_statistic_set_takes_the_distribution_from_what_it_is_merged_with() -> None:
    merged = merge([of_value(3.0), of_value(4.0), Bucket(4.0, 20.0, 1.0, 9.0)])
    assert merged.distribution() is None
    assert merged[:4] == (6.0, 27.0, 1.0, 9.0)


def test_a_negative_value_takes_the_distribution_away() -> None:
    assert merge([of_value(3.0), of_value(-1.0)]).distribution() is None
    assert of_values([(-1.0, 2.0), (3.0, 1.0)]) == Bucket(3.0, 1.0, -1.0, 3.0, None)


def test_values_come_with_counts_and_repeated_ones_are_added() -> None:
    bucket = of_values([(1.0, 2.0), (3.0, 0.5), (1.0, 1.0), (9.0, 0.0)])
    assert bucket == Bucket(3.5, 4.5, 1.0, 3.0, {1.0: 3.0, 3.0: 0.5})
    assert of_values([(1.0, 0.0)]) is None


def test_sums_of_many_equal_fractions_still_count_as_one_value() -> None:
    merged = merge([of_value(0.1) for _ in range(1000)])
    assert merged.distribution() == {0.1: 1000.0}


@given(st.floats(min_value=1.1, max_value=1e9), st.integers(min_value=1, max_value=4))
def test_thinning_moves_no_value_by_more_than_half_a_percent_where_bins_suffice(top: float, seed: int) -> None:
    spread = {1 + (top - 1) * ((i * 7919 * seed) % 5000) / 5000: 1.0 for i in range(5000)}
    thinned = thin(spread)
    assert len(thinned) <= max(DISTINCT_LIMIT, len(spread))
    assert sum(thinned.values()) == sum(spread.values())
    assert (min(thinned), max(thinned)) == (min(spread), max(spread))
    before, after = _expand(spread), _expand(thinned)
    worst = max(abs(a - b) / b for a, b in zip(after, before, strict=True))
    assert worst <= (0.0101 if top < 1e7 else 0.03)


def _expand(spread: dict[float, float]) -> list[float]:
    return [value for value in sorted(spread) for _ in range(int(spread[value]))]


def test_a_distribution_never_outgrows_its_limit() -> None:
    merged = merge([of_value(math.exp(i / 20)) for i in range(4 * DISTINCT_LIMIT)])
    assert merged.spread is not None
    assert len(merged.spread) <= DISTINCT_LIMIT
    assert merged.samples == 4 * DISTINCT_LIMIT


@given(st.dictionaries(positive, positive, max_size=50) | st.none())
def test_packing_a_distribution_loses_nothing(spread: dict[float, float] | None) -> None:
    assert unpack_spread(pack_spread(spread)) == spread
