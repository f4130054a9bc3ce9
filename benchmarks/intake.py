"""Intake: one alarm a POST over 50 connections, answered after the commit; and the same server's empty endpoint.

Wanted: at least 1,000 acknowledged alarms a second, and at least 0.5 of the empty endpoint's rate.
"""

from __future__ import annotations

import json
import statistics

from _server import Server, post, serving, verdict

ALARMS = 3000
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


def empty_rate(server: Server) -> float:
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    answer = server.load([request] * ALARMS)
    assert answer["statuses"] == {"200": ALARMS}, answer
    return float(str(answer["rate"]))


def alarm_rate(server: Server, first: int) -> tuple[float, dict[str, object]]:
    requests = [post("/v1/eventbridge", alarm(first + n), server.port) for n in range(ALARMS)]
    answer = server.load(requests)
    assert answer["statuses"] == {"200": ALARMS}, answer
    return float(str(answer["rate"])), answer


def main() -> None:
    settings = "log: {level: error}\nchannels: {quiet: {kind: console, stderr: false}}\nescalate_to: [quiet]\n"
    with serving(settings) as server:
        empty_rate(server)  # warm
        alarm_rate(server, 0)
        rates, empties, ratios, last = [], [], [], {}
        for n in range(1, ROUNDS + 1):
            rate, last = alarm_rate(server, n * ALARMS)
            empty = empty_rate(server)
            rates.append(rate)
            empties.append(empty)
            ratios.append(rate / empty)
        rate, empty, ratio = (statistics.median(values) for values in (rates, empties, ratios))
        met = verdict(rate >= 1000)
        print(f"acknowledged alarms/s, committed with synchronous=FULL: {rate:,.0f} (wanted 1,000: {met})")
        print(f"  latency p50 {last['p50']} ms, p99 {last['p99']} ms")
        print(f"  baseline: empty endpoint of the same server: {empty:,.0f}/s")
        print(f"  ratio {ratio:.2f} (wanted 0.50: {verdict(ratio >= 0.5)})")


if __name__ == "__main__":
    main()
