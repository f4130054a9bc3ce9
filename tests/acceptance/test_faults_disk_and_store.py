"""Stores, disks and targets that fail: what was acknowledged is kept, the rest is refused with 503, and it heals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import ORDINARY, WakelessServer, alarm_event, free_port, until

pytestmark = pytest.mark.xdist_group("faults-disk-and-store")

BUCKET = "remediations-of-a-test"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
SETTINGS = """\
log: {{level: info}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
targets:
  - {{name: here, local: {{}}}}
  - {{name: down, ssh: {{host: 127.0.0.1, port: 1, user: nobody, agent: false}}}}
default_target: here
{more}
defaults:
  attempts: 1
  verify: {{within: 3600s, every: 600s}}
  limits: {{cooldown: 0s, per_hour: 1000, concurrent: 100, per_target: 100, flapping: 1000}}
rules:
  - {{name: down, match: {{namespace: Down}}, script: ordinary.sh, target: down, parameters: {{marks: /dev/null}}}}
  - {{name: asked, match: {{namespace: Store}}, approval: {{approvers: [local]}}}}
"""
#: Bytes of the disk that will be full.
DISK = 48 * 1024 * 1024
WRITES = """#!/bin/sh
echo begun
until [ -e "$WAKELESS_DIMENSION_GO" ]; do sleep 0.05; done
head -c 300000 /dev/zero | tr '\\000' x
echo "$WAKELESS_ATTEMPT_ID" >> "$WAKELESS_DIMENSION_RAN"
"""


@pytest.fixture(scope="module")
def s3_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def far(wakeless_server: StartsServer, s3_port: int) -> WakelessServer:
    """Start a server whose S3 does not answer."""
    more = f"remediations: {{store: s3://{BUCKET}/some/prefix}}\naws: {{endpoint_url: http://127.0.0.1:{s3_port}}}"
    return wakeless_server(SETTINGS.format(more=more), {}, CREDENTIALS)


@pytest.fixture(scope="module", autouse=True)
def waiting(far: WakelessServer) -> tuple[str, str]:
    """Report these at once: it takes a minute until a person is told."""
    return far.fire("waits", "Ordinary"), far.fire("recovers", "Ordinary")


@pytest.fixture(scope="module")
def near(wakeless_server: StartsServer) -> WakelessServer:
    return wakeless_server(SETTINGS.format(more=""), {})


@pytest.fixture(scope="module", autouse=True)
def unreachable(near: WakelessServer) -> str:
    """Report an alarm whose target is down: it takes half a minute until a person is told."""
    return near.fire("down", "Down")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a small disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root on Linux can mount a small disk to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more fits."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return path


def test_a_store_folder_that_goes_away_is_asked_again_until_it_is_back(near: WakelessServer) -> None:
    away = near.folder / "away"
    near.store.rename(away)
    incident = near.fire("gone", "Ordinary")
    entry = near.wait_for(incident, "plan.retry")
    assert f"the folder {near.store} is not there" in entry["text"]
    assert near.incident(incident)["status"] == "open"
    away.rename(near.store)
    near.wait(incident, "verifying")
    near.remediates_an_ordinary_incident()


def test_a_store_that_loses_the_script_between_plan_and_run_is_told(near: WakelessServer) -> None:
    edited, lost = near.store / "edited#Store.sh", near.store / "lost#Store.sh"
    edited.write_text("echo first\n")
    lost.write_text("echo first\n")
    incidents = [near.fire(name, "Store", name) for name in ("edited", "lost")]
    for incident in incidents:
        near.wait(incident, "awaiting_approval")
    edited.write_text("echo second\n")
    lost.unlink()
    for incident in incidents:
        assert near.post(f"/v1/incidents/{incident}/approve").status_code == 200
    reasons = [near.wait(incident, "escalated")["reason"] for incident in incidents]
    assert "'edited#Store.sh' is not the version" in reasons[0]
    assert "'lost#Store.sh' is no longer in" in reasons[1]
    near.remediates_an_ordinary_incident()


def test_a_full_disk_refuses_alarms_with_503_and_takes_them_again_when_there_is_room(
    wakeless_server: StartsServer, disk: Path
) -> None:
    server = wakeless_server(SETTINGS.format(more=""), {}, CREDENTIALS, disk / "data")
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=server.url,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    before = server.fire("before", "Ordinary")
    server.wait(before, "verifying")
    filler = fill(disk)

    refused: list[str] = []
    accepted: list[str] = []
    for number in range(300):
        answer = server.post("/v1/eventbridge", alarm_event(f"during {number}", "Ordinary", reason="r" * 1000))
        assert answer.status_code in (200, 503), answer.text
        (accepted if answer.status_code == 200 else refused).append(f"during {number}")
        if len(refused) == 5:
            break
    assert refused, "the disk was not full"
    assert answer.headers["retry-after"]
    assert "full" in answer.json()["error"]["message"], answer.text
    until(lambda: server.client.get("/readyz").status_code == 503)
    assert server.get("/healthz")["status"] == "ok"
    assert server.incident(before)["status"] == "verifying"
    with pytest.raises(ClientError) as aws_error:
        _put_a_lot(cloudwatch)
    assert aws_error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503

    filler.unlink()
    until(server.is_ready)
    server.remediates_an_ordinary_incident()
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0}])
    server.recover("before", "Ordinary")
    server.wait(before, "resolved")

    def titles() -> set[str]:
        return {one["title"] for one in server.get("/v1/incidents?limit=500")["incidents"]}

    # What was acknowledged has its incident, also what is found in the inbox by another process.
    server.restart()
    until(lambda: titles() >= set(accepted))
    assert not titles() & set(refused)
    server.remediates_an_ordinary_incident()


def test_a_disk_that_fills_up_while_a_script_runs_neither_loses_nor_repeats_it(
    wakeless_server: StartsServer, disk: Path, tmp_path: Path
) -> None:
    server = wakeless_server(SETTINGS.format(more=""), {"writes#Disk.sh": WRITES}, {}, disk / "data")
    go, ran = tmp_path / "go", tmp_path / "ran"
    incident = server.fire("writes", "Disk", "writes", {"Go": str(go), "Ran": str(ran)})
    server.wait_for(incident, "attempt.output")
    filler = fill(disk)
    go.touch()
    until(ran.exists)
    until(lambda: server.client.get("/readyz").status_code == 503)
    filler.unlink()
    ended = server.wait(incident, "verifying", "escalated", within=40)
    assert ended["status"] == "verifying", server.tell(incident)
    (attempt,) = ended["attempts"]
    assert attempt["result"] == "succeeded"
    assert ran.read_text().split() == [attempt["id"]]
    server.recover("writes", "Disk", "writes")
    server.wait(incident, "resolved")
    server.remediates_an_ordinary_incident()


def test_a_target_that_is_down_is_tried_again_and_then_a_person_is_told(near: WakelessServer, unreachable: str) -> None:
    ended = near.wait(unreachable, "escalated", within=45)
    assert [attempt["result"] for attempt in ended["attempts"]] == ["unreachable"]
    assert "could not reach the target" in ended["reason"]
    assert "127.0.0.1:1: Connection refused" in ended["reason"]
    assert "Target does not answer yet" in (near.folder / "server.log").read_text()
    near.remediates_an_ordinary_incident()


def test_an_s3_store_that_does_not_answer_is_asked_again_and_then_a_person_is_told_until_it_is_back(
    far: WakelessServer, waiting: tuple[str, str], s3_port: int
) -> None:
    waits, recovers = waiting
    far.recover("recovers", "Ordinary")
    assert far.wait(recovers, "resolved")["attempts"] == []
    ended = far.wait(waits, "escalated", within=110)
    retries = [entry for entry in ended["timeline"] if entry["kind"] == "plan.retry"]
    assert len(retries) == 6
    assert f"the remediation store s3://{BUCKET}/some/prefix/ does not answer" in ended["reason"]
    assert ended["reason"].endswith("looked for ordinary.sh")

    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as moto:
        try:
            s3 = boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{s3_port}",
                region_name="us-east-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(proxies={}, connect_timeout=2, retries={"total_max_attempts": 10, "mode": "standard"}),
            )
            until(lambda: _made(s3), 30)
            s3.put_object(Bucket=BUCKET, Key="some/prefix/ordinary.sh", Body=ORDINARY.encode())
            assert far.post(f"/v1/incidents/{waits}/retry").status_code == 200
            far.wait(waits, "verifying")
            far.remediates_an_ordinary_incident()
        finally:
            moto.terminate()


def _put_a_lot(cloudwatch: Any) -> None:
    values = [float(number) for number in range(150)]
    for _ in range(200):
        data = [{"MetricName": f"m{number}", "Values": values, "Counts": values} for number in range(100)]
        cloudwatch.put_metric_data(Namespace="N", MetricData=data)


def _made(s3: Any) -> bool:
    try:
        s3.create_bucket(Bucket=BUCKET)
    except Exception:
        return False
    return True
