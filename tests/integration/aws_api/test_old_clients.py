"""boto3 and the AWS CLI of three ages, each in its own process and environment, against one real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.timeout(600)

DRIVE = Path(__file__).with_name("drive.py")
Variables = Callable[[Any], dict[str, str]]
MakeEnvironment = Callable[[str], Path]


@pytest.fixture
def unique() -> str:
    return f"old-{uuid4().hex[:12]}"


def run(arguments: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, env=variables, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["boto3-1.18", "boto3-1.34", "installed"])
def test_boto3_of_every_age_works_unchanged(
    name: str,
    endpoint: Any,
    client_environment: MakeEnvironment,
    client_variables: Variables,
    unique: str,
) -> None:
    python = sys.executable if name == "installed" else str(client_environment(name) / "python")
    ready = run([python, "-W", "ignore", "-c", "import boto3; boto3.client('cloudwatch')"], client_variables(endpoint))
    if ready.returncode != 0:
        pytest.skip(f"{name} does not run on this Python: {ready.stderr.strip().splitlines()[-1]}")
    result = run([python, "-W", "ignore", str(DRIVE), unique], client_variables(endpoint))
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    version = seen.pop("botocore")
    assert name == "installed" or version.startswith({"boto3-1.18": "1.21.", "boto3-1.34": "1.34."}[name])
    unserved = seen["errors"].pop("unserved")
    assert unserved[0] in ("InvalidAction", "UnknownOperationException")
    assert seen == {
        "caller": "arn:aws:iam::000000000000:user/tester",
        "alarm": ["ALARM", "by hand", 1.0, ["arn:aws:sns:us-east-1:000000000000:topic"], []],
        "moment is aware": True,
        "composite": ["ALARM"],
        "history": ["Alarm updated from INSUFFICIENT_DATA to ALARM"],
        "points": [[True, 0.0, 1.0]],
        "data": [["a", [0.0], "Complete"]],
        "metrics": 300,
        "tags": [],
        "errors": {
            "ghost": ["ResourceNotFound", 404],
            "bad state": ["ValidationError", 400],
            "both": ["InvalidParameterCombination", 400],
            "unit": ["InvalidParameterValue", 400],
            "token": ["InvalidNextToken", 400],
            "child": ["ValidationError", 400],
        },
        "left": 0,
    }


class Cli:
    """``aws`` of one age."""

    def __init__(self, program: Path, variables: dict[str, str], url: str) -> None:
        self._program = str(program)
        self._variables = variables
        self._url = url

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        result = run([self._program, "--endpoint-url", self._url, "--output", "json", *arguments], self._variables)
        assert result.returncode == expect, f"{arguments}: {result.stdout}{result.stderr}"
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run("cloudwatch", *arguments).stdout)


@pytest.fixture(params=["awscli-1.20", "awscli-1.33", "awscli-1"])
def cli(
    request: pytest.FixtureRequest, endpoint: Any, client_environment: MakeEnvironment, client_variables: Variables
) -> Cli:
    program = client_environment(request.param) / "aws"
    variables = {**client_variables(endpoint), "PYTHONWARNINGS": "ignore"}
    ready = run([str(program), "--version"], variables)
    if ready.returncode != 0:
        pytest.skip(f"{request.param} does not run on this Python: {ready.stderr.strip().splitlines()[-1]}")
    return Cli(program, variables, endpoint.url)


def test_commands_of_the_web_application_story_run_unchanged(cli: Cli, unique: str) -> None:
    assert "user/tester" in cli.run("sts", "get-caller-identity").stdout
    metric = ["--namespace", unique, "--metric-name", "webapp-uptime"]
    dimension = ["--dimensions", "InstanceId=i-0abc1234def567890"]
    cli.run("cloudwatch", "put-metric-data", *metric, *dimension, "--value", "1", "--unit", "None")
    cli.run(
        *["cloudwatch", "put-metric-alarm", "--alarm-name", unique, *metric],
        *["--dimensions", "Name=InstanceId,Value=i-0abc1234def567890", "--statistic", "Minimum", "--period", "60"],
        *["--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "LessThanThreshold"],
        *["--treat-missing-data", "breaching", "--alarm-actions", "arn:aws:sns:us-east-1:000000000000:topic"],
    )
    cli.run(
        *["cloudwatch", "set-alarm-state", "--alarm-name", unique, "--state-value", "ALARM"],
        *["--state-reason", "systemctl stop webapp"],
    )
    (alarm,) = cli.json("describe-alarms", "--alarm-names", unique)["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"], alarm["Threshold"]) == ("ALARM", "systemctl stop webapp", 1.0)
    assert [each["MetricName"] for each in cli.json("list-metrics", "--namespace", unique)["Metrics"]] == [
        "webapp-uptime"
    ]
    history = cli.json("describe-alarm-history", "--alarm-name", unique, "--history-item-type", "StateUpdate")
    assert len(history["AlarmHistoryItems"]) == 1
    cli.run("cloudwatch", "disable-alarm-actions", "--alarm-names", unique)
    cli.run("cloudwatch", "delete-alarms", "--alarm-names", unique)
    assert cli.json("describe-alarms", "--alarm-names", unique)["MetricAlarms"] == []


def test_statistics_and_data_are_printed(cli: Cli, unique: str) -> None:
    data = json.dumps(
        [
            {"MetricName": "m", "Value": 4, "StorageResolution": 60},
            {"MetricName": "m", "Values": [1.5, 2.5], "Counts": [1, 1]},
        ]
    )
    cli.run("cloudwatch", "put-metric-data", "--namespace", unique, "--metric-data", data)
    now = datetime.now(UTC)
    span = [
        "--start-time",
        (now - timedelta(minutes=5)).isoformat(),
        "--end-time",
        (now + timedelta(minutes=5)).isoformat(),
    ]
    points = cli.json(
        "get-metric-statistics", "--namespace", unique, "--metric-name", "m", "--period", "3600", "--statistics", "Sum",
        *span,
    )["Datapoints"]  # fmt: skip
    assert sum(point["Sum"] for point in points) == 8.0
    queries = json.dumps(
        [
            {
                "Id": "a",
                "MetricStat": {"Metric": {"Namespace": unique, "MetricName": "m"}, "Period": 60, "Stat": "SampleCount"},
            }
        ]
    )
    (result,) = cli.json("get-metric-data", "--metric-data-queries", queries, *span)["MetricDataResults"]
    assert (sum(result["Values"]), result["StatusCode"]) == (3.0, "Complete")


def test_cli_says_what_went_wrong(cli: Cli, unique: str) -> None:
    state = ["--alarm-name", unique, "--state-value", "OK", "--state-reason", "r"]
    result = cli.run("cloudwatch", "set-alarm-state", *state, expect=255)
    assert "An error occurred (ResourceNotFound) when calling the SetAlarmState operation" in result.stderr
    cli._variables = {**cli._variables, "AWS_SECRET_ACCESS_KEY": "guess"}
    result = cli.run("cloudwatch", "list-metrics", expect=255)
    assert "SignatureDoesNotMatch" in result.stderr


def test_cli_needs_no_credentials_where_nobody_else_can_connect(cli: Cli, open_endpoint: Any) -> None:
    cli._url = open_endpoint.url
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del cli._variables[name]
    listed = cli.run("--no-sign-request", "cloudwatch", "describe-alarms", "--alarm-names", "nobody")
    assert json.loads(listed.stdout)["MetricAlarms"] == []
    assert "user/local" in cli.run("--no-sign-request", "sts", "get-caller-identity").stdout
