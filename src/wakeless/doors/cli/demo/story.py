"""`wakeless demo webapp`: a web application stops, and Wakeless brings it back. All of it really happens."""

from __future__ import annotations

import contextlib
import importlib.util
import queue
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from wakeless.core.errors import WakelessError
from wakeless.doors.cli.client import Event, Server
from wakeless.doors.cli.demo.screen import Screen
from wakeless.doors.cli.demo.stage import METRIC, NAMESPACE, PERIOD, SERVICE, Datapoint, Stage
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.show import OUTPUT, STATUS_STYLES, clean, entry_style, local, moment, print_json, seconds

#: Seconds that each part may take before the demo gives up and says so.
_READY_SECONDS, _ALARM_SECONDS, _REPAIR_SECONDS = 20.0, 30.0, 75.0
#: Seconds between two looks at the alarm.
_LOOK_EVERY = 0.25


def tell(*, plain: bool, keep: bool, as_json: bool) -> Exit:
    """Tell the story; raises `CommandFailed` when it does not end well."""
    if importlib.util.find_spec("flask") is None:
        raise CommandFailed(
            "the demo's web application needs Flask",
            Exit.FAILED,
            code="demo_needs_flask",
            hint="Install it: pip install 'wakeless[demo]', or in a checkout run script/demo.",
        )
    with _tidy_end(), Stage(keep=keep) as stage, Screen(plain=plain or as_json, stderr=as_json) as screen:
        told = _Story(stage, screen).run()
        screen.close()
        if as_json:
            print_json(told)
        if keep:
            screen.say(f"the folder is left for you: {stage.folder}")
    return Exit.OK


@contextlib.contextmanager
def _tidy_end() -> Iterator[None]:
    """Let the signals that end a process unwind us, so that everything we started ends too."""

    def unwind(number: int, frame: FrameType | None) -> None:
        # A second one must not interrupt the tidying up.
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, unwind) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@dataclass(slots=True)
class _Moments:
    """When what happened, by this machine's clock."""

    stopped: datetime | None = None
    seen: datetime | None = None
    alarm: datetime | None = None
    ok: datetime | None = None


