"""One story, killed at one commit after another: run by `test_crash_points`, as a program of its own.

    python -m tests.integration.app.crash_world STORY FOLDER STEP OFFSET [AGAIN]

The story is lived once from beginning to end, and then once for every STEP-th point in it, from the OFFSET-th on. A
point is ``before:K`` or ``after:K``: the process kills itself right before, or right after, its K-th commit, before
anybody hears of it. Then another process goes on with what is on disk; with AGAIN it is killed too, right after its
AGAIN-th commit, and a third goes on. Each process is forked from this one, which holds nothing but the imported
modules. Prints one JSON line a point; the first is for the run that nobody killed.

All parts are the server's own, over a real journal and a real local target. Made for the story are the alarms' source
(which repeats what was not acknowledged, as sources do), the people, and a channel that writes to a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.app import build as wiring
from wakeless.app import conductor, courier
from wakeless.app.lifecycle import running
from wakeless.app.service import Service
from wakeless.app.settings.load import load_settings
from wakeless.core.errors import Refused
from wakeless.escalation.ports import Message, Receipt
from wakeless.pipeline import machine
from wakeless.store import sqlite
from wakeless.verification.ports import Prober, Reading

#: Seconds that one process may take.
LIMIT = 40.0
FIRED_AT = datetime(2026, 1, 1, tzinfo=UTC)

SETTINGS = """
data_dir: data
remediations: {store: scripts}
channels: {pager: {kind: console, stderr: false}}
escalate_to: [pager]
default_target: local
rules:
  - name: story
    script: fix.sh
    parameters: {world: %(world)s}
    attempts: 2
    pause: 50ms
    timeout: 60
    verify: {within: 3600, every: 1}
    limits: {cooldown: 0, flapping: 1000, max_hold: 3600}
    %(more)s
