"""The same story while something breaks: Wakeless is killed, the network is cut, the server's host key is another."""

from __future__ import annotations

import pytest
from tests.acceptance.alertmanager_story import Story, TellsStory, kinds, tell_story, watch
from tests.acceptance.wakeless_server import until
from tests.testhost.fixture import booted_testhost, testhost

# Fixtures; this list is what makes them ones of this module.
__all__ = ["booted_testhost", "tell_story", "testhost", "watch"]

# The time limit is for a machine that has to build the test host's root file system first.
pytestmark = [pytest.mark.root, pytest.mark.timeout(900), pytest.mark.xdist_group("story: alertmanager faults")]

#: Begins, waits until it may go on (half a minute at most), and leaves a line for each time it began and ended.
WAITS = """#!/bin/sh
set -eu
echo "$WAKELESS_ATTEMPT_ID" >>/root/story-began
echo begun
for _ in $(seq 300); do [ ! -e /root/story-go ] || break; sleep 0.1; done
systemctl start webapp
systemctl is-active webapp
echo "$WAKELESS_ATTEMPT_ID" >>/root/story-ended
"""


def assert_one_run(story: Story, incident: dict[str, object]) -> None:
    """Fail unless the one attempt ran once, from its beginning to its end, and everything it wrote is kept."""
    attempts = incident["attempts"]
    assert isinstance(attempts, list)
    assert [attempt["result"] for attempt in attempts] == ["succeeded"]
    assert story.host.run("cat /root/story-began").split() == [attempts[0]["id"]]
    assert story.host.run("cat /root/story-ended").split() == [attempts[0]["id"]]
    assert story.output(attempts[0]) == "begun\nactive\n"
    assert story.host.is_active("webapp")


def test_wakeless_that_is_killed_while_the_script_runs_finds_it_again_and_hears_what_was_said_meanwhile(
    tell_story: TellsStory,
) -> None:
    story = tell_story(script=WAITS)
    story.stop_webapp()
    incident_id = story.incident()
    story.wait_for_file("/root/story-began")
    story.wakeless.restart()
    assert story.wakeless.incident(incident_id)["status"] == "remediating"
    # Once more; this time the script ends, and the alert is resolved, while nobody listens.
    story.wakeless.kill()
    sent = story.alertmanager.notifications()
    story.host.run("touch /root/story-go")
    story.wait_for_file("/root/story-ended")
    until(lambda: not story.alertmanager.alerts(), why=story.alertmanager.log)
    until(lambda: "connection refused" in story.alertmanager.log(), why=story.alertmanager.log)
    story.wakeless.start()
    incident = story.resolved(incident_id)
    assert_one_run(story, incident)
    assert kinds(incident).count("attempt.began") == kinds(incident).count("attempt.ended") == 1
    assert story.alertmanager.notifications() > sent


def test_a_cut_network_neither_stops_nor_repeats_what_runs(tell_story: TellsStory) -> None:
    story = tell_story(script=WAITS)
    story.stop_webapp()
    incident_id = story.incident()
    story.wait_for_file("/root/story-began")
    story.host.run("(sleep 2; touch /root/story-go) >/dev/null 2>&1 &")
    story.host.cut_network()
    until(lambda: "target_retry" in story.wakeless.log(), 30, story.wakeless.log)
    assert story.wakeless.incident(incident_id)["status"] == "remediating"
    story.host.heal_network()
    assert_one_run(story, story.resolved(incident_id))


def test_a_host_key_that_changed_is_told_to_a_person_and_nothing_runs(tell_story: TellsStory) -> None:
    story = tell_story(script=WAITS)
    host = story.host
    key = host.run(
        "cd /etc/ssh && rm ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key"
        " && cut -d' ' -f1,2 ssh_host_ed25519_key.pub && systemctl reload ssh"
    )
    host.known_hosts.write_text(f"{host.address} {key}")
    until(lambda: host.run("echo here", check=False), why=story.wakeless.log)
    story.stop_webapp()
    escalated = story.wakeless.wait(story.incident(), "escalated")
    assert "host key" in escalated["reason"].lower(), story.wakeless.tell(escalated["id"])
    assert {attempt["result"] for attempt in escalated["attempts"]} == {"not_started"}
    assert host.run("ls /root/story-began", check=False) == ""
    # The person compares the keys, does what the message says, and asks for another try.
    story.known_hosts.write_text(host.known_hosts.read_text())
    host.run("touch /root/story-go")
    assert story.wakeless.post(f"/v1/incidents/{escalated['id']}/retry").is_success
    incident = story.resolved(escalated["id"])
    assert [attempt["result"] for attempt in incident["attempts"]] == ["not_started", "not_started", "succeeded"]
    assert host.is_active("webapp")


def test_an_alertmanager_that_was_restarted_and_knows_no_alerts_is_not_believed(tell_story: TellsStory) -> None:
    story = tell_story(script="#!/bin/sh\necho no help\n", asks=True)
    story.stop_webapp()
    incident_id = story.incident()
    story.wakeless.wait(incident_id, "verifying")
    # Prometheus repeats the alert every four seconds here. The second restart is just after that, so that Wakeless
    # asks an Alertmanager without alerts for nearly as long, twice a second.
    for _ in range(2):
        story.alertmanager.restart()
        assert story.alertmanager.alerts() == []
        until(story.alertmanager.alerts, why=story.alertmanager.log)
        assert story.wakeless.incident(incident_id)["status"] == "verifying"
    # It knows the alert again, so its word counts at once.
    story.host.run("systemctl start webapp")
    story.resolved(incident_id)