class _Story:
    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage, self._screen = stage, screen
        self._server = Server(stage.endpoint, answer_seconds=5.0)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        # A connection of its own, for the thread that follows what happens.
        self._events_server = Server(stage.endpoint)
        self._follower = threading.Thread(target=self._follow_events, daemon=True)
        self._moments = _Moments()
        self._state = ""
        #: From then on the journal's events tell what happens.
        self._told_alarm = False
        self._incident_id = ""
        self._ended = ""
        self._last_point: Datapoint | None = None

    def run(self) -> Mapping[str, Any]:
        """Play every part in turn; return what happened, as JSON values."""
        try:
            self._set_up()
            self._break()
            self._watch_the_repair()
            self._screen.close()
            return self._sum_up()
        finally:
            self._cancel_what_runs()
            self._events_server.stop_events()
            if self._follower.is_alive():
                self._follower.join(timeout=2.0)
            self._server.close()

    def _set_up(self) -> None:
        stage, screen = self._stage, self._screen
        screen.title("1  Everything is well")
        stage.start_server()
        self._until(self._is_ready, _READY_SECONDS, "waiting for the server to be ready")
        screen.say(f"wakeless serve answers at {stage.endpoint}")
        stage.systemctl("start")
        self._until(self._app_answers, _READY_SECONDS, "waiting for the web application")
        screen.say(f"systemctl start {SERVICE}: the web application answers at {stage.app_url}")
        stage.put_alarm()
        screen.say(f"boto3 put_metric_alarm: ALARM when {METRIC} in {NAMESPACE} falls below 1 (period {PERIOD} s)")
        stage.start_monitor()
        screen.say("the monitor looks every second and sends what it sees with boto3 put_metric_data")
        self._follower.start()
        self._until(lambda: self._state == "OK", _ALARM_SECONDS, "waiting for the first period of the alarm to end")

    def _break(self) -> None:
        self._screen.title("2  The web application stops")
        self._moments.stopped = datetime.now(UTC)
        self._stage.systemctl("stop")
        self._screen.say(f"systemctl stop {SERVICE}", "bold red")
        self._until(
            lambda: self._state == "ALARM", _ALARM_SECONDS, f"waiting for the alarm's period of {PERIOD} s to end"
        )

    def _watch_the_repair(self) -> None:
        self._screen.title("3  Wakeless repairs it")
        self._told_alarm = True
        self._until(lambda: bool(self._ended), _REPAIR_SECONDS, "waiting until the alarm itself is OK again")
        if self._ended != "resolved":
            raise self._stage.failure(f"the incident ended {self._ended}")
        if not self._app_answers():
            raise self._stage.failure("the incident is resolved, but the web application does not answer")

    def _until(self, reached: Callable[[], bool], limit: float, what: str) -> None:
        """Show what happens until ``reached``."""
        self._screen.waiting(what)
        deadline = self._screen.elapsed + limit
        while not reached():
            if self._screen.elapsed > deadline:
                raise self._stage.failure(f"gave up after {limit:.0f} s: {what}")
            self._stage.check_processes()
            self._show_datapoints()
            if self._told_alarm:
                self._show_events()
            self._look_at_the_alarm()
        self._screen.waiting("")

    def _show_datapoints(self) -> None:
        try:
            point = self._stage.datapoints.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            return
        self._screen.datapoint(point)
        if point.value == 0 and self._moments.stopped and not self._moments.seen:
            self._moments.seen = moment(point.at)
            self._screen.say("the monitor sees it: webapp-uptime = 0", "red")
        self._last_point = point

    def _show_events(self) -> None:
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return
            entry = event.entry
            kind, data = str(entry.get("kind", "")), entry.get("data") or {}
            self._incident_id = self._incident_id or str(entry.get("incident_id") or "")
            if kind == OUTPUT:
                for row in clean(entry.get("text")).splitlines():
                    self._screen.output(row, error=data.get("stream") == "stderr")
            else:
                opened = f"Incident {self._incident_id} is opened, and on disk"
                words = opened if kind == "incident.opened" else str(entry.get("text", ""))
                self._screen.say(words, entry_style(kind, data))
            if kind in ("incident.resolved", "incident.escalated"):
                self._ended = kind.partition(".")[2]

    def _look_at_the_alarm(self) -> None:
        if self._last_point is None:
            return
        try:
            alarm = self._stage.alarm()
        except (BotoCoreError, ClientError) as error:
            raise self._stage.failure(f"DescribeAlarms failed: {error}") from error
        state = str(alarm["StateValue"])
        if state == self._state:
            return
        self._state = state
        self._screen.state(state)
        at = alarm["StateUpdatedTimestamp"]
        if state == "ALARM":
            self._moments.alarm = at
        elif self._moments.alarm:
            self._moments.ok = at
        if not self._told_alarm:
            words = f"The alarm is {state}: {alarm.get('StateReason', '')}"
            self._screen.say(words, STATUS_STYLES.get(state, "default"))

    def _follow_events(self) -> None:
        # When the server is gone, `check_processes` tells it better.
        with contextlib.suppress(WakelessError):
            for event in self._events_server.events(after=0):
                self._events.put(event)

    def _is_ready(self) -> bool:
        try:
            self._server.get("/readyz")
        except CommandFailed:
            return False
        return True

    def _app_answers(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(self._stage.app_url, timeout=2.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _cancel_what_runs(self) -> None:
        if self._incident_id and not self._ended:
            try:
                self._server.post(f"/v1/incidents/{self._incident_id}/cancel")
            except CommandFailed:
                return  # nothing runs, or nobody is there to cancel it

    def _sum_up(self) -> Mapping[str, Any]:
        incident = self._server.get(f"/v1/incidents/{self._incident_id}")
        parts = self._parts(incident)
        screen = self._screen
        screen.title(f"4  Incident {self._incident_id} is resolved, and nobody was woken")
        for entry in incident.get("timeline") or []:
            if entry.get("kind") == OUTPUT:
                continue
            screen.row(Text(local(entry.get("at"), milliseconds=True), style="dim"), Text(str(entry.get("text", ""))))
        screen.title("How long each part took")
        for what, took in parts.items():
            screen.row(Text(f"{seconds(took):>8}", style="bold"), Text(what))
        total = sum(parts.values())
        screen.row(
            Text(f"{seconds(total):>8}", style="bold green"), Text("from the stop until the incident was resolved")
        )
        screen.say("the whole demo", "dim")
        return {"incident": incident, "seconds": parts, "total_seconds": round(screen.elapsed, 3)}

    def _parts(self, incident: Mapping[str, Any]) -> dict[str, float]:
        """Return the seconds of each part, from the moments that were seen and journalled."""
        attempts = incident.get("attempts") or [{}]
        steps = (
            ("until the monitor saw it", self._moments.seen),
            (f"until the alarm fired, after its period of {PERIOD} s", self._moments.alarm),
            ("until the remediation was found and started", moment(attempts[-1].get("started_at"))),
            ("while the remediation ran", moment(attempts[-1].get("ended_at"))),
            ("until the alarm's periods were good again", self._moments.ok),
            ("until the incident was resolved", moment(incident.get("resolved_at"))),
        )
        parts: dict[str, float] = {}
        before = self._moments.stopped
        for what, at in steps:
            if before is not None and at is not None:
                parts[what] = round((at - before).total_seconds(), 3)
            before = at or before
        return parts