"""
#: Every script says that it ran, and which attempt it was.
RAN = """#!/bin/sh
echo "$WAKELESS_ATTEMPT_ID" >> "$WAKELESS_PARAM_WORLD/runs"
echo "looking at $WAKELESS_ALARM_NAME"
"""
FIX = 'touch "$WAKELESS_PARAM_WORLD/fixed"; echo fixed\n'


@dataclass(frozen=True)
class World:
    """What is outside of Wakeless, as files, so that it outlives every process."""

    folder: Path

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def put(self, name: str) -> None:
        (self.folder / name).touch()

    @property
    def runs(self) -> list[str]:
        path = self.folder / "runs"
        return path.read_text().split() if path.exists() else []


Condition = Callable[[World], bool]
#: What a person does when it is time for it; called again and again.
Deed = Callable[[Service, World], Awaitable[None]]


@dataclass(frozen=True)
class Story:
    script: str
    #: Name of a report to the alarm's name, its state, and when the source sends it.
    reports: dict[str, tuple[str, AlarmState, Condition]]
    more: str = ""
    deeds: Sequence[Deed] = field(default_factory=tuple)
    #: Whether the source answers OK once the script has fixed it.
    source_answers: bool = True
    #: What the timeline tells of or not, depending on who was quicker.
    by_chance: frozenset[str] = frozenset()


def always(world: World) -> bool:
    return True


async def approve(service: Service, world: World) -> None:
    await _act(service, "awaiting_approval", lambda one: service.decide(one, "ann", True, "go on"))


async def cancel(service: Service, world: World) -> None:
    async def unless_done(incident_id: str) -> None:
        timeline = (await service.get_incident(incident_id))["timeline"]
        if not any(entry["kind"] == "cancel.requested" for entry in timeline):
            await service.cancel(incident_id, "ann", "not now")

    if world.runs:
        await _act(service, "remediating", unless_done)


async def _act(service: Service, status: str, act: Callable[[str], Awaitable[object]]) -> None:
    # Somebody whose click got no answer looks again, and clicks again where it still asks.
    for incident in await service.list_incidents():
        if incident["status"] == status:
            with contextlib.suppress(Refused):
                await act(incident["id"])


async def switch_off_first(service: Service, world: World) -> None:
    if not world.has("switched-off"):
        await service.set_automation(False, "ann", "release")
        world.put("switched-off")


async def switch_on_when_held(service: Service, world: World) -> None:
    held = [one for one in await service.list_incidents() if one["status"] == "held"]
    if held and not service.automation()["enabled"]:
        await service.set_automation(True, "ann")


ALARM, OK = AlarmState.ALARM, AlarmState.OK
STORIES: dict[str, Story] = {
    "fixed at once": Story(script=FIX, reports={"alarm": ("web", ALARM, always)}),
    "failed, tried again, fixed": Story(
        script='[ "$WAKELESS_ATTEMPT" = 1 ] && { echo "no luck" >&2; exit 1; }\n' + FIX,
        reports={"alarm": ("web", ALARM, always)},
    ),
    "failed twice, escalated": Story(script="exit 3\n", reports={"alarm": ("web", ALARM, always)}),
    "approved, fixed": Story(
        script=FIX,
        reports={"alarm": ("web", ALARM, always)},
        more="approval: {approvers: [ann]}",
        deeds=(approve,),
    ),
    "held, let through, fixed": Story(
        script=FIX,
        reports={"alarm": ("web", ALARM, lambda world: world.has("switched-off"))},
        deeds=(switch_off_first, switch_on_when_held),
    ),
    "cancelled while it ran": Story(script="sleep 300\n", reports={"alarm": ("web", ALARM, always)}, deeds=(cancel,)),
    "OK again while it ran": Story(
        script='while [ ! -e "$WAKELESS_PARAM_WORLD/sent-ok" ]; do sleep 0.02; done\n',
        reports={"alarm": ("web", ALARM, always), "ok": ("web", OK, lambda world: bool(world.runs))},
        source_answers=False,
    ),
    "two on one target": Story(
        script=FIX,
        reports={"alarm": ("web", ALARM, always), "other": ("db", ALARM, always)},
        by_chance=frozenset({"incident.held"}),
    ),
}


# --- what surrounds it -----------------------------------------------------------------------------------------------


class Source:
    """Answers what the state of every alarm is."""

    def __init__(self, world: World, answers: bool) -> None:
        self._world = world
        self._answers = answers

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        fixed = self._answers and self._world.has("fixed")
        return Reading(state=OK if fixed else ALARM, since=None, at=now)


class Pager:
    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self._world = world

    async def send(self, message: Message) -> Receipt:
        with (self._world.folder / "messages").open("a") as file:
            file.write(f"{message.incident_id} {message.kind}\n")
        return Receipt(message.id)


async def report(service: Service, story: Story, world: World) -> None:
    """Send each report when it is its time, and again until it was acknowledged."""
    for name, (alarm, state, condition) in story.reports.items():
        if not world.has(f"sent-{name}") and condition(world):
            changed_at = FIRED_AT + timedelta(seconds=0 if state is ALARM else 60)
            await service.accept(
                [
                    Alarm(
                        source="story",
                        fingerprint=f"story:{alarm}",
                        dedup_key=f"story:{alarm}|{state}",
                        state=state,
                        name=alarm,
                        changed_at=changed_at,
                        namespace="Story",
                        metric="up",
                    )
                ]
            )
            world.put(f"sent-{name}")


class Reaper:
    """Counts the journal's commits, and kills this process at one of them."""

    def __init__(self, point: str | None) -> None:
        self.when, _, number = (point or "").partition(":")
        self.number = int(number or 0)
        self.labels: list[str] = []
        self._count = 0
        self._seq = 0
        self._in_journal = threading.local()
        commit, deliver = sqlite.Database._commit, sqlite._deliver

        def counted(database: sqlite.Database, batch: list[Any]) -> None:
            if database.path.name != "wakeless.db" or all(_asks(unit) == "prune_alarms" for unit in batch):
                commit(database, batch)
                return
            self._count += 1
            self._die("before")
            self._in_journal.yes = True
            commit(database, batch)
            self._in_journal.yes = False
            self.labels.append(self._label(database, batch))

        def told(batch: list[Any]) -> None:
            if getattr(self._in_journal, "yes", False):
                self._die("after")
            deliver(batch)

        sqlite.Database._commit = counted  # type: ignore[assignment, method-assign]
        sqlite._deliver = told

    def _die(self, when: str) -> None:
        if self.when == when and self._count == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def _label(self, database: sqlite.Database, batch: list[Any]) -> str:
        """Name the commit by what it told the timeline, or else by who asked for it."""
        rows = database._writer.execute("SELECT seq, kind FROM timeline WHERE seq > ? ORDER BY seq", (self._seq,))
        found = rows.fetchall()
        self._seq = found[-1][0] if found else self._seq
        if found:
            return " + ".join(dict.fromkeys(kind for _, kind in found))
        return " + ".join(dict.fromkeys(_asks(unit) for unit in batch))


def _asks(unit: Any) -> str:
    """Name the function that asked for this part of a commit."""
    fn = getattr(unit.fn, "func", unit.fn)
    return fn.__qualname__.split(".<locals>")[0] if fn is not None else "report"


def hurry(world: World, story: Story) -> None:
    """Put the story's source and channel in place, and shorten what is only patience."""

    def probers(*_: object) -> dict[str, Prober]:
        return {"story": Source(world, story.source_answers)}

    vars(wiring).update(_probers=probers, build_channel=lambda name, *_: Pager(name, world), UPKEEP=0.1)
    machine.RECHECK = 0.1
    conductor.SETBACK = courier.SETBACK = 0.1


