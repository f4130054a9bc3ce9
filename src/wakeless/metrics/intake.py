"""PutMetricData: what is accepted, what is refused and in which words (limits of the API model).

The first mistake refuses the whole call, as CloudWatch does; member indexes count from one.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, NoReturn

from wakeless.metrics.bucket import Bucket, of_value, of_values
from wakeless.metrics.errors import InvalidParameterCombination, InvalidParameterValue, MissingParameter
from wakeless.metrics.periods import AHEAD, LISTED_FOR, MINUTE, epoch
from wakeless.metrics.series import NO_UNIT, UNITS, Dimensions, MetricId, Sample

MAX_DATA = 1000
MAX_VALUES = 150
MAX_DIMENSIONS = 30
MAX_ENTITIES = 2
#: Numbers beyond this are refused.
LIMIT = 2.0**360

_UNITS = frozenset(UNITS)
#: Printable ASCII: what names and values are made of.
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Intake:
    """A PutMetricData call that was accepted."""

    samples: Sequence[Sample]
    #: What is wrong with its entities, when that is no reason to refuse it (``X-Amzn-Failure-Message``).
    entity_problem: str | None = None


def read_put_metric_data(request: Mapping[str, Any], now: datetime, *, allow_aws_namespaces: bool = False) -> Intake:
    """Return the samples of a PutMetricData request, whose members are as botocore's model names them.

    ``allow_aws_namespaces`` lets ``AWS/…`` in, to rehearse alarms on AWS's own metrics. Raises `MissingParameter`,
    `InvalidParameterValue` and `InvalidParameterCombination`.
    """
    namespace = check_namespace(request.get("Namespace"), allow_aws=allow_aws_namespaces)
    data = request.get("MetricData") or ()
    entities = request.get("EntityMetricData") or ()
    if not data and not entities:
        raise MissingParameter("The parameter MetricData is required.")
    if len(entities) > MAX_ENTITIES:
        raise InvalidParameterValue(
            f"The collection EntityMetricData must not have a size greater than {MAX_ENTITIES}."
        )
    groups: list[tuple[str, Sequence[Any]]] = [("MetricData", data)]
    problem = None
    for number, group in enumerate(entities, 1):
        place = f"EntityMetricData.member.{number}"
        problem = problem or _entity_problem(group.get("Entity") or {}, place)
        groups.append((f"{place}.MetricData", group.get("MetricData") or ()))
    if problem and request.get("StrictEntityValidation"):
        raise InvalidParameterValue(problem)
    if sum(len(group) for _, group in groups) > MAX_DATA:
        raise InvalidParameterValue(f"The collection MetricData must not have a size greater than {MAX_DATA}.")
    at = epoch(now)
    samples: list[Sample] = []
    for place, group in groups:
        for number, datum in enumerate(group, 1):
            sample = _sample(namespace, datum, f"{place}.member.{number}", at)
            if sample is not None:
                samples.append(sample)
    return Intake(samples, problem)


def check_namespace(namespace: object, *, allow_aws: bool) -> str:
    """Return a namespace that samples may be put into, or raise."""
    if namespace is None or namespace == "":
        raise MissingParameter("The parameter Namespace is required.")
    text = _text(namespace, "Namespace", 255)
    if text.startswith(":") or (text.startswith("AWS/") and not allow_aws):
        shown = "AWS/" if text.startswith("AWS/") else text
        raise InvalidParameterValue(f"The value {shown} for parameter Namespace is invalid.")
    return sys.intern(text)


def _sample(namespace: str, datum: Mapping[str, Any], place: str, now: float) -> Sample | None:
    name = datum.get("MetricName")
    if name is None or name == "":
        raise MissingParameter(f"The parameter {place}.MetricName is required.")
    resolution = datum.get("StorageResolution")
    if resolution is None:
        resolution = MINUTE
    elif type(resolution) is not int or resolution not in (1, MINUTE):
        raise InvalidParameterValue(f"The parameter {place}.StorageResolution must be 1 or 60.")
    unit = datum.get("Unit") or NO_UNIT
    if not isinstance(unit, str) or unit not in _UNITS:
        raise InvalidParameterValue(f"The value {_shown(unit)} for parameter {place}.Unit is invalid.")
    metric = _metric(namespace, name, datum.get("Dimensions") or (), place)
    stamp = _timestamp(datum.get("Timestamp"), place, now)
    bucket = _bucket(datum, place)
    if bucket is None:
        return None
    return Sample(metric, unit, int(stamp // resolution) * resolution, resolution, bucket)


#: Metrics that were found right, by themselves (a `MetricId` equals the tuple of its members).
_SEEN: dict[tuple[object, ...], MetricId] = {}
_MAX_SEEN = 100_000


def _metric(namespace: str, name: object, dimensions: Sequence[Mapping[str, Any]], place: str) -> MetricId:
    """Return the metric of a datum. Most come again and again: they are checked once, and kept once."""
    try:
        key = (namespace, name, tuple([(one["Name"], one["Value"]) for one in dimensions]))
        if (seen := _SEEN.get(key)) is not None:
            return seen
    except (KeyError, TypeError):
        key = None
    metric = MetricId(namespace, _name(name, place), _dimensions(dimensions, place))
    if key is not None:
        if len(_SEEN) >= _MAX_SEEN:
            _SEEN.clear()
        # Dimensions in another order are another key of the same metric.
        _SEEN[metric if key == metric else key] = metric
    return metric


def _name(name: object, place: str) -> str:
    if isinstance(name, str) and _is_name(name):
        # Every sample of a metric brings its name anew; what is kept of a series shares one.
        return sys.intern(name)
    return _text(name, f"{place}.MetricName", 255)


@lru_cache(maxsize=4096)
def _is_name(name: str) -> bool:
    return len(name) <= 255 and _PRINTABLE.fullmatch(name) is not None and not name.isspace()


@lru_cache(maxsize=16384)
def _is_dimension(name: str, value: str) -> bool:
    if not _is_name(name) or name.startswith(":") or len(value) > 1024:
        return False
    return _PRINTABLE.fullmatch(value) is not None and not value.isspace()


def _dimensions(given: Sequence[Mapping[str, Any]], place: str) -> Dimensions:
    if not given:
        return ()
    if len(given) > MAX_DIMENSIONS:
        raise InvalidParameterValue(
            f"The collection {place}.Dimensions must not have a size greater than {MAX_DIMENSIONS}."
        )
    pairs: list[tuple[str, str]] = []
    for number, dimension in enumerate(given, 1):
        name, value = dimension.get("Name"), dimension.get("Value")
        if not (isinstance(name, str) and isinstance(value, str) and _is_dimension(name, value)):
            _refuse_dimension(name, value, f"{place}.Dimensions.member.{number}")
        pairs.append((sys.intern(name), value))
    if len(pairs) > 1:
        pairs.sort()
        for (name, _), (following, _) in pairwise(pairs):
            if name == following:
                raise InvalidParameterValue(
                    f"The parameter {place}.Dimensions has the dimension {name} more than once."
                )
    return tuple(pairs)


def _refuse_dimension(name: object, value: object, place: str) -> NoReturn:
    for what, given, longest in (("Name", name, 255), ("Value", value, 1024)):
        if given is None or given == "":
            raise MissingParameter(f"The parameter {place}.{what} is required.")
        _text(given, f"{place}.{what}", longest)
    raise InvalidParameterValue(f"The value {_shown(name)} for parameter {place}.Name must not start with a colon.")


def _text(given: object, parameter: str, longest: int) -> str:
    if not isinstance(given, str):
        raise InvalidParameterValue(f"The parameter {parameter} must be a string.")
    if len(given) > longest:
        raise InvalidParameterValue(f"The parameter {parameter} must not be longer than {longest} characters.")
    if given.isspace():
        raise InvalidParameterValue(f"The parameter {parameter} must contain at least one character that is not blank.")
    if not _PRINTABLE.fullmatch(given):
        raise InvalidParameterValue(
            f"The parameter {parameter} must contain only ASCII characters without control characters."
        )
    return given


def _timestamp(given: object, place: str, now: float) -> float:
    if given is None:
        return now
    if not isinstance(given, datetime):
        raise InvalidParameterValue(f"The parameter {place}.Timestamp must be a timestamp.")
    at = given.timestamp() if given.tzinfo is not None else epoch(given)
    if at > now + AHEAD:
        raise InvalidParameterValue(
            f"The parameter {place}.Timestamp must specify a time no more than two hours in the future."
        )
    if at < now - LISTED_FOR:
        raise InvalidParameterValue(
            f"The parameter {place}.Timestamp must specify a time no more than two weeks in the past."
        )
    return at


def _bucket(datum: Mapping[str, Any], place: str) -> Bucket | None:
    value, values, statistics = datum.get("Value"), datum.get("Values"), datum.get("StatisticValues")
    if value is not None:
        if values or statistics is not None:
            other = "Values" if values else "StatisticValues"
            raise InvalidParameterCombination(
                f"The parameters {place}.Value and {place}.{other} are mutually exclusive and you have specified both."
            )
        return of_value(_number(value, place, "Value"))
    if statistics is not None:
        # CloudWatch takes a datum with Values too, and looks at the set alone.
        return _statistic_set(statistics, f"{place}.StatisticValues")
    if not values:
        raise MissingParameter(
            f"At least one of the parameters {place}.Value, {place}.Values and {place}.StatisticValues "
            "must be specified."
        )
    return _value_list(values, datum.get("Counts"), place)


def _value_list(values: Sequence[Any], counts: Sequence[Any] | None, place: str) -> Bucket | None:
    if len(values) > MAX_VALUES:
        raise InvalidParameterValue(f"The collection {place}.Values must not have a size greater than {MAX_VALUES}.")
    if counts and len(counts) != len(values):
        raise InvalidParameterValue(f"The parameters {place}.Values and {place}.Counts must be of the same size.")
    checked = [_number(value, place, f"Values.member.{number}") for number, value in enumerate(values, 1)]
    weights = [1.0] * len(checked)
    if counts:
        weights = [_number(count, place, f"Counts.member.{number}", 0.0) for number, count in enumerate(counts, 1)]
    return of_values(zip(checked, weights, strict=True))


def _statistic_set(given: Mapping[str, Any], place: str) -> Bucket:
    for what in ("SampleCount", "Sum", "Minimum", "Maximum"):
        if given.get(what) is None:
            raise MissingParameter(f"The parameter {place}.{what} is required.")
    samples = _number(given["SampleCount"], place, "SampleCount")
    total = _number(given["Sum"], place, "Sum")
    minimum = _number(given["Minimum"], place, "Minimum")
    maximum = _number(given["Maximum"], place, "Maximum")
    if samples <= 0:
        raise InvalidParameterValue(f"The parameter {place}.SampleCount must be greater than 0.")
    if maximum < minimum:
        raise InvalidParameterValue(f"The parameter {place}.Maximum must be greater than or equal to {place}.Minimum.")
    # A Sum that cannot be is kept as it is given, as CloudWatch keeps it.
    return Bucket(samples, total, minimum, maximum)


def _number(given: object, place: str, what: str, least: float = -LIMIT) -> float:
    if type(given) is float:
        number = given
    elif isinstance(given, int) and not isinstance(given, bool) and abs(given) < 1 << 400:
        number = float(given)
    else:
        number = math.nan
    # Written so that NaN falls through.
    if least <= number <= LIMIT:
        return number
    raise InvalidParameterValue(f"The value {_shown(given)} for parameter {place}.{what} is invalid.")


def _shown(given: object) -> str:
    if isinstance(given, float):
        if math.isnan(given):
            return "NaN"
        if math.isinf(given):
            return "Infinity" if given > 0 else "-Infinity"
    if isinstance(given, int) and abs(given) >= 1 << 400:
        return "beyond 2^360"
    text = str(given)
    return text if len(text) <= 100 else text[:100] + "…"


def _entity_problem(entity: Mapping[str, Any], place: str) -> str | None:
    """Return what is wrong with an entity: its key attributes name it, and one of them is its type."""
    keys = entity.get("KeyAttributes") or {}
    attributes = entity.get("Attributes") or {}
    if not keys:
        return f"The parameter {place}.Entity.KeyAttributes is required."
    if "Type" not in keys:
        return f"The parameter {place}.Entity.KeyAttributes must contain Type."
    if len(keys) > 4 or len(attributes) > 10:
        return f"The parameter {place}.Entity has too many attributes."
    return None
