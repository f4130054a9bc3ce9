"""Metric math: the tables of CloudWatch's user guide, and what must never happen."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.errors import BadExpression, MetricsRefused, ValidationFailed
from wakeless.metrics.expressions.functions import FUNCTIONS, UNSUPPORTED
from wakeless.metrics.expressions.parser import MAX_DEPTH, MAX_LENGTH, parse
from wakeless.metrics.expressions.plan import Entry, Plan, make_plan
from wakeless.metrics.expressions.shapes import Form
from wakeless.metrics.expressions.values import MAX_POINTS, Context, Series

Row = Sequence[float | None]
START = int(datetime(2026, 1, 3, 23, 58, tzinfo=UTC).timestamp())  # a Saturday


def plan_of(expression: str, *metrics: str, **more: str) -> Plan:
    entries = [Entry(id=name) for name in metrics] + [Entry(id=name, expression=text) for name, text in more.items()]
    return make_plan([*entries, Entry(id="result", expression=expression)])


def compute(expression: str, **metrics: Row) -> list[float | None]:
    slots = max((len(row) for row in metrics.values()), default=3)
    plan = plan_of(expression, *metrics)
    plan.check_alarm("result", slots)
    return plan.evaluate_slots(metrics, "result", start=START, period=60, slots=slots)


def refusal(expression: str, *metrics: str, **more: str) -> str:
    with pytest.raises(ValidationFailed) as refused:
        plan_of(expression, *(metrics or ("m1", "m2")), **more)
    return str(refused.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 < m2", [0, 0, 1, 0]),
        ("m1 >= 30", [1, 0, 0, 0]),
        ("m1 > 15 AND m2 > 15", [1, 0, 0, 0]),
        ("m1 > 15 && m2 > 15", [1, 0, 0, 0]),
        ("m1 > 15 OR m2 > 15", [1, 1, 1, 0]),
        ("m1 > 15 || m2 > 15", [1, 1, 1, 0]),
        ("m1 == m2", [0, 0, 0, 1]),
        ("m1 != m2", [1, 1, 1, 0]),
        ("m1 <= m2", [0, 0, 1, 1]),
    ],
)
def test_comparisons_of_the_guide(expression: str, expected: Row) -> None:
    assert compute(expression, m1=[30, 20, 0, 0], m2=[20, None, 20, None]) == expected


@pytest.mark.parametrize(
    ("yes", "no", "expected"),
    [
        ("a", "b", [30, 0, 20, None, None]),
        ("5", "b", [5, 5, 20, None, None]),
        ("a", "5", [30, 0, 5, 5, None]),
        ("a", None, [30, 0, None, None, None]),
        ("1", "0", [1, 1, 0, 0, None]),
    ],
)
def test_if_follows_the_tables_of_the_guide(yes: str, no: str | None, expected: Row) -> None:
    rows: dict[str, Row] = {"c": [1, 1, 0, 0, None], "a": [30, None, 0, 0, 30], "b": [0, 0, 20, None, 20]}
    assert compute(f"IF(c, {yes}{f', {no}' if no else ''})", **rows) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(1 > 0, a, b)", [1, None, 3]),
        ("IF(1 < 0, a, b)", [None, 5, 6]),
        ("IF(0, a)", [None, None, None]),
        ("IF(1 > 0, 7, b)", [7, 7, 7]),
        ("IF(-1, a, b)", [1, None, 3]),
        ("a * IF(1 > 0, 2, 3)", [2, None, 6]),
    ],
)
def test_if_with_a_number_as_its_condition(expression: str, expected: Row) -> None:
    assert compute(expression, a=[1, None, 3], b=[None, 5, 6]) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", [5, 2, 3, None]),
        ("m1 - m2", [-1, 2, -3, None]),
        ("m1 * m2", [6, 0, 0, None]),
        ("m1 / m2", [pytest.approx(2 / 3), None, 0, None]),
        ("m2 / m1", [1.5, 0, None, None]),
        ("m1 ^ m2", [8, 1, 0, None]),
        ("-m1", [-2, -2, None, None]),
        ("5 * m1", [10, 10, None, None]),
        ("100 / m1", [50, 50, None, None]),
        ("m1 / 0", [None, None, None, None]),
        ("m1 * (1 / 0)", [None, None, None, None]),
        ("m1 + AVG(m2) - 3", [2, 2, None, None]),
    ],
)
def test_a_missing_operand_is_zero_and_a_division_by_zero_no_point(expression: str, expected: Row) -> None:
    assert compute(expression, m1=[2, 2, None, None], m2=[3, None, 3, None]) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("10 - 4 - 3", 3),
        ("100 / 10 / 5", 2),
        ("--3", 3),
        ("1 + 1 == 2", 1),
        ("1 == 2 OR 3 < 4 AND 0", 0),
        ("1 OR 0 AND 0", 1),
        (".5 + 5.", 5.5),
        ("1e3", 1000),
        ("2.5E-1", 0.25),
    ],
)
def test_operators_bind_as_usual(expression: str, expected: float) -> None:
    assert compute(f"TIME_SERIES({expression})") == [expected] * 3


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ABS(m)", [1, 2.5, None, 4]),
        ("CEIL(m)", [1, -2, None, 4]),
        ("FLOOR(m)", [1, -3, None, 4]),
        ("LOG(m)", [0, None, None, math.log(4)]),
        ("LOG10(m * 25)", [pytest.approx(math.log10(25)), None, None, 2]),
        ("DIFF(m)", [None, -3.5, None, 6.5]),
        ("DIFF_TIME(m)", [None, 60, None, 120]),
        ("RATE(m)", [None, -3.5 / 60, None, 6.5 / 120]),
        ("RUNNING_SUM(m)", [1, -1.5, None, 2.5]),
        ("FILL(m, 0)", [1, -2.5, 0, 4]),
        ("FILL(m, -MIN(m))", [1, -2.5, 2.5, 4]),
        ("FILL(m, REPEAT)", [1, -2.5, -2.5, 4]),
        ("FILL(m, LINEAR)", [1, -2.5, 0.75, 4]),
        ("m * 0 + SUM(m)", [2.5, 2.5, None, 2.5]),
        ("m * 0 + AVG(m)", [pytest.approx(2.5 / 3), pytest.approx(2.5 / 3), None, pytest.approx(2.5 / 3)]),
        ("m * 0 + MIN(m)", [-2.5, -2.5, None, -2.5]),
        ("m * 0 + MAX(m)", [4, 4, None, 4]),
        ("m * 0 + DATAPOINT_COUNT(m)", [3, 3, None, 3]),
        ("m / PERIOD(m)", [1 / 60, -2.5 / 60, None, 4 / 60]),
        ("TIME_SERIES(MAX(m))", [4, 4, 4, 4]),
        ("MINUTE(m)", [58, 59, 0, 1]),
        ("HOUR(m)", [23, 23, 0, 0]),
        ("DAY(m)", [6, 6, 7, 7]),
        ("DATE(m)", [3, 3, 4, 4]),
        ("MONTH(m)", [1, 1, 1, 1]),
        ("YEAR(m)", [2026, 2026, 2026, 2026]),
        ("EPOCH(m) - EPOCH(m) + 1", [1, 1, 1, 1]),
        ("IF(DAY(m) < 7, m)", [1, -2.5, None, None]),
    ],
)
def test_functions_of_one_series(expression: str, expected: Row) -> None:
    assert compute(expression, m=[1, -2.5, None, 4]) == expected


def test_the_deviation_is_that_of_the_whole_population() -> None:
    assert compute("TIME_SERIES(STDDEV(m))", m=[2, 4, 4, 4, 5, 5, 7, 9])[0] == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("SUM([a, b, c])", [6, 7, 5, None]),
        ("AVG([a, b, c])", [2, pytest.approx(7 / 3), pytest.approx(5 / 3), None]),
        ("MIN([a, b, c])", [1, 2, 5, None]),
        ("MAX([a, b, c])", [3, 5, 5, None]),
        ("STDDEV([a, b])", [0.5, 0, None, None]),
        ("DATAPOINT_COUNT([a, b, c])", [3, 2, 1, None]),
        ("SUM(METRICS())", [6, 7, 5, None]),
        ('SUM(METRICS("b"))', [2, 2, None, None]),
        ("SUM([METRICS('a'), METRICS('c')])", [4, 5, 5, None]),
        ('SUM(METRICS("none"))', [None, None, None, None]),
        ("SUM(100 / [a, b])", [150, 50, None, None]),
        ("MAX(-[a, b])", [-1, -2, None, None]),
        ("AVG([a, b] / c)", [0.5, 0.2, 0, None]),
        ("SUM([a, b] > 1)", [1, 1, None, None]),
        ("MIN(ABS([a, b]))", [1, 2, None, None]),
        ("SUM(FILL(METRICS(), 0))", [6, 7, 5, 0]),
        ("SUM(FILL([a, b], c))", [3, 7, 10, None]),
        ("SUM(RATE([a, b]))", [None, 0, None, None]),
        ("FIRST([a, b])", [1, None, None, None]),
        ("LAST([a, b])", [2, 2, None, None]),
        ("FIRST(SORT(METRICS(), SUM, DESC))", [3, 5, 5, None]),
        ("FIRST(SORT(METRICS(), MAX, ASC))", [1, None, None, None]),
        ("SUM(SORT(METRICS(), AVG, DESC, 2))", [5, 7, 5, None]),
        ("SUM(SLICE(METRICS(), 1))", [5, 7, 5, None]),
        ("SUM(SLICE(METRICS(), 0, 2))", [3, 2, None, None]),
        ("SLICE(METRICS(), 1, 2)", [2, 2, None, None]),
        ("SUM(SLICE(METRICS(), 9))", [None, None, None, None]),
        ("SUM(REMOVE_EMPTY([a, b]))", [3, 2, None, None]),
        ("a / METRIC_COUNT(METRICS())", [pytest.approx(1 / 3), None, None, None]),
        ("METRIC_COUNT(REMOVE_EMPTY([a, a / 0])) * a", [1, None, None, None]),
        ("SUM(METRICS()) / SUM(b)", [1.5, 1.75, 1.25, None]),
    ],
)
def test_functions_of_arrays(expression: str, expected: Row) -> None:
    rows: dict[str, Row] = {"a": [1, None, None, None], "b": [2, 2, None, None], "c": [3, 5, 5, None]}
    assert compute(expression, **rows) == expected


def test_what_stands_for_a_gap_reaches_no_further_than_the_data() -> None:
    row: Row = [None, 2, None, None, 8, None]
    assert compute("FILL(m, REPEAT)", m=row) == [None, 2, 2, 2, 8, 8]
    assert compute("FILL(m, LINEAR)", m=row) == [None, 2, 4, 6, 8, None]
    assert compute("FILL(m, n)", m=row, n=[1, 1, 1, None, 1, 1]) == [1, 2, 1, None, 8, 1]
    assert compute("FILL(m, 0)", m=[None, None]) == [0, 0]


def test_expressions_may_need_each_other_in_any_order() -> None:
    entries = [
        Entry(id="e2", expression="e1 + m1"),
        Entry(id="e1", expression="m1 * 2"),
        Entry(id="m1"),
        Entry(id="unused", expression="m2 + 1"),
        Entry(id="m2"),
    ]
    plan = make_plan(entries)
    assert plan.needed(["e2"]) == {"e2", "e1", "m1"}
    assert plan.evaluate_slots({"m1": [1, 2]}, "e2", start=START, period=60, slots=2) == [3, 6]


def test_metrics_means_metrics_and_no_expressions() -> None:
    plan = plan_of("SUM(METRICS())", "m1", "m2", e1="m1 * 100")
    assert plan.evaluate_slots({"m1": [1], "m2": [2]}, "result", start=START, period=60, slots=1) == [3]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("m1 +", "the expression ends where a value should stand"),
        ("(m1", "the expression ends where ')' should stand"),
        ("m1 m2", "unexpected 'm2' at character 4"),
        ("m1 @ m2", "unexpected '@' at character 4"),
        ("m1 = m2", "unexpected '=' at character 4"),
        ("+m1", "unexpected '+' at character 1"),
        ("m3", "unknown id m3 at character 1"),
        ("sum(m1)", "functions are written in upper case: SUM"),
        ("SUMM(m1)", "unknown function SUMM at character 1; did you mean SUM?"),
        ("EVAL(m1)", "unknown function EVAL"),
        ("SUM()", "it takes 1 argument, not 0"),
        ("FILL(m1)", "it takes 2 arguments, not 1"),
        ("IF(m1)", "it takes 2 to 3 arguments, not 1"),
        ("ABS(5)", "argument 1 must be a time series or an array of time series, not a number"),
        ("ABS(AVG(m1))", "not a number"),
        ("FILL(m1, ZERO)", "argument 2 must be one of REPEAT, LINEAR"),
        ("FILL(m1, [m1, m2])", "argument 2 must be a number or a time series"),
        ("SORT(METRICS(), MEDIAN, ASC)", "argument 2 must be one of AVG, MIN, MAX, SUM"),
        ("SORT(METRICS(), AVG, DOWN)", "argument 3 must be one of ASC, DESC"),
        ("FIRST(m1)", "argument 1 must be an array of time series, not a time series"),
        ("[m1, m2] + [m1, m2]", "two arrays of time series cannot be combined"),
        ("[m1, 5]", "TIME_SERIES makes one of a number"),
        ("[]", "an array needs at least one time series"),
        ("PERIOD(m1 + m2)", "the id of a metric"),
        ("IF([m1, m2], 1, 0)", "argument 1 must be a number or a time series"),
        ("m1 + 'text'", "a text"),
        ("'text'", "a text is no result"),
        ("AVG", "a word is no result"),
        ("-REPEAT", "cannot be negated"),
        ('"open', "has no end"),
        ("METRICS(m1)", "it takes one text in quotes"),
        ("METRICS('a', 'b')", "it takes one text in quotes"),
        ("1e999 * m1", "too large"),
        ("1.2.3", "unexpected"),
        ("3m1", "unexpected"),
        ("m1" + " + m1" * 500, "longer than 2048"),
        ("(" * 60 + "m1" + ")" * 60, "nested more than 40 deep"),
        ("-" * 60 + "m1", "nested more than 40 deep"),
        ("m1" + "^m1" * 60, "nested more than 40 deep"),
        ("SELECT AVG(CPUUtilization) FROM x", "Metrics Insights queries"),
        ("SEARCH('{Custom} m', 'Average', 60)", "SEARCH at character 1: not supported"),
        ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND at character 1: not supported"),
        ("__import__('os').system('x')", "unexpected '_' at character 1"),
    ],
)
def test_mistakes_are_named_with_their_place(expression: str, text: str) -> None:
    message = refusal(expression)
    assert message.startswith("Error in expression 'result': ")
    assert text in message


def test_a_mistyped_id_is_told_the_nearest() -> None:
    assert "unknown id erors at character 1; did you mean errors?" in refusal("erors / requests", "errors", "requests")


def test_expressions_in_a_circle_are_refused() -> None:
    assert "e1, e2 need each other in a circle" in refusal("m1", "m1", e1="e2 + 1", e2="e1 + 1")
    assert "in a circle" in refusal("result + m1", "m1")


@pytest.mark.parametrize("entry_id", ["", "M1", "1m", "m-1", "m 1", "é", "m" * 256, "../x"])
def test_ids_have_their_form(entry_id: str) -> None:
    with pytest.raises(ValidationFailed, match="parameter Id is invalid"):
        make_plan([Entry(id=entry_id)])


def test_ids_stand_once() -> None:
    with pytest.raises(ValidationFailed, match="not unique"):
        make_plan([Entry(id="m1"), Entry(id="m1", expression="5")])


def test_a_request_has_at_most_five_hundred_entries() -> None:
    with pytest.raises(ValidationFailed, match="size greater than 500"):
        make_plan([Entry(id=f"m{i}") for i in range(501)])


@pytest.mark.parametrize(
    ("expression", "form"),
    [
        ("m1", Form.SERIES),
        ("m1 - AVG(m1)", Form.SERIES),
        ("AVG(m1)", Form.NUMBER),
        ("METRICS() * 100", Form.ARRAY),
        ("IF(5, 1, 2)", Form.NUMBER),
        ("IF(m1, 1, 2)", Form.SERIES),
    ],
)
def test_the_kind_of_a_result_is_known_beforehand(expression: str, form: Form) -> None:
    assert plan_of(expression, "m1", "m2").form("result") is form


@pytest.mark.parametrize("expression", ["AVG(m1)", "METRICS()", "[m1, m2]", "5"])
def test_an_alarm_watches_one_time_series(expression: str) -> None:
    with pytest.raises(ValidationFailed, match="must be a single time series"):
        plan_of(expression, "m1", "m2").check_alarm("result", 5)


def test_an_alarm_that_computes_too_much_is_refused() -> None:
    busy = "+".join(["SUM(METRICS())"] * 100)
    plan = plan_of(busy, *(f"m{i}" for i in range(10)))
    plan.check_alarm("result", 10)
    with pytest.raises(ValidationFailed, match="at each evaluation"):
        plan.check_alarm("result", 8640)


def test_an_evaluation_stops_before_it_hangs() -> None:
    plan = plan_of("SUM(FILL([" + ",".join(["m1"] * 400) + "], 0))", "m1")
    series = Series({}, 1, 0)
    with pytest.raises(ValidationFailed, match="decreasing the time range"):
        plan.evaluate({"m1": series}, Context(0, MAX_POINTS, 1), ["result"])


def test_arrays_do_not_grow_without_end() -> None:
    # Each expression has the one before it many times over.
    entries = [Entry(id="m1")]
    for i in range(1, 6):
        before = f"e{i - 1}" if i > 1 else "m1"
        entries.append(Entry(id=f"e{i}", expression="[" + ",".join([before] * 100) + "]"))
    with pytest.raises(ValidationFailed, match="more than 500 time series"):
        make_plan(entries)


def test_long_chains_of_expressions_do_not_recurse() -> None:
    entries = [Entry(id="m1"), Entry(id="e1", expression="m1")]
    entries += [Entry(id=f"e{i}", expression=f"e{i - 1} + 1") for i in range(2, 499)]
    plan = make_plan(entries)
    assert plan.evaluate_slots({"m1": [0]}, "e498", start=0, period=60, slots=1) == [497]


def test_the_longest_sum_is_computed() -> None:
    expression = "+".join(["m1"] * ((MAX_LENGTH + 1) // 3))
    assert compute(expression, m1=[1]) == [(MAX_LENGTH + 1) // 3]


def test_nesting_up_to_the_limit_is_computed() -> None:
    assert compute("(" * (MAX_DEPTH - 1) + "m1" + ")" * (MAX_DEPTH - 1), m1=[1]) == [1]


words = [
    *FUNCTIONS,
    *UNSUPPORTED,
    "METRICS",
    "REPEAT",
    "LINEAR",
    "ASC",
    "DESC",
    "AND",
    "OR",
    "m1",
    "m2",
    "e1",
    "1",
    "2.5",
]
pieces = st.sampled_from([*words, *"+-*/^(),[]<>", "==", "!=", "<=", ">=", "&&", "||", '"m"', "'", " ", "0", "-1e9"])
texts = st.lists(pieces, max_size=25).map("".join) | st.text(max_size=60)


@given(texts)
def test_parsing_raises_nothing_but_its_own_error(text: str) -> None:
    with contextlib.suppress(BadExpression):
        assert parse(text)


calls = st.recursive(
    st.sampled_from(["m1", "m2", "1", "0", "2.5", "METRICS()", "[m1, m2]", "TIME_SERIES(3)", "m1 / 0"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(set(FUNCTIONS) - {"FILL", "IF", "SORT", "SLICE"})), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "^", "<", ">=", "AND", "OR"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, st.sampled_from(["REPEAT", "LINEAR", "0", "m2"])).map(lambda t: f"FILL({t[0]}, {t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"IF({t[0]}, {t[1]}, {t[2]})"),
        st.tuples(inner, st.sampled_from(["AVG", "MAX"]), inner).map(lambda t: f"SORT({t[0]}, {t[1]}, DESC, {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"SLICE({t[0]}, {t[1]}, {t[2]})"),
    ),
    max_leaves=12,
)
rows = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6)


@given(calls, rows, rows)
def test_what_passed_the_checks_computes_finite_points_in_order(expression: str, first: Row, second: Row) -> None:
    try:
        plan = plan_of(expression, "m1", "m2")
    except MetricsRefused:
        return
    slots = max(len(first), len(second))
    series = {
        name: Series({60 * i: value for i, value in enumerate(row) if value is not None}, 60, 0)
        for name, row in (("m1", first), ("m2", second))
    }
    value = plan.evaluate(series, Context(0, 60 * slots, 60), ["result"])["result"]
    form = plan.form("result")
    assert {Form.NUMBER: float, Form.SERIES: Series, Form.ARRAY: tuple}[form] is type(value)
    found = value if isinstance(value, tuple) else (value,)
    assert len(found) <= max(1, plan.width("result"))
    for one in found:
        if isinstance(one, Series):
            assert list(one.points) == sorted(one.points)
            assert all(math.isfinite(point) for point in one.points.values())