async def live(folder: Path, story: Story, reaper: Reaper) -> None:
    world = World(folder)
    hurry(world, story)
    settings = load_settings(folder / "wakeless.yaml", {})
    async with running(settings) as one:
        deadline = time.monotonic() + LIMIT - 5
        while not done(folder / "data" / "wakeless.db", story):
            assert time.monotonic() < deadline, "the story does not end"
            assert not one.failed.done(), "a part failed"
            for deed in story.deeds:
                await deed(one.service, world)
            await report(one.service, story, world)
            await asyncio.sleep(0.005)
    (folder / "summary.json").write_text(json.dumps(summary(folder, story, reaper)))


def done(journal: Path, story: Story) -> bool:
    """Say whether nothing is left to be done."""
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as db:
        db.execute("BEGIN")
        (open_,) = db.execute("SELECT count(*) FROM incidents WHERE status NOT IN ('resolved', 'escalated')").fetchone()
        (all_,) = db.execute("SELECT count(*) FROM incidents").fetchone()
        (inbox,) = db.execute("SELECT count(*) FROM alarms_received WHERE correlated = 0").fetchone()
        (outbox,) = db.execute("SELECT count(*) FROM outbox WHERE status = 'pending'").fetchone()
        (left,) = db.execute("SELECT count(*) FROM attempts WHERE removed = 0").fetchone()
    expected = {alarm for alarm, state, _ in story.reports.values() if state is ALARM}
    return all_ >= len(expected) and not (open_ or inbox or outbox or left)


def summary(folder: Path, story: Story, reaper: Reaper) -> dict[str, Any]:
    """Return everything that must be the same however often it was killed."""
    world = World(folder)
    untold = {"attempt.output", *story.by_chance}
    with contextlib.closing(sqlite3.connect(folder / "data" / "wakeless.db")) as db:
        incidents = {}
        for incident_id, name, status in db.execute("SELECT id, alarm_name, status FROM incidents"):
            attempts = db.execute(
                "SELECT id, number, result, exit_code, stdout_size, stderr_size FROM attempts WHERE incident_id = ?"
                " ORDER BY number",
                (incident_id,),
            ).fetchall()
            timeline = db.execute(
                "SELECT kind, text FROM timeline WHERE incident_id = ? ORDER BY seq", (incident_id,)
            ).fetchall()
            told = (folder / "messages").read_text().splitlines() if world.has("messages") else []
            assert name not in incidents, f"two incidents for {name}"
            incidents[name] = {
                "status": status,
                "attempts": [list(row[1:]) for row in attempts],
                "ran": [world.runs.count(row[0]) for row in attempts],
                # A channel may hear a thing twice, and the timeline may say so; never less than once.
                "told": sorted({line.split()[1] for line in told if line.startswith(incident_id)}),
                "timeline": sorted(Counter(kind for kind, _ in timeline if kind not in untold).items()),
                # Two streams have no order between them.
                "output": sorted("".join(text for kind, text in timeline if kind == "attempt.output").splitlines()),
            }
        acknowledged = {path.name for path in folder.glob("sent-*")}
        (kept,) = db.execute("SELECT count(*) FROM alarms_received WHERE correlated = 1").fetchone()
    return {
        "incidents": incidents,
        "reports": [len(acknowledged), kept],
        "runs": len(world.runs),
        "labels": reaper.labels,
    }


# --- processes -------------------------------------------------------------------------------------------------------


def in_child(folder: Path, story: Story, point: str | None) -> int:
    """Live the story in a process of its own; return how it ended, as `os.waitpid` says it."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            logging.basicConfig(level=logging.INFO)
            asyncio.run(live(folder, story, Reaper(point)))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise SystemExit(f"{folder} takes too long:\n{(folder / 'log').read_text()[-4000:]}")


def live_through(root: Path, story: Story, points: Sequence[str]) -> dict[str, Any]:
    """Live the story, killed at each of ``points``, and on to its end; return its summary."""
    name = "+".join(points) or "whole"
    folder = root / name.replace(":", "-")
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "fix.sh").write_text(RAN + story.script)
    (folder / "wakeless.yaml").write_text(SETTINGS % {"world": folder, "more": story.more})
    kills = 0
    for point in (*points, None):
        status = in_child(folder, story, point)
        if not os.WIFSIGNALED(status):
            break
        kills += 1
    if status:
        raise SystemExit(f"{folder} ended with {status}:\n{(folder / 'log').read_text()[-6000:]}")
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found | {"point": name, "kills": kills}


def main() -> None:
    story, root = STORIES[sys.argv[1]], Path(sys.argv[2])
    step, offset = int(sys.argv[3]), int(sys.argv[4])
    again = [f"after:{number}" for number in sys.argv[5:]]
    whole = live_through(root, story, ())
    print(json.dumps(whole), flush=True)
    numbers = range(1, len(whole["labels"]) + 1)
    for point in [f"{when}:{number}" for number in numbers for when in ("before", "after")][offset::step]:
        print(json.dumps(live_through(root, story, (point, *again))), flush=True)


if __name__ == "__main__":
    main()
