"""The application that stops: a small Flask site, one process, no state."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from flask import Flask, Response

STARTED_AT = datetime.now(UTC)


def create_app() -> Flask:
    """Return the site."""
    app = Flask("webapp")

    def index() -> Response:
        since = STARTED_AT.isoformat(timespec="seconds")
        return Response(f"webapp is up since {since}, process {os.getpid()}\n", mimetype="text/plain")

    app.add_url_rule("/", view_func=index)
    return app


def main() -> None:
    """Serve on loopback until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    create_app().run(host="127.0.0.1", port=parser.parse_args().port, use_reloader=False, threaded=True)


if __name__ == "__main__":
    main()
