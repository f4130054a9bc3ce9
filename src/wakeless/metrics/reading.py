"""What reading metrics needs from where they are kept, and ListMetrics."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from wakeless.metrics.errors import InvalidNextToken, InvalidParameterValue, MissingParameter
from wakeless.metrics.periods import HOUR, LISTED_FOR, epoch
from wakeless.metrics.recent import Units
from wakeless.metrics.series import MetricId

Answer = dict[str, Any]
LIST_PAGE = 500
MAX_FILTERS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Which metrics are asked for."""

    #: Only those with data since this moment (seconds since the epoch).
    since: int
    namespace: str | None = None
    name: str | None = None
    #: Dimensions that they must have, among others; None stands for any value.
    dimensions: tuple[tuple[str, str | None], ...] = ()
    #: Number of the last metric of the page before.
    after: int = 0
    limit: int = LIST_PAGE


@dataclass(frozen=True, slots=True)
class ListingPage:
    """Some of the metrics, and where the next page goes on."""

    metrics: Sequence[MetricId]
    #: `Listing.after` of the next page; None when this is the last.
    after: int | None


class Source(Protocol):
    """Where samples are kept. `store.metric_store` implements it; its methods block."""

    def read_buckets(self, metric: MetricId, start: int, end: int) -> Units:
        """Return the stored buckets of one metric that begin in [start, end), by unit and start."""
        ...

    def list_metrics(self, listing: Listing) -> ListingPage:
        """Return one page of metrics."""
        ...


#: A question that is answered from the source; runs on a thread for reading.
Reader = Callable[[Source], Answer]


def list_metrics(request: Mapping[str, Any], now: datetime, source: Source) -> Answer:
    """Answer ListMetrics: ``Metrics`` and, when there are more than a page, ``NextToken``.

    Metrics without data for two weeks are not listed. Raises `InvalidParameterValue`.
    """
    filters = request.get("Dimensions") or ()
    if len(filters) > MAX_FILTERS:
        raise InvalidParameterValue(f"The collection Dimensions must not have a size greater than {MAX_FILTERS}.")
    active = request.get("RecentlyActive")
    if active not in (None, "PT3H"):
        raise InvalidParameterValue("The parameter RecentlyActive must be PT3H.")
    for number, dimension in enumerate(filters, 1):
        if not dimension.get("Name"):
            raise MissingParameter(f"The parameter Dimensions.member.{number}.Name is required.")
    dimensions = tuple((str(d["Name"]), d.get("Value")) for d in filters)
    mark = digest("list", request.get("Namespace"), request.get("MetricName"), dimensions, active)
    token = request.get("NextToken")
    listing = Listing(
        since=int(epoch(now)) - (3 * HOUR if active else LISTED_FOR),
        namespace=request.get("Namespace") or None,
        name=request.get("MetricName") or None,
        dimensions=dimensions,
        after=read_token(token, mark) if token else 0,
    )
    page = source.list_metrics(listing)
    answer: Answer = {"Metrics": [describe(metric) for metric in page.metrics]}
    if page.after is not None:
        answer["NextToken"] = make_token(page.after, mark)
    return answer


def describe(metric: MetricId) -> dict[str, Any]:
    """Return a metric in the member names of the API."""
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }


def metric_of(given: Mapping[str, Any]) -> MetricId:
    """Return the metric that a request names; raises `MissingParameter` and `InvalidParameterValue`."""
    for what in ("Namespace", "MetricName"):
        if not given.get(what):
            raise MissingParameter(f"The parameter {what} is required.")
    pairs = [(str(d.get("Name") or ""), str(d.get("Value") or "")) for d in given.get("Dimensions") or ()]
    if len(pairs) > 30:
        raise InvalidParameterValue("The collection Dimensions must not have a size greater than 30.")
    return MetricId.of(str(given["Namespace"]), str(given["MetricName"]), pairs)


def digest(*asked: object) -> str:
    """Return a short digest of what was asked, so that a token is not used for another question."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def make_token(position: int, asked: str) -> str:
    """Return an opaque page token."""
    return base64.urlsafe_b64encode(json.dumps([position, asked]).encode()).decode()


def read_token(token: str, asked: str) -> int:
    """Return the position in a page token; raises `InvalidNextToken`."""
    try:
        position, known = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, UnicodeError, RecursionError) as error:
        raise InvalidNextToken("The token is invalid.") from error
    if known != asked or type(position) is not int or position < 0 or position >= 1 << 62:
        raise InvalidNextToken("The token is invalid.")
    return position
