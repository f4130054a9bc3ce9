"""The monitor: looks at the application every second and sends what it saw as a metric, as a cron job would.

It prints one line of JSON for each datapoint that the endpoint has taken, and ends when its standard input does: so it
never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

#: Seconds between two looks.
EVERY = 1.0


def is_up(url: str) -> bool:
    """Say whether the application answers with a success within a second."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def watch(url: str, endpoint: str, instance: str, ended: threading.Event) -> None:
    """Send one datapoint a second until ``ended``."""
    config = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}, proxies={})
    cloudwatch = boto3.client("cloudwatch", endpoint_url=endpoint, config=config)
    due = time.monotonic()
    while not ended.is_set():
        at, value = datetime.now(UTC), 1.0 if is_up(url) else 0.0
        try:
            cloudwatch.put_metric_data(
                Namespace="CustomNamespace",
                MetricData=[
                    {
                        "MetricName": "webapp-uptime",
                        "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                        "Timestamp": at,
                        "Value": value,
                        "StorageResolution": 1,
                    }
                ],
            )
        except (BotoCoreError, ClientError) as error:
            print(f"not sent: {error}", file=sys.stderr, flush=True)
        else:
            print(json.dumps({"at": at.isoformat(), "value": value}), flush=True)
        due = max(due + EVERY, time.monotonic())
        ended.wait(due - time.monotonic())


def main() -> None:
    """Watch until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--instance", required=True)
    arguments = parser.parse_args()
    ended = threading.Event()

    def until_end_of_input() -> None:
        while os.read(0, 1024):
            pass
        ended.set()

    threading.Thread(target=until_end_of_input, daemon=True).start()
    watch(arguments.url, arguments.endpoint, arguments.instance, ended)


if __name__ == "__main__":
    main()
