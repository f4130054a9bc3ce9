"""The JSON API: incidents, attempts, the kill switch, alarms, health. It translates and delegates."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import wakeless
from wakeless.alarms.inbound import decode
from wakeless.doors.http_api.asgi import Call, Reply, invalid, json_reply
from wakeless.doors.http_api.facade import Facade

#: Incidents in one answer.
MAX_INCIDENTS = 500
#: Bytes of output in one answer, and when nothing is asked for.
MAX_OUTPUT = 1_048_576
OUTPUT = 262_144
#: Alarms in one answer; CloudWatch's own pages have a hundred.
MAX_ALARMS = 10_000
#: Characters of a comment or a reason.
MAX_WORDS = 2_000
#: Seconds for which an answer of /readyz holds.
READY_SECONDS = 1.0

_LINKS = {
    "incidents": "/v1/incidents",
    "alarms": "/v1/alarms",
    "automation": "/v1/automation",
    "events": "/v1/events",
    "health": "/healthz",
    "ready": "/readyz",
    "metrics": "/metrics",
}


class Api:
    """Answers people and programs that look at incidents and decide about them."""

    def __init__(self, service: Facade) -> None:
        self._service = service
        self._ready: tuple[float, tuple[bool, Mapping[str, Any]]] | None = None

    async def root(self, call: Call) -> Reply:
        """Say what this is."""
        return json_reply({"name": "wakeless", "version": wakeless.__version__, "links": _LINKS})

    async def incidents(self, call: Call) -> Reply:
        """List incidents, the newest first; ``next`` is what ``before`` has to be for the page after."""
        query = call.query(("status", "limit", "before"))
        limit = _number(query, "limit", 50, 1, MAX_INCIDENTS)
        found = await self._service.list_incidents(query.get("status"), limit, query.get("before"))
        following = found[-1]["id"] if len(found) == limit else None
        return json_reply({"incidents": list(found), "next": following})

    async def incident(self, call: Call) -> Reply:
        """Show one incident with all that happened to it."""
        return json_reply(await self._service.get_incident(call.params["incident_id"]))

    async def approve(self, call: Call) -> Reply:
        """Let a remediation run."""
        return await self._decide(call, approve=True)

    async def deny(self, call: Call) -> Reply:
        """Keep a remediation from running."""
        return await self._decide(call, approve=False)

    async def _decide(self, call: Call, *, approve: bool) -> Reply:
        comment = _words(_body(call, ("comment",)), "comment")
        caller = call.principal
        groups = sorted(caller.groups)
        incident_id = call.params["incident_id"]
        return json_reply(await self._service.decide(incident_id, caller.name, approve, comment, groups))

    async def retry(self, call: Call) -> Reply:
        """Ask for another try."""
        _body(call, ())
        return json_reply(await self._service.retry(call.params["incident_id"], call.principal.name))

    async def close(self, call: Call) -> Reply:
        """Call an incident done."""
        reason = _words(_body(call, ("reason",)), "reason")
        return json_reply(await self._service.close(call.params["incident_id"], call.principal.name, reason))

    async def cancel(self, call: Call) -> Reply:
        """Stop what is running."""
        reason = _words(_body(call, ("reason",)), "reason")
        return json_reply(await self._service.cancel(call.params["incident_id"], call.principal.name, reason))

    async def output(self, call: Call) -> Reply:
        """Return what an attempt wrote, from an offset; an empty answer means that there is no more yet."""
        query = call.query(("stream", "offset", "limit"))
        stream = query.get("stream", "stdout")
        if stream not in ("stdout", "stderr"):
            raise invalid(("stream", "must be stdout or stderr"))
        offset = _number(query, "offset", 0, 0, 1 << 62)
        limit = _number(query, "limit", OUTPUT, 1, MAX_OUTPUT)
        part = await self._service.output(call.params["attempt_id"], stream, offset, limit)
        following = str(offset + len(part)).encode()
        # Plain text that no browser takes for anything else (nosniff), whatever the bytes are.
        return Reply(part, 200, b"text/plain; charset=utf-8", ((b"x-wakeless-next-offset", following),))

    async def automation(self, call: Call) -> Reply:
        """Say how the kill switch stands."""
        return json_reply(self._service.automation())

    async def set_automation(self, call: Call) -> Reply:
        """Throw the kill switch, either way."""
        body = _body(call, ("enabled", "reason"))
        enabled = body.get("enabled")
        if not isinstance(enabled, bool):
            raise invalid(("enabled", "must be true or false"))
        return json_reply(await self._service.set_automation(enabled, call.principal.name, _words(body, "reason")))

    async def alarms(self, call: Call) -> Reply:
        """List the embedded alarms by name."""
        query = call.query(("prefix", "state", "limit", "after"))
        limit = _number(query, "limit", 1_000, 1, MAX_ALARMS)
        request: dict[str, Any] = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        for name, member in (("prefix", "AlarmNamePrefix"), ("state", "StateValue"), ("after", "NextToken")):
            if query.get(name):
                request[member] = query[name]
        rows: list[dict[str, Any]] = []
        while True:
            answer = await self._service.monitoring.describe_alarms({**request, "MaxRecords": min(100, limit)})
            rows += [_alarm_row(alarm) for kind in _KINDS for alarm in answer.get(kind) or ()]
            token = answer.get("NextToken")
            if not token or len(rows) >= limit:
                return json_reply({"alarms": rows, "next": token})
            request["NextToken"] = token

    async def health(self, call: Call) -> Reply:
        """Say that the process lives."""
        return json_reply(self._service.health())

    async def ready(self, call: Call) -> Reply:
        """Say whether alarms can be taken in; everybody may ask, so the journal is asked once a second at most."""
        if self._ready is None or perf_counter() - self._ready[0] > READY_SECONDS:
            self._ready = (perf_counter(), await self._service.ready())
        is_ready, why = self._ready[1]
        return json_reply(why, 200 if is_ready else 503)

    async def metrics(self, call: Call) -> Reply:
        """Show all metrics to Prometheus."""
        accept = call.headers.get(b"accept", b"").decode("latin-1")
        body, content_type = await self._service.expose_metrics(accept)
        return Reply(body, 200, content_type.encode())


_KINDS = ("MetricAlarms", "CompositeAlarms")


def _alarm_row(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm of DescribeAlarms in our own words."""
    return {
        "name": alarm.get("AlarmName"),
        "arn": alarm.get("AlarmArn"),
        "description": alarm.get("AlarmDescription"),
        "state": alarm.get("StateValue"),
        "reason": alarm.get("StateReason"),
        "changed_at": alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp"),
        "actions_enabled": alarm.get("ActionsEnabled"),
        "namespace": alarm.get("Namespace"),
        "metric": alarm.get("MetricName"),
        "dimensions": {pair["Name"]: pair["Value"] for pair in alarm.get("Dimensions") or ()},
        "rule": alarm.get("AlarmRule"),
        "comparison": alarm.get("ComparisonOperator"),
        "threshold": alarm.get("Threshold"),
        "period": alarm.get("Period"),
        "evaluation_periods": alarm.get("EvaluationPeriods"),
    }


def _number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise invalid((name, f"must be a whole number from {low} to {high}"))
    return int(text)


def _body(call: Call, known: tuple[str, ...]) -> dict[str, Any]:
    """Return the body's members; an empty body has none."""
    value = decode(call.body, "request") if call.body.strip() else {}
    if not isinstance(value, dict):
        raise invalid(("body", "must be a JSON object"))
    if unknown := value.keys() - set(known):
        raise invalid(*((name[:80], "is not known here") for name in sorted(unknown)))
    return value


def _words(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_WORDS:
        raise invalid((name, f"must be a string of at most {MAX_WORDS:,} characters"))
    return value
