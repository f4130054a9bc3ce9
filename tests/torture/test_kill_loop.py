"""Kill -9 the server at random moments while alarms come in and scripts run; then ask for every promise.

python tests/torture/test_kill_loop.py [--kills 100] [--seed N]      or, as part of script/torture, TORTURE_ROUNDS=100

Promises: every acknowledged alarm has its incident; no script ran twice for one attempt; no attempt that ended is run
again; everything ends resolved or escalated.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Each run leaves a line when it begins and one when it ends; a sleep in between makes room for a kill.
SCRIPT = """#!/bin/sh
echo "$WAKELESS_ATTEMPT_ID" >> "$WAKELESS_PARAM_LOG/began"
echo "output of $WAKELESS_ATTEMPT_ID"
sleep 0.$(( $$ % 9 ))
echo "$WAKELESS_ATTEMPT_ID" >> "$WAKELESS_PARAM_LOG/ended"
exit $(( $$ % 4 == 0 ))
"""


def settings(port: int, log: Path) -> str:
    return f"""listen: 127.0.0.1:{port}
data_dir: data
log: {{level: warning}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
default_target: local
rules:
  - name: torture
    match: {{namespace: Torture}}
    script: work.sh
    parameters: {{log: {log}}}
    attempts: 2
    pause: 1
    verify: {{within: 3600, every: 600}}
    limits: {{per_hour: 100000, concurrent: 1000, flapping: 100000, cooldown: 0, per_target: 1000, max_hold: 3600}}
"""


def payload(number: int, state: str) -> bytes:
    second = 10 if state == "ALARM" else 50
    return json.dumps(
        {
            "version": "0",
            "id": f"{number:08x}-{state}",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "000000000000",
            "time": "2026-01-01T00:04:12Z",
            "region": "us-east-1",
            "resources": [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:torture-{number}"],
            "detail": {
                "alarmName": f"torture-{number}",
                "state": {"value": state, "reason": "r", "timestamp": f"2026-01-01T00:04:{second}.301+0000"},
                "previousState": {"value": "OK", "reason": "", "timestamp": "2026-01-01T00:00:12.301+0000"},
                "configuration": {
                    "metrics": [
                        {
                            "id": "m1",
                            "metricStat": {
                                "metric": {
                                    "namespace": "Torture",
                                    "name": "up",
                                    "dimensions": {"InstanceId": f"i-{number}"},
                                },
                                "period": 60,
                                "stat": "Average",
                            },
                            "returnData": True,
                        }
                    ]
                },
            },
        }
    ).encode()


@dataclass
class World:
    folder: Path
    port: int
    random: random.Random
    acknowledged: dict[int, str | None] = field(default_factory=dict)
    sent: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WAKELESS_", "AWS_"))}
        command = [sys.executable, "-m", "wakeless", "serve", "--config", str(self.folder / "wakeless.yaml")]
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.ask("/healthz")
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"the server did not start:\n{(self.folder / 'server.log').read_text()[-4000:]}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def send_alarms(self) -> None:
        """Send new alarms for ever, and note which were acknowledged."""
        while not self.stop.is_set():
            number = self.sent
            self.sent += 1
            if self._send(number, "ALARM"):
                self.acknowledged[number] = None
            time.sleep(self.random.expovariate(30))

    def _send(self, number: int, state: str) -> bool:
        try:
            self.ask("/v1/eventbridge", payload(number, state))
        except (OSError, urllib.error.HTTPError, ValueError):
            return False
        return True

    def turn_ok(self) -> None:
        for number in range(self.sent):
            while not self._send(number, "OK"):
                time.sleep(0.1)

    def incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            answer = self.ask(f"/v1/incidents?limit=500{before}")
            page = answer["incidents"]
            found += page
            if len(page) < 500:
                return found
            before = f"&before={page[-1]['id']}"


def torture(kills: int, seed: int, *, say: bool = True) -> None:
    """Do it, and raise AssertionError for every promise that was broken."""
    with tempfile.TemporaryDirectory(prefix="wakeless-torture-") as name:
        folder = Path(name)
        (folder / "remediations").mkdir()
        (folder / "log").mkdir()
        (folder / "remediations" / "work.sh").write_text(SCRIPT)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        (folder / "wakeless.yaml").write_text(settings(port, folder / "log"))
        world = World(folder, port, random.Random(seed))
        world.start()
        sender = threading.Thread(target=world.send_alarms)
        sender.start()
        try:
            for number in range(kills):
                time.sleep(world.random.uniform(0.0, 0.8))
                world.kill()
                world.start()
                if say and (number + 1) % 10 == 0:
                    print(f"{number + 1} kills, {len(world.acknowledged)} alarms acknowledged", flush=True)
            world.stop.set()
            sender.join()
            settle(world)
            check(world, say=say)
        finally:
            world.stop.set()
            sender.join()
            if world.process is not None and world.process.poll() is None:
                world.kill()


def settle(world: World) -> None:
    """Wait until nothing runs, turn every alarm OK, and wait until nothing is open."""
    deadline = time.monotonic() + 240
    busy = {"open", "remediating", "held", "awaiting_approval"}
    while time.monotonic() < deadline:
        waiting = Counter(str(incident["status"]) for incident in world.incidents())
        if not busy & waiting.keys():
            break
        time.sleep(0.5)
    else:
        raise AssertionError(f"still busy after 240 s: {waiting}")
    world.turn_ok()
    while time.monotonic() < deadline:
        waiting = Counter(str(incident["status"]) for incident in world.incidents())
        if set(waiting) <= {"resolved"}:
            return
        time.sleep(0.5)
    raise AssertionError(f"not resolved although every alarm is OK: {waiting}")


def check(world: World, *, say: bool) -> None:
    incidents = world.incidents()
    titles = Counter(str(incident["title"]) for incident in incidents)
    missing = [number for number in world.acknowledged if not titles[f"torture-{number}"]]
    assert not missing, f"acknowledged, and no incident: {missing}"
    twice = [title for title, count in titles.items() if count > 1]
    assert not twice, f"two incidents for one alarm: {twice}"
    began = Counter((world.folder / "log" / "began").read_text().split())
    ended = Counter((world.folder / "log" / "ended").read_text().split())
    again = [attempt for attempt, count in (began | ended).items() if count > 1]
    assert not again, f"ran twice for one attempt: {again}"
    results: Counter[str] = Counter()
    for incident in incidents:
        details = world.ask(f"/v1/incidents/{incident['id']}")
        for attempt in details["attempts"]:
            results[str(attempt["result"])] += 1
            if attempt["result"] in ("succeeded", "failed"):
                assert began[attempt["id"]] == 1, f"{attempt['id']} has a result and never ran"
    unknown = results["outcome_unknown"]
    assert not unknown, f"{unknown} attempts were not re-attached although their run folders survived: {results}"
    if say:
        print(f"{len(incidents)} incidents, {sum(began.values())} runs, results {dict(results)}: every promise kept")


def test_every_promise_holds_when_the_server_is_killed_at_random_moments() -> None:
    rounds = int(os.environ.get("TORTURE_ROUNDS", "5"))
    torture(rounds, seed=int(os.environ.get("TORTURE_SEED", "7")), say=rounds > 10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    torture(options.kills, options.seed)
