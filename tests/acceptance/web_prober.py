"""A prober for Prometheus: ``GET /probe?target=URL`` says whether that URL answers 200, as the blackbox exporter does.

python web_prober.py     listens on a free port of loopback and prints it
"""

from __future__ import annotations

import http.server
import time
import urllib.error
import urllib.parse
import urllib.request

#: Seconds; less than the interval at which it is asked.
LIMIT = 0.7


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        target = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("target")
        if target is None:
            self.send_error(400, "target is missing")
            return
        began = time.monotonic()
        up = is_up(target[0])
        body = (
            f"# TYPE probe_success gauge\nprobe_success {up:d}\n"
            f"# TYPE probe_duration_seconds gauge\nprobe_duration_seconds {time.monotonic() - began:.6f}\n"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
