"""From the POST of an alarm to the first instruction of its local script, with 10 alarms a second coming in.

Wanted: p50 at most 25 ms, p99 at most 100 ms. Baseline: the same script started by a bare `subprocess.Popen`.
"""

from __future__ import annotations

import http.client
import subprocess
import time
from pathlib import Path

from _server import Server, serving, verdict
from intake import alarm

ALARMS = 300
PER_SECOND = 10.0
SCRIPT = '#!/bin/bash\nnow=$EPOCHREALTIME\necho "$now" > "$WAKELESS_PARAM_FOLDER/$WAKELESS_ALARM_NAME"\n'


def settings(folder: str) -> str:
    return f"""log: {{level: error}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
default_target: local
rules:
  - name: bench
    match: {{namespace: Bench}}
    script: stamp.sh
    parameters: {{folder: {folder}}}
    limits: {{per_hour: 100000, concurrent: 1000, flapping: 100000, cooldown: 0, per_target: 1000}}
"""


def post_all(server: Server) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    sent: dict[str, float] = {}
    began = time.monotonic()
    for n in range(ALARMS):
        time.sleep(max(0.0, began + n / PER_SECOND - time.monotonic()))
        body = alarm(n)
        sent[f"bench-{n}"] = time.time()
        connection.request("POST", "/v1/eventbridge", body)
        connection.getresponse().read()
    return sent


def waits(sent: dict[str, float], folder: Path) -> list[float]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(list(folder.iterdir())) < len(sent):
        time.sleep(0.1)
    found = {path.name: float(path.read_text()) for path in folder.iterdir()}
    missing = sent.keys() - found.keys()
    assert not missing, f"{len(missing)} scripts did not run"
    return sorted(1000 * (found[name] - moment) for name, moment in sent.items())


def baseline(folder: Path) -> list[float]:
    script = folder / "stamp.sh"
    script.write_text(SCRIPT)
    script.chmod(0o700)
    took = []
    for n in range(100):
        environment = {"PATH": "/usr/bin:/bin", "WAKELESS_PARAM_FOLDER": str(folder), "WAKELESS_ALARM_NAME": f"b{n}"}
        began = time.time()
        subprocess.run([str(script)], env=environment, check=True)
        took.append(1000 * (float((folder / f"b{n}").read_text()) - began))
    return sorted(took)


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="wakeless-stamps-") as name:
        stamps, bare = Path(name) / "stamps", Path(name) / "bare"
        stamps.mkdir()
        bare.mkdir()
        with serving(settings(str(stamps)), {"stamp.sh": SCRIPT}) as server:
            took = waits(post_all(server), stamps)
        floor = baseline(bare)
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        print(f"POST to first instruction: p50 {p50:.1f} ms (wanted 25: {verdict(p50 <= 25)}),", end=" ")
        print(f"p99 {p99:.1f} ms (wanted 100: {verdict(p99 <= 100)}); {ALARMS} alarms, {PER_SECOND:g} a second")
        print(f"  baseline: the script started directly: p50 {floor[50]:.1f} ms, p99 {floor[98]:.1f} ms")


if __name__ == "__main__":
    main()
