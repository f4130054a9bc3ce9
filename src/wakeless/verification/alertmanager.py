"""Ask Alertmanager whether an alert is still firing.

``GET /api/v2/alerts`` (openapi.yaml in Alertmanager's ``api/v2`` folder) lists every alert that is not
resolved: active ones, silenced and inhibited ones too. An alert that is not listed is OK; since when, Alertmanager does
not say. An Alertmanager that has just been restarted knows no alert until its Prometheus sends them again, so one that
started (``uptime`` in ``GET /api/v2/status``) after the alert did is not believed for `RESTARTED` seconds, unless it
has listed the alert since (docs/decisions/0095).

Only the addresses in the settings are asked, never the one that came with the alarm: whoever can post an alarm could
otherwise name a server that says OK to everything.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.verification.ports import Reading, SourceUnavailable
from wakeless.verification.settings import AlertmanagerApi

#: Bytes of an answer that are read at most: some ten thousand alerts.
ANSWER_LIMIT = 32 * 1024 * 1024
#: Seconds after which a restarted Alertmanager knows every alert again: Prometheus repeats them at its first evaluation
#: (every minute by default) after ``--rules.alert.resend-delay`` (a minute by default); and some to spare.
RESTARTED = 150.0
#: Label names that every release understands in a filter; others are compared here only.
_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class AlertmanagerProber:
    """Asks about alarms whose source is ``alertmanager``, by their whole label set."""

    def __init__(self, settings: AlertmanagerApi) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None
        #: When an alert was last listed, by Alertmanager and fingerprint; forgotten after `RESTARTED` seconds.
        self._listed: dict[tuple[str, str], datetime] = {}

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        """Return whether an alert with exactly these labels is firing; raises `SourceUnavailable`."""
        if not alarm.labels:
            raise SourceUnavailable(f"alarm {alarm.name!r} has no labels to look it up by")
        failures = []
        for url in self._settings.urls:
            try:
                reading = _reading(alarm, await self._alerts(url, alarm.labels), now)
                if reading.state is AlarmState.OK:
                    await self._check_memory(url, alarm, now)
            except SourceUnavailable as error:
                failures.append(str(error))
                continue
            self._note(url, alarm, reading)
            return reading
        raise SourceUnavailable("; ".join(failures) or "no Alertmanager address is set")

    async def _check_memory(self, url: str, alarm: Alarm, now: datetime) -> None:
        """Raise `SourceUnavailable` if it may only have forgotten the alert: Alertmanager keeps alerts in memory."""
        status, headers, body = await self._ask(url, "/api/v2/status", [])
        if status != 200:
            # Those that speak the same API without this part say nothing about a restart.
            return
        started = _started(body)
        if started is None or started <= alarm.changed_at:
            return
        # Both by its own clock, so that the age is right whatever ours says.
        age = ((_http_date(headers.get("date")) or now) - started).total_seconds()
        listed = self._listed.get((url, alarm.fingerprint))
        if age < RESTARTED and (listed is None or (now - listed).total_seconds() >= age):
            host = httpx.URL(url).host
            raise SourceUnavailable(f"Alertmanager at {host} was restarted and may not know of the alert yet")

    def _note(self, url: str, alarm: Alarm, reading: Reading) -> None:
        self._listed = {key: at for key, at in self._listed.items() if (reading.at - at).total_seconds() < RESTARTED}
        if reading.state is AlarmState.ALARM:
            self._listed[url, alarm.fingerprint] = reading.at

    async def _alerts(self, url: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, object]]:
        params = [("active", "true"), ("silenced", "true"), ("inhibited", "true"), ("unprocessed", "true")]
        params += [("filter", _matcher(*label)) for label in labels.items() if _CLASSIC_NAME.fullmatch(label[0])]
        status, _, body = await self._ask(url, "/api/v2/alerts", params)
        host = httpx.URL(url).host
        if status != 200:
            raise SourceUnavailable(f"Alertmanager at {host} answered {status}")
        return _parse(body, host)

    async def _ask(
        self, url: str, path: str, params: Sequence[tuple[str, str]]
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            base = httpx.URL(url)
            async with asyncio.timeout(self._settings.timeout):
                return await self._get(base, path, params)
        except httpx.InvalidURL as error:
            raise SourceUnavailable(f"Alertmanager's address is not a URL: {error}") from error
        except TimeoutError:
            limit = f"{self._settings.timeout:g} s"
            raise SourceUnavailable(f"Alertmanager at {base.host} did not answer within {limit}") from None
        except (httpx.TransportError, OSError) as error:
            words = str(error) or type(error).__name__
            raise SourceUnavailable(f"Alertmanager at {base.host}: {words}") from error

    async def _get(
        self, base: httpx.URL, path: str, params: Sequence[tuple[str, str]]
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = base.copy_with(path=base.path.rstrip("/") + path, query=None, fragment=None)
        limit = self._settings.timeout
        request = httpx.Request(
            "GET",
            url,
            params=httpx.QueryParams(list(params)),
            headers=self._login(),
            extensions={"timeout": {"connect": limit, "read": limit, "write": limit, "pool": limit}},
        )
        # The transport alone: a client would log every question, and read proxies from the environment.
        async with httpx.AsyncHTTPTransport(verify=self._context(), trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            body = b""
            try:
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_LIMIT:
                        raise SourceUnavailable(f"Alertmanager at {base.host} answers without end")
            finally:
                await response.aclose()
        return response.status_code, response.headers, body

    def _login(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        settings = self._settings
        if settings.username is not None:
            password = settings.password.reveal() if settings.password else ""
            login = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        elif settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token.reveal()}"
        return headers

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            ca_file = self._settings.ca_file
            self._tls = (
                ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context(trust_env=False)
            )
        return self._tls


def _matcher(name: str, value: str) -> str:
    """``name="value"`` with Go's escapes, as amtool writes it."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{quoted}"'


def _parse(body: bytes, host: str) -> Sequence[Mapping[str, object]]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise SourceUnavailable(f"Alertmanager at {host} did not answer JSON") from error
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise SourceUnavailable(f"Alertmanager at {host} did not answer a list of alerts")
    return answer


def _reading(alarm: Alarm, alerts: Sequence[Mapping[str, object]], now: datetime) -> Reading:
    for alert in alerts:
        if alert.get("labels") != dict(alarm.labels):
            continue  # the filter also lets through alerts with more labels than ours
        status = alert.get("status")
        state = status.get("state") if isinstance(status, dict) else None
        detail = "silenced or inhibited, and firing" if state == "suppressed" else ""
        return Reading(state=AlarmState.ALARM, since=_moment(alert.get("startsAt")), at=now, detail=detail)
    return Reading(state=AlarmState.OK, since=None, at=now)


def _started(body: bytes) -> datetime | None:
    """Return when it started, by its own clock, where it says so."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return _moment(answer.get("uptime")) if isinstance(answer, dict) else None


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _moment(text: object) -> datetime | None:
    """RFC 3339, with more digits of a second than Python keeps."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
