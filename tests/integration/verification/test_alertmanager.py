"""Alertmanager's API is asked over real HTTP; the server answers in the shape of API version 2."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.secret import Secret
from wakeless.verification.alertmanager import AlertmanagerProber
from wakeless.verification.ports import SourceUnavailable
from wakeless.verification.settings import AlertmanagerApi

NOW = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
LABELS = {"alertname": "DiskFull", "instance": "web-1:9100", "path": 'C:\\"x"\n', "utf8.näme": "v"}


@dataclass
class FakeAlertmanager:
    """Holds alerts and applies ``filter`` as Alertmanager does: every matcher must fit."""

    url: str = ""
    alerts: list[dict[str, object]] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None
    hang: threading.Event | None = None
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    authorization: str | None = None
    #: When it started, as it says; and its clock.
    uptime: object = "2026-01-01T00:00:00.000Z"
    date: str = "Thu, 01 Jan 2026 03:00:00 GMT"

    def fire(
        self, labels: dict[str, str], state: str = "active", starts_at: str = "2026-01-01T02:55:00.123456789Z"
    ) -> None:
        self.alerts.append({"labels": labels, "status": {"state": state}, "startsAt": starts_at})

    def get(self, path: str) -> tuple[int, bytes]:
        split = urlsplit(path)
        query = parse_qs(split.query)
        self.asked.append((split.path, query))
        if self.hang is not None:
            self.hang.wait(10)
        if self.answer is not None:
            return self.answer
        if split.path.endswith("/api/v2/status"):
            return 200, json.dumps({"cluster": {}, "uptime": self.uptime}).encode()
        return 200, json.dumps(
            [one for one in self.alerts if all(_fits(f, one) for f in query.get("filter", []))]
        ).encode()


def _fits(matcher: str, alert: dict[str, object]) -> bool:
    found = re.fullmatch(r'([a-zA-Z_]\w*)=("(?:[^"\\]|\\.)*")', matcher, re.ASCII)
    assert found, matcher
    labels = alert["labels"]
    assert isinstance(labels, dict)
    return bool(labels.get(found[1]) == json.loads(found[2]))


@pytest.fixture
def alertmanager() -> Iterator[FakeAlertmanager]:
    fake = FakeAlertmanager()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.authorization = self.headers.get("Authorization")
            status, body = fake.get(self.path)
            with contextlib.suppress(OSError):  # the asker may have lost patience
                self.send_response_only(status)
                self.send_header("Date", fake.date)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    if fake.hang is not None:
        fake.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


def an_alarm(labels: dict[str, str] | None = None) -> Alarm:
    return Alarm(
        source="alertmanager",
        fingerprint="alertmanager:f",
        dedup_key="d",
        state=AlarmState.ALARM,
        name="DiskFull",
        changed_at=NOW,
        labels=LABELS if labels is None else labels,
    )


def prober(fake: FakeAlertmanager, **changes: object) -> AlertmanagerProber:
    settings: dict[str, object] = {"urls": (fake.url,)}
    return AlertmanagerProber(AlertmanagerApi(**(settings | changes)))  # type: ignore[arg-type]  # a test names what it needs


async def test_listed_alert_is_firing_since_it_started(alertmanager: FakeAlertmanager) -> None:
    alertmanager.fire(LABELS)
    reading = await prober(alertmanager).probe(an_alarm(), NOW)
    assert reading.state is AlarmState.ALARM
    assert reading.since == datetime(2026, 1, 1, 2, 55, 0, 123456, tzinfo=UTC)
    assert reading.at == NOW


async def test_alert_that_is_not_listed_is_ok(alertmanager: FakeAlertmanager) -> None:
    alertmanager.fire(LABELS | {"instance": "web-2:9100"})
    reading = await prober(alertmanager).probe(an_alarm(), NOW)
    assert (reading.state, reading.since) == (AlarmState.OK, None)


async def test_one_that_was_restarted_since_the_alert_began_is_not_believed_for_a_while(
    alertmanager: FakeAlertmanager,
) -> None:
    asks = prober(alertmanager)
    # By its clock, a day behind ours, it started ten seconds ago; the alert began before that.
    alertmanager.uptime, alertmanager.date = "2025-12-31T02:59:50.123456789Z", "Wed, 31 Dec 2025 03:00:00 GMT"
    alarm = replace(an_alarm(), changed_at=datetime(2025, 12, 31, 2, 55, tzinfo=UTC))
    with pytest.raises(SourceUnavailable, match="was restarted"):
        await asks.probe(alarm, NOW)
    alertmanager.date = "Wed, 31 Dec 2025 03:02:30 GMT"
    assert (await asks.probe(alarm, NOW)).state is AlarmState.OK


async def test_one_that_was_restarted_and_has_listed_the_alert_since_is_believed(
    alertmanager: FakeAlertmanager,
) -> None:
    asks = prober(alertmanager)
    alarm = replace(an_alarm(), changed_at=NOW - timedelta(seconds=90))
    alertmanager.uptime = "2026-01-01T02:59:00Z"
    alertmanager.fire(LABELS)
    # Listed before the restart, which is a minute ago: that proves nothing.
    await asks.probe(alarm, NOW - timedelta(seconds=61))
    alertmanager.alerts.clear()
    with pytest.raises(SourceUnavailable, match="was restarted"):
        await asks.probe(alarm, NOW)
    alertmanager.fire(LABELS)
    await asks.probe(alarm, NOW - timedelta(seconds=5))
    alertmanager.alerts.clear()
    assert (await asks.probe(alarm, NOW)).state is AlarmState.OK


@pytest.mark.parametrize("uptime", [None, 7, "long", "2026-01-01T02:59:00Z"])
async def test_a_start_that_is_not_told_or_before_the_alert_means_nothing(
    alertmanager: FakeAlertmanager, uptime: object
) -> None:
    alertmanager.uptime = uptime
    assert (await prober(alertmanager).probe(an_alarm(), NOW)).state is AlarmState.OK


async def test_alert_with_more_labels_is_another_alert(alertmanager: FakeAlertmanager) -> None:
    alertmanager.fire(LABELS | {"severity": "page"})
    assert (await prober(alertmanager).probe(an_alarm(), NOW)).state is AlarmState.OK


async def test_silenced_alert_is_still_firing(alertmanager: FakeAlertmanager) -> None:
    alertmanager.fire(LABELS, state="suppressed")
    reading = await prober(alertmanager).probe(an_alarm(), NOW)
    assert reading.state is AlarmState.ALARM
    assert "silenced" in reading.detail
    assert alertmanager.asked[0][1]["silenced"] == ["true"]


async def test_path_prefix_is_kept(alertmanager: FakeAlertmanager) -> None:
    await prober(alertmanager, urls=(alertmanager.url + "/am/",)).probe(an_alarm(), NOW)
    assert alertmanager.asked[0][0] == "/am/api/v2/alerts"


async def test_login_is_sent(alertmanager: FakeAlertmanager) -> None:
    await prober(alertmanager, username="ops", password=Secret("hush")).probe(an_alarm(), NOW)
    assert alertmanager.authorization == "Basic b3BzOmh1c2g="
    await prober(alertmanager, token=Secret("hush")).probe(an_alarm(), NOW)
    assert alertmanager.authorization == "Bearer hush"


async def test_next_of_the_cluster_is_asked_when_one_is_down(alertmanager: FakeAlertmanager) -> None:
    alertmanager.fire(LABELS)
    reading = await prober(alertmanager, urls=("http://127.0.0.1:1", alertmanager.url)).probe(an_alarm(), NOW)
    assert reading.state is AlarmState.ALARM


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, b"no"), "answered 401"),
        ((302, b""), "answered 302"),
        ((500, b""), "answered 500"),
        ((200, b"<html>"), "did not answer JSON"),
        ((200, b"{}"), "did not answer a list"),
        ((200, b'["x"]'), "did not answer a list"),
        ((200, b"\xff\xfe"), "did not answer JSON"),
    ],
)
async def test_what_is_no_answer_is_never_ok(
    alertmanager: FakeAlertmanager, answer: tuple[int, bytes], words: str
) -> None:
    alertmanager.answer = answer
    with pytest.raises(SourceUnavailable, match=words):
        await prober(alertmanager).probe(an_alarm(), NOW)


async def test_alertmanager_that_is_down_hangs_or_is_nowhere_is_unavailable(alertmanager: FakeAlertmanager) -> None:
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1: "):
        await prober(alertmanager, urls=("http://127.0.0.1:1",)).probe(an_alarm(), NOW)
    with pytest.raises(SourceUnavailable, match="no Alertmanager address"):
        await prober(alertmanager, urls=()).probe(an_alarm(), NOW)
    with pytest.raises(SourceUnavailable, match="not a URL"):
        await prober(alertmanager, urls=("http://x:port",)).probe(an_alarm(), NOW)
    with pytest.raises(SourceUnavailable):
        await prober(alertmanager, urls=("no-scheme",)).probe(an_alarm(), NOW)
    with pytest.raises(SourceUnavailable, match="no labels"):
        await prober(alertmanager).probe(an_alarm({}), NOW)
    alertmanager.hang = threading.Event()
    with pytest.raises(SourceUnavailable, match=r"within 0\.1 s"):
        await prober(alertmanager, timeout=0.1).probe(an_alarm(), NOW)


async def test_odd_times_are_left_out(alertmanager: FakeAlertmanager) -> None:
    for text in ("yesterday", "2026-01-01T00:00:00"):
        alertmanager.alerts = [{"labels": LABELS, "startsAt": text}]
        reading = await prober(alertmanager).probe(an_alarm(), NOW)
        assert (reading.state, reading.since) == (AlarmState.ALARM, None)


def test_login_does_not_print() -> None:
    settings = AlertmanagerApi(urls=("http://x",), username="ops", password=Secret("hush"), token=Secret("hush"))
    assert "hush" not in repr(settings)
