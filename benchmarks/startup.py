"""How fast the program starts, and what an idle server costs.

Wanted: `wakeless --help` within 0.3 s, and an idle server with at most 100 MB of resident memory. Baselines: the same
interpreter that does nothing, and a bare uvicorn with the same event loop and parser that answers every request.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from _server import Server, free_port, serving, until_ready, verdict

RUNS = 11
BARE = """
import sys, uvicorn
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off", loop="uvloop", http="httptools")
"""


def seconds(command: Sequence[str]) -> float:
    """Return the median of some runs, the first of which only warms the disk's cache."""
    took = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return median(took[1:])


def idle() -> tuple[float, float]:
    """Return the seconds until a server was ready, and its MB after some seconds of doing nothing."""
    began = time.perf_counter()
    with serving("log: {level: error}\n") as server:
        ready = time.perf_counter() - began
        time.sleep(3)
        return ready, server.rss_mb()


def bare() -> tuple[float, float]:
    """Return the same of a bare uvicorn."""
    with tempfile.TemporaryDirectory(prefix="wakeless-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "bare.py").write_text(BARE)
        began = time.perf_counter()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "bare.py", str(port)], cwd=folder, stdout=log, stderr=log)
        with until_ready(port, process, folder / "log"):
            ready = time.perf_counter() - began
            time.sleep(3)
            return ready, Server(port, folder, process).rss_mb()


def main() -> None:
    command = [sys.executable, "-m", "wakeless", "--help"]
    helped, nothing = seconds(command), seconds([sys.executable, "-c", "pass"])
    print(f"wakeless --help: {helped:.2f} s (wanted 0.30: {verdict(helped <= 0.3)})")
    print(f"  baseline: python -c pass: {nothing:.2f} s; ratio {helped / nothing:.1f}")
    ready, memory = idle()
    bare_ready, bare_memory = bare()
    print(f"idle server, resident memory: {memory:.0f} MB (wanted 100: {verdict(memory <= 100)})")
    print(f"  baseline: idle bare uvicorn: {bare_memory:.0f} MB; ratio {memory / bare_memory:.1f}")
    print(f"server ready after {ready:.2f} s; bare uvicorn after {bare_ready:.2f} s; ratio {ready / bare_ready:.1f}")


if __name__ == "__main__":
    main()
