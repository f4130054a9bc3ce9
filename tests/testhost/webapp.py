"""The web application of the test host: answers that it is there."""

from __future__ import annotations

import http.server
import json
import os
import time

STARTED = time.time()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = {"ok": True, "pid": os.getpid(), "up": round(time.time() - STARTED, 2), "path": self.path}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
