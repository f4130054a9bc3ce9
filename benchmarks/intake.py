"""Intake: one alarm a POST over 50 connections, answered after the commit.

Wanted: at least 1,000 acknowledged alarms a second, and at least 0.5 of what the same server answers for an empty
endpoint: one that takes the same POST from the same caller, reads the body, and answers (`_empty`). GET /healthz, which
has no body to read and no caller to check, is printed beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median

from _server import Server, post, serving, serving_nothing, verdict

ALARMS = 1500
ROUNDS = 3


def alarm(number: int) -> str:
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:bench-{number}"
    return json.dumps(
        {
            "version": "0",
            "id": f"{number:032x}",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "000000000000",
            "time": "2026-01-01T00:04:12Z",
            "region": "us-east-1",
            "resources": [arn],
            "detail": {
                "alarmName": f"bench-{number}",
                "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2026-01-01T00:04:12.301+0000"},
                "previousState": {"value": "OK", "reason": "", "timestamp": "2026-01-01T00:00:12.301+0000"},
                "configuration": {
                    "metrics": [
                        {
                            "id": "m1",
                            "metricStat": {
                                "metric": {
                                    "namespace": "Bench",
                                    "name": "uptime",
                                    "dimensions": {"InstanceId": f"i-{number:017x}"},
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
    )


def alarms(first: int, port: int) -> list[str]:
    return [post("/v1/eventbridge", alarm(first + n), port) for n in range(ALARMS)]


def rate(server: Server, requests: list[str]) -> tuple[float, dict[str, object]]:
    """Return answers per second, all of which must be 200."""
    answer = server.load(requests)
    assert answer["statuses"] == {"200": len(requests)}, answer
    return float(str(answer["rate"])), answer


@dataclass
class Round:
    """Rates of one round, taken one right after the other: other work on the machine comes and goes."""

    acknowledged: float
    empty: float
    health: float
    p50: float
    p99: float


def one_round(server: Server, bare: Server, number: int) -> Round:
    empties = [post("/", alarm(n), bare.port) for n in range(ALARMS)]
    healths = [f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"] * ALARMS
    empty, _ = rate(bare, empties)
    acknowledged, answer = rate(server, alarms(number * ALARMS, server.port))
    server.settle()
    health, _ = rate(server, healths)
    return Round(acknowledged, empty, health, float(str(answer["p50"])), float(str(answer["p99"])))


def main() -> None:
    settings = "log: {level: error}\nchannels: {quiet: {kind: console, stderr: false}}\nescalate_to: [quiet]\n"
    with serving(settings) as server, serving_nothing() as bare:
        one_round(server, bare, 0)  # warm
        rounds = [one_round(server, bare, n) for n in range(1, ROUNDS + 1)]
    acknowledged, empty, health = (
        median(getattr(one, name) for one in rounds) for name in ("acknowledged", "empty", "health")
    )
    ratio = median(one.acknowledged / one.empty for one in rounds)
    to_health = median(one.acknowledged / one.health for one in rounds)
    p50, p99 = median(one.p50 for one in rounds), median(one.p99 for one in rounds)
    print(f"acknowledged alarms/s, committed with synchronous=FULL: {acknowledged:,.0f}", end=" ")
    print(f"(wanted 1,000: {verdict(acknowledged >= 1000)}); latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"  baseline: the same server, the same POST to an empty endpoint: {empty:,.0f}/s;", end=" ")
    print(f"ratio {ratio:.2f} (wanted 0.50: {verdict(ratio >= 0.5)})")
    print(f"  beside it: GET /healthz: {health:,.0f}/s; ratio {to_health:.2f}")
    print(f"  medians of {ROUNDS} rounds of {ALARMS:,} over 50 connections; ratio of the same round each")


if __name__ == "__main__":
    main()
