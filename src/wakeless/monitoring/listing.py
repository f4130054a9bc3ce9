"""DescribeAlarms and its kin: which alarms are meant, in pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from wakeless.alarms.definitions import AlarmRecord, AlarmType, HistoryType, MetricAlarm
from wakeless.alarms.describe import describe
from wakeless.alarms.errors import InvalidNextToken, ValidationFailed
from wakeless.alarms.validation import check_names, read_limit, read_state
from wakeless.monitoring.ports import Answer, HistoryQuery, Request
from wakeless.monitoring.registry import Registry

_FILTERS = ("AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix")


def describe_alarms(registry: Registry, request: Request) -> Answer:
    """Return a page of the alarms that a DescribeAlarms request means; raises `AlarmRefused`."""
    limit = read_limit(request)
    mark = _digest(request, (*_FILTERS, "ChildrenOfAlarmName", "ParentsOfAlarmName"))
    after = _read_token(request.get("NextToken"), mark)
    for relation in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
        if request.get(relation):
            if any(
                request.get(member)
                for member in (*_FILTERS, "ChildrenOfAlarmName", "ParentsOfAlarmName")
                if member != relation
            ):
                raise ValidationFailed(f"{relation} cannot be used with other filters")
            names = _relatives(registry, relation, request[relation])
            return _page(
                (_shorten(record, relation) for record in _records(registry, names, str(after or ""))), limit, mark
            )
    found = (record for record in _candidates(registry, request, str(after or "")) if _matches(record, request))
    return _page(((record.type, describe(record)) for record in found), limit, mark)


def _candidates(registry: Registry, request: Request, after: str) -> Iterator[AlarmRecord]:
    prefix = request.get("AlarmNamePrefix") or ""
    names = request.get("AlarmNames")
    if names:
        check_names(names)
        return _records(registry, sorted({name for name in names if name.startswith(prefix)}), after)
    return _records(registry, registry.names_from(prefix, after), after)


def _records(registry: Registry, names: Any, after: str) -> Iterator[AlarmRecord]:
    for name in names:
        record = registry.get(name)
        if record is not None and (not after or name > after):
            yield record


def _matches(record: AlarmRecord, request: Request) -> bool:
    if str(record.type) not in (request.get("AlarmTypes") or (str(AlarmType.METRIC),)):
        return False
    state = request.get("StateValue")
    if state and record.status.state is not read_state(state):
        return False
    prefix = request.get("ActionPrefix")
    actions = record.definition.actions
    return not prefix or any(
        arn.startswith(prefix) for arn in (*actions.ok, *actions.alarm, *actions.insufficient_data)
    )


def _relatives(registry: Registry, relation: str, name: str) -> list[str]:
    if relation == "ChildrenOfAlarmName":
        return sorted(registry.children(name))
    return sorted(registry.parents(name))


def _shorten(record: AlarmRecord, relation: str) -> tuple[AlarmType, dict[str, Any]]:
    """Return what CloudWatch tells of relatives: their names and, of children, their states."""
    described: dict[str, Any] = {"AlarmName": record.name, "AlarmArn": record.arn}
    if relation == "ChildrenOfAlarmName":
        described |= {
            "StateValue": str(record.status.state),
            "StateUpdatedTimestamp": record.status.updated_at,
        }
    return record.type, described


def _page(found: Iterator[tuple[AlarmType, dict[str, Any]]], limit: int, mark: str) -> Answer:
    page = list(islice(found, limit + 1))
    answer: Answer = {"CompositeAlarms": [], "MetricAlarms": []}
    for kind, described in page[:limit]:
        answer["MetricAlarms" if kind is AlarmType.METRIC else "CompositeAlarms"].append(described)
    if len(page) > limit:
        answer["NextToken"] = _make_token(page[limit - 1][1]["AlarmName"], mark)
    return answer


def describe_alarms_for_metric(registry: Registry, request: Request) -> Answer:
    """Return the single-metric alarms on exactly the metric that is named."""
    dimensions = sorted((d.get("Name") or "", d.get("Value") or "") for d in request.get("Dimensions") or ())
    names = registry.on_metric((request.get("Namespace") or "", request.get("MetricName") or "", tuple(dimensions)))
    wanted = request.get("Statistic") or request.get("ExtendedStatistic")
    found: list[dict[str, Any]] = []
    for record in _records(registry, names, ""):
        alarm = record.definition
        stat = alarm.stat if isinstance(alarm, MetricAlarm) else None
        if stat is None or (wanted and stat.stat != wanted):
            continue
        if all(
            not request.get(member) or request[member] == value
            for member, value in (("Period", stat.period), ("Unit", stat.unit))
        ):
            found.append(describe(record))
    return {"MetricAlarms": found}


def history_query(request: Request) -> tuple[HistoryQuery, str]:
    """Return what a DescribeAlarmHistory request asks for, and the mark of its page tokens."""
    mark = _digest(request, ("AlarmName", "AlarmTypes", "HistoryItemType", "StartDate", "EndDate", "ScanBy"))
    kinds = [kind for kind in AlarmType if str(kind) in (request.get("AlarmTypes") or (str(AlarmType.METRIC),))]
    item_type = request.get("HistoryItemType")
    if item_type and item_type not in set(HistoryType):
        raise ValidationFailed(
            f"1 validation error detected: Value '{item_type}' at 'historyItemType' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(HistoryType)}]"
        )
    token = request.get("NextToken")
    after = _read_token(token, mark)
    if after is not None and not isinstance(after, int):
        raise InvalidNextToken(f"Invalid NextToken : {token}")
    query = HistoryQuery(
        alarm_name=request.get("AlarmName") or None,
        alarm_types=tuple(kinds),
        item_type=HistoryType(item_type) if item_type else None,
        start=request.get("StartDate"),
        end=request.get("EndDate"),
        newest_first=request.get("ScanBy") != "TimestampAscending",
        limit=read_limit(request, default=100),
        after=after,
    )
    return query, mark


def history_token(after: int, mark: str) -> str:
    """Return the token of the next page of history."""
    return _make_token(after, mark)


def _digest(request: Request, members: tuple[str, ...]) -> str:
    """Return what ties a token to its question."""
    asked = repr([(member, request.get(member)) for member in members])
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _make_token(after: str | int, mark: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, mark]).encode()).decode()


def _read_token(token: str | None, mark: str) -> str | int | None:
    if not token:
        return None
    try:
        after, known = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidNextToken(f"Invalid NextToken : {token}") from None
    if known != mark or type(after) not in (str, int) or (isinstance(after, int) and not 0 <= after < 1 << 62):
        raise InvalidNextToken(f"Invalid NextToken : {token}")
    assert isinstance(after, str | int)
    return after
