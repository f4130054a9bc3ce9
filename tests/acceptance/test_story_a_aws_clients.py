"""The web application that stopped, told by the real AWS CLI and boto3 of every age: only the endpoint is ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.aws_story import ACCESS_KEY, MAKERS, SECRET_KEY, Boto3, CallFailed, Cli, Client, Instance, Story
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import WakelessServer

# The time limit is for a machine that has to install old clients first.
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("story: AWS clients")]

SETTINGS = """\
log: {{level: info}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
access_keys: [{{id: {access_key}, secret: {secret_key}}}]
monitoring: {{evaluation_delay: 1s}}
targets:
  - {{name: web-1, match: {instances}, local: {{}}}}
  - {{name: here, ssh: {{host: 127.0.0.1, port: 1}}}}
defaults:
  pause: 1s
  verify: {{within: 60s, every: 1s, steady_for: 0s}}
  limits: {{cooldown: 0s, target_cooldown: 0s, concurrent: 20, per_target: 20}}
rules:
"""
#: Starts the web application of the instance that the alarm is about.
SCRIPT = """#!/bin/sh
set -eu
cd "{instances}/$WAKELESS_DIMENSION_INSTANCEID"
echo "$WAKELESS_ATTEMPT_ID" >>runs
for _ in $(seq 600); do [ -e wait ] || break; sleep 0.1; done
nohup sleep 600 >/dev/null 2>&1 </dev/null &
echo $! >pid.new
mv pid.new pid
echo "$WAKELESS_METRIC of $WAKELESS_DIMENSION_INSTANCEID runs again"
"""
KEY = "webapp-uptime#CustomNamespace.sh"


@dataclass(frozen=True, slots=True)
class Told:
    """How a story ended."""

    story: Story
    incident: dict[str, Any]
    history: list[str]


class Stage:
    """A server, and an instance for each client."""

    def __init__(self, start: StartsServer, folder: Path, names: list[str]) -> None:
        self.names = names
        self._instances = {
            name: Instance(id=f"i-{number:017x}", folder=folder / f"i-{number:017x}")
            for number, name in enumerate(names, 1)
        }
        ids = [instance.id for instance in self._instances.values()]
        settings = SETTINGS.format(access_key=ACCESS_KEY, secret_key=SECRET_KEY, instances=ids)
        self.server: WakelessServer = start(settings, {KEY: SCRIPT.format(instances=folder)})
        self._clients: list[Client] = []

    def story(self, name: str) -> Story:
        """Return a story that is to be told by a client."""
        client = MAKERS[name](self.server.url)
        self._clients.append(client)
        return Story(client=client, instance=self._instances[name], server=self.server, alarm=f"webapp by {name}")

    def clear(self) -> None:
        """End clients and applications."""
        for client in self._clients:
            client.close()
        for instance in self._instances.values():
            instance.stop_webapp()


@dataclass(frozen=True, slots=True)
class Stories:
    """Stories that are being told at the same time, since nearly all of each is waiting for periods to end."""

    by_client: dict[str, Future[Told]]
    with_a_kill: Future[list[Told]]


@pytest.fixture(scope="module")
def stories(wakeless_server: StartsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stories]:
    stage = Stage(wakeless_server, tmp_path_factory.mktemp("instances"), list(MAKERS))
    killed = Stage(wakeless_server, tmp_path_factory.mktemp("instances"), ["boto3", "awscli-1"])
    with ThreadPoolExecutor(len(MAKERS)) as pool, ThreadPoolExecutor(1) as other:
        by_client = {name: pool.submit(tell, stage, name) for name in MAKERS}
        yield Stories(by_client, other.submit(tell_with_a_kill, killed))
    stage.clear()
    killed.clear()


def tell(stage: Stage, name: str) -> Told:
    """The web application stops, and that is all."""
    story = stage.story(name)  # here, so that a client that cannot be had costs nothing but its own test
    story.set_up()
    story.instance.stop_webapp()
    incident = story.resolved()
    return Told(story, incident, story.client.history(story.alarm))


def tell_with_a_kill(stage: Stage) -> list[Told]:
    """The web applications stop, and Wakeless is killed while their remediations run."""
    stories = [stage.story(name) for name in stage.names]
    with ThreadPoolExecutor(len(stories)) as pool:
        list(pool.map(Story.set_up, stories))
        for story in stories:
            (story.instance.folder / "wait").touch()
            story.instance.stop_webapp()
        list(pool.map(lambda one: one.watch_until(one.instance.runs, 40, "the remediation did not begin"), stories))
        stage.server.kill()
        # The cron jobs know nothing of that. The clients try again for some seconds by themselves, and may give up.
        reports = [pool.submit(story.report) for story in stories]
        stage.server.start()
        for report in reports:
            with contextlib.suppress(CallFailed):
                report.result()
        assert all(story.incident("remediating") for story in stories)
        for story in stories:
            (story.instance.folder / "wait").unlink()
        incidents = list(pool.map(Story.resolved, stories))
    return [Told(story, incident, []) for story, incident in zip(stories, incidents, strict=True)]


@pytest.mark.parametrize("name", MAKERS)
def test_the_story_is_told_by_a_client_of_every_age(name: str, stories: Stories) -> None:
    told = stories.by_client[name].result()
    incident, instance = told.incident, told.story.instance
    (attempt,) = incident["attempts"]
    assert (attempt["result"], attempt["script"], attempt["target"]) == ("succeeded", KEY, "web-1")
    assert instance.runs() == [attempt["id"]]
    assert instance.is_up()
    output = told.story.server.client.get(f"/v1/attempts/{attempt['id']}/output", params={"stream": "stdout"}).text
    assert output == f"webapp-uptime of {instance.id} runs again\n"
    assert told.history == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


@pytest.mark.parametrize("name", ["boto3", "awscli-1"])
def test_a_wrong_secret_key_is_refused(name: str, stories: Stories) -> None:
    url = stories.by_client[name].result().story.server.url
    client = (Boto3 if name == "boto3" else Cli)(name, url, "not the secret")
    try:
        with pytest.raises(CallFailed, match="SignatureDoesNotMatch"):
            client.put_metric_data("i-1", 0)
    finally:
        client.close()


def test_a_server_that_is_killed_between_the_alarm_and_the_end_of_the_remediation_takes_it_up_again(
    stories: Stories,
) -> None:
    for told in stories.with_a_kill.result():
        assert [attempt["result"] for attempt in told.incident["attempts"]] == ["succeeded"]
        assert told.story.instance.runs() == [told.incident["attempts"][0]["id"]]
