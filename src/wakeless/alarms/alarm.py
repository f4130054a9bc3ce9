"""The one record that every source's alarm becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AlarmState(StrEnum):
    """CloudWatch's three states; other sources are mapped onto them."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One state change reported by one source."""

    #: Who reported it and is asked again: ``embedded`` (our own evaluator), ``cloudwatch``, ``alertmanager``, ….
    source: str
    #: Same for every report of the same trouble: source + alarm ARN, or the label set. The correlation key.
    fingerprint: str
    #: Same for every copy of this one state change; copies are dropped. The idempotency key.
    dedup_key: str
    state: AlarmState
    #: The alarm's name, as its owner would recognise it.
    name: str
    #: When the state changed, by the source's clock. Reports may arrive out of order: compare this.
    changed_at: datetime
    previous_state: AlarmState | None = None
    #: The source's own words for why.
    reason: str = ""
    description: str = ""
    arn: str | None = None
    account: str | None = None
    region: str | None = None
    namespace: str | None = None
    metric: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    #: Labels of label-based sources (Prometheus and its kin); empty for CloudWatch.
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    #: Where a person can look, or the API to ask again (Alertmanager's external URL).
    url: str | None = None
    #: The payload as it came, for scripts that want more than we understood.
    raw: Mapping[str, object] = field(default_factory=dict)
