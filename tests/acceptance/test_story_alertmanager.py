"""A real service stops on a real server; Prometheus sees it, Alertmanager tells Wakeless, the service runs again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.acceptance.alertmanager_story import TOKEN, TellsStory, kinds, tell_story, watch
from tests.acceptance.wakeless_server import until
from tests.testhost.fixture import booted_testhost, testhost

# Fixtures; this list is what makes them ones of this module.
__all__ = ["booted_testhost", "tell_story", "testhost", "watch"]

# The time limit is for a machine that has to build the test host's root file system first.
pytestmark = [pytest.mark.root, pytest.mark.timeout(900), pytest.mark.xdist_group("story: alertmanager")]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "alertmanager.md"
BLOCKS = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
RULE = """\
  - name: restart a stopped service
    match: {source: alertmanager, labels: {alertname: WebappDown, job: webapp}}
    script: start-service.sh
    parameters: {service: "{{ alarm.labels.job }}"}
"""
WITH_PARAMETER = """#!/bin/sh
set -eu
echo "$WAKELESS_ANNOTATION_SUMMARY"
id -un
systemctl start -- "$WAKELESS_PARAM_SERVICE"
systemctl is-active -- "$WAKELESS_PARAM_SERVICE"
"""


def test_a_stopped_service_is_started_and_alertmanagers_message_resolves_the_incident(tell_story: TellsStory) -> None:
    story = tell_story()
    story.stop_webapp()
    incident = story.resolved(story.incident())
    assert story.host.is_active("webapp")
    (attempt,) = incident["attempts"]
    assert (attempt["result"], attempt["exit_code"], attempt["target"]) == ("succeeded", 0, "web-1")
    assert story.output(attempt) == "root\nactive\n"
    # The message is what resolved it: nobody may be asked.
    assert kinds(incident) == [
        *("incident.opened", "plan.found", "attempt.began", "attempt.ended", "alarm.reported", "incident.resolved")
    ]
    assert story.alertmanager.alerts() == []
    # The service goes down again: an episode of its own, and an incident of its own.
    story.stop_webapp()
    again = story.resolved(story.next_incident(incident["id"]))
    assert [attempt["result"] for attempt in again["attempts"]] == ["succeeded"]


def test_a_rule_names_the_script_and_the_login_becomes_root_by_sudo_and_alertmanagers_api_says_that_all_is_well(
    tell_story: TellsStory,
) -> None:
    story = tell_story(script=WITH_PARAMETER, key="start-service.sh", rules=RULE, user="deploy", sudo=True, asks=True)
    story.stop_webapp()
    incident = story.resolved(story.incident())
    assert story.host.is_active("webapp")
    (attempt,) = incident["attempts"]
    assert (attempt["result"], attempt["rule"]) == ("succeeded", "restart a stopped service")
    assert story.output(attempt) == f"webapp on {story.host.name} does not answer\nroot\nactive\n"
    assert "deploy : " in story.host.run("journalctl -q -o cat _COMM=sudo --since=-2min")
    # No message said so: Alertmanager was told to send none (it counts it all the same), and it was asked instead.
    until(lambda: story.alertmanager.notifications() == 2, why=story.alertmanager.log)
    incident = story.wakeless.incident(incident["id"])
    assert kinds(incident) == ["incident.opened", "plan.found", "attempt.began", "attempt.ended", "incident.resolved"]


def test_an_alert_that_fires_while_wakeless_is_down_is_remediated_when_it_is_back(tell_story: TellsStory) -> None:
    story = tell_story()
    story.wakeless.kill()
    story.stop_webapp()
    until(story.alertmanager.alerts, why=story.alertmanager.log)
    story.wakeless.start()
    incident = story.resolved(story.incident())
    assert [attempt["result"] for attempt in incident["attempts"]] == ["succeeded"]


def test_a_wrong_token_is_refused_and_what_it_kept_back_arrives_once_it_is_right(tell_story: TellsStory) -> None:
    story = tell_story(sent_token="somebody-elses")
    story.stop_webapp()
    until(lambda: story.alertmanager.notifications("failed"), why=story.alertmanager.log)
    assert "unexpected status code 401" in story.alertmanager.log()
    assert story.wakeless.get("/v1/incidents")["incidents"] == []
    # Alertmanager reads the file for every request, and tries again at the group's next interval.
    story.alertmanager.token_file.write_text(TOKEN)
    story.resolved(story.incident())
    assert story.host.is_active("webapp")


def test_alertmanager_accepts_the_configuration_in_our_guide(tmp_path: Path) -> None:
    if (amtool := shutil.which("amtool")) is None:
        pytest.skip("amtool is not installed")
    (configuration,) = [text for text in BLOCKS.findall(GUIDE.read_text()) if "# alertmanager.yml" in text]
    file = tmp_path / "alertmanager.yml"
    file.write_text(configuration)
    done = subprocess.run([amtool, "check-config", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
