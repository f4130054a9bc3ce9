"""PutMetricData in calls of 300 datapoints, signed, over 8 connections, each answered after its commit.

Wanted: at least 20,000 datapoints a second by JSON. The query and CBOR protocols are printed beside it, and the body
compressed, as boto3 sends it. Baselines: the same server's answer to GetCallerIdentity, a signed call with nothing to
do, as often as that is; and the same rows put into a SQLite file by `executemany`, a commit for every 300 of them.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from _server import Server, serving, verdict
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.serialize import create_serializer
from botocore.session import Session

WANTED = 20_000
CALLS = 60
PER_CALL = 300
#: Metrics that the datapoints are spread over, one a minute each.
SERIES = 3_000
ROUNDS = 3
CONNECTIONS = 8
KEYS = Credentials("AKIDBENCHMARKS00", "not-a-secret-in-a-benchmark")
SETTINGS = f"log: {{level: error}}\naccess_keys: [{{id: {KEYS.access_key}, secret: {KEYS.secret_key}}}]\n"
SESSION = Session()
#: The minute of the first datapoints; those after them come later, and none from the future.
BEGAN = datetime.now(UTC) - timedelta(hours=2)


def parameters(call: int) -> dict[str, Any]:
    at = BEGAN + timedelta(minutes=call * PER_CALL // SERIES)
    return {
        "Namespace": "Bench",
        "MetricData": [
            {
                "MetricName": "load",
                "Dimensions": [{"Name": "InstanceId", "Value": f"i-{number % SERIES:017x}"}],
                "Timestamp": at,
                "Value": number * 0.25,
                "Unit": "Percent",
            }
            for number in range(call * PER_CALL, (call + 1) * PER_CALL)
        ],
    }


def signed(port: int, service: str, protocol: str, operation: str, values: Mapping[str, Any], *, zipped: bool) -> str:
    """Return a whole request as AWS's own client library writes and signs it."""
    model = SESSION.get_service_model(service)
    call = create_serializer(protocol, include_validation=False).serialize_to_request(
        values, model.operation_model(operation)
    )
    body, headers = call["body"], dict(call["headers"])
    if isinstance(body, dict):
        raw = AWSRequest(method="POST", url="http://x/", data=body).prepare().body
        body, headers["Content-Type"] = raw, "application/x-www-form-urlencoded; charset=utf-8"
    body = body.encode() if isinstance(body, str) else bytes(body)
    if zipped:
        body, headers["Content-Encoding"] = gzip.compress(body, 6), "gzip"
    request = AWSRequest(method="POST", url=f"http://127.0.0.1:{port}{call['url_path']}", data=body, headers=headers)
    SigV4Auth(KEYS, model.signing_name, "us-east-1").add_auth(request)
    lines = [f"POST {call['url_path']} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "content-length"]
    return "\r\n".join(lines) + "\r\n\r\n" + body.decode("latin-1")


def rate(server: Server, requests: list[str]) -> float:
    """Return answers per second, all of which must be 200."""
    answer = server.load(requests, CONNECTIONS)
    assert answer["statuses"] == {"200": len(requests)}, answer
    return float(str(answer["rate"]))


def put(server: Server, number: int, protocol: str, *, zipped: bool = False) -> float:
    """Return datapoints per second; ``number`` tells this load's minutes from those of the others."""
    requests = [
        signed(server.port, "cloudwatch", protocol, "PutMetricData", parameters(number * CALLS + call), zipped=zipped)
        for call in range(CALLS)
    ]
    return rate(server, requests) * PER_CALL


def identify(server: Server) -> float:
    """Return calls per second that have nothing to do."""
    one = signed(server.port, "sts", "query", "GetCallerIdentity", {}, zipped=False)
    return rate(server, [one] * 1000)


def insert(path: Path) -> float:
    """Return rows per second that SQLite itself takes."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE samples (series INTEGER, at INTEGER, value REAL, PRIMARY KEY (series, at)) WITHOUT ROWID")
    began = time.perf_counter()
    for call in range(CALLS):
        numbers = range(call * PER_CALL, (call + 1) * PER_CALL)
        db.execute("BEGIN")
        db.executemany("INSERT INTO samples VALUES (?, ?, ?)", [(n % SERIES, n // SERIES, n * 0.25) for n in numbers])
        db.execute("COMMIT")
    seconds = time.perf_counter() - began
    db.close()
    return CALLS * PER_CALL / seconds


def main() -> None:
    others = {
        "JSON 1.0, gzip": ("json", True),
        "query": ("query", False),
        "query, gzip": ("query", True),
        "CBOR": ("smithy-rpc-v2-cbor", False),
        "CBOR, gzip": ("smithy-rpc-v2-cbor", True),
    }
    puts, empties, rows = [], [], []
    with serving(SETTINGS) as server, tempfile.TemporaryDirectory() as name:
        put(server, 0, "json")  # warm: the metrics are known from here on
        for number in range(1, ROUNDS + 1):
            puts.append(put(server, number, "json"))
            empties.append(identify(server))
            rows.append(insert(Path(name) / f"{number}.db"))
        beside = {
            kind: put(server, ROUNDS + number, protocol, zipped=zipped)
            for number, (kind, (protocol, zipped)) in enumerate(others.items(), start=1)
        }
        memory = server.rss_mb()
    figure, calls = median(puts), median(empties)
    print(f"PutMetricData, datapoints/s in signed calls of {PER_CALL}: {figure:,.0f}", end=" ")
    print(f"(wanted {WANTED:,}: {verdict(figure >= WANTED)})")
    print("  beside it: " + "; ".join(f"{kind} {figure:,.0f}" for kind, figure in beside.items()))
    print(f"  baseline: signed calls/s that do nothing (GetCallerIdentity): {calls:,.0f};", end=" ")
    print(f"PutMetricData {figure / PER_CALL:,.0f}; ratio {figure / PER_CALL / calls:.2f}")
    print(f"  baseline: rows/s by executemany, a commit for {PER_CALL}: {median(rows):,.0f};", end=" ")
    print(f"ratio {figure / median(rows):.2f}")
    print(
        f"  resident memory afterwards: {memory:.0f} MB; medians of {ROUNDS} rounds of {CALLS * PER_CALL:,} datapoints"
    )


if __name__ == "__main__":
    main()
