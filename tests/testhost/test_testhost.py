"""The test host is what the tests that use it believe it to be."""

from __future__ import annotations

import subprocess

import pytest
from tests.testhost.fixture import Host


def test_it_is_a_server_with_systemd_and_the_web_application(testhost: Host) -> None:
    assert testhost.run("cat /proc/1/comm").strip() == "systemd"
    assert testhost.is_active("webapp")
    assert '"ok": true' in testhost.run("curl -s http://localhost/")
    testhost.run("systemctl stop webapp")
    assert not testhost.is_active("webapp")
    testhost.run("systemctl start webapp")
    assert testhost.is_active("webapp")


def test_a_power_loss_kills_everything_and_keeps_the_disk(testhost: Host) -> None:
    before = testhost.run("echo here >/root/kept; cat /proc/sys/kernel/random/boot_id")
    testhost.cut_power()
    testhost.boot()
    assert testhost.run("cat /root/kept").strip() == "here"
    assert testhost.run("cat /proc/sys/kernel/random/boot_id") != before


def test_a_cut_network_silences_it_until_it_is_healed(testhost: Host) -> None:
    testhost.cut_network()
    with pytest.raises((AssertionError, subprocess.TimeoutExpired)):
        testhost.run("true", timeout=3)
    testhost.heal_network()
    testhost.run("true")


def test_a_frozen_server_answers_nothing_until_it_is_thawed(testhost: Host) -> None:
    testhost.freeze()
    with pytest.raises((AssertionError, subprocess.TimeoutExpired)):
        testhost.run("true", timeout=2)
    testhost.thaw()
    testhost.run("true")


def test_deploy_may_use_sudo_and_plain_may_not(testhost: Host) -> None:
    assert testhost.run("sudo -n id -u", user="deploy").strip() == "0"
    assert testhost.run("sudo -n id -u", user="plain", check=False).strip() == ""
