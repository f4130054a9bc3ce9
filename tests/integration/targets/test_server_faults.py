"""A real server that loses power, its network, or all life, in the middle of a command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from tests.contract.targets.bench import a_command, follow, new_attempt, run
from tests.contract.targets.conftest import host_settings
from tests.testhost.fixture import Host

from wakeless.execution.ports import CommandStatus, StartUnconfirmed, TargetRefused, TargetUnreachable
from wakeless.targets.ssh import SshTarget

Make = Callable[..., SshTarget]


@pytest.fixture
async def make(testhost: Host) -> AsyncIterator[Make]:
    made: list[SshTarget] = []

    def factory(user: str = "root", sudo: str = "", **changes: object) -> SshTarget:
        patience = {"connect_timeout": 2.0, "keepalive": 1.0, **changes}
        made.append(SshTarget(host_settings(testhost, user, sudo, **patience)))
        return made[-1]

    yield factory
    for target in made:
        await target.close()


async def test_a_remediation_starts_the_web_application(testhost: Host, make: Make) -> None:
    testhost.run("systemctl stop webapp")
    seen = await run(make("deploy", "root"), "systemctl start webapp && systemctl is-active webapp")
    assert (seen.exit_code, seen.stdout) == (0, b"active\n")
    assert testhost.is_active("webapp")


async def test_a_power_loss_in_the_middle_of_a_run_is_an_unknown_outcome(testhost: Host, make: Make) -> None:
    target = make()
    command = a_command("echo x >>/root/power; sync /root/power; echo begun; sleep 1000")
    await target.start(command)
    assert (await target.observe(command.attempt_id, wait=10.0)).stdout == b"begun\n"
    await asyncio.to_thread(testhost.cut_power)
    with pytest.raises(TargetUnreachable):
        await target.observe(command.attempt_id)
    await asyncio.to_thread(testhost.boot)
    seen = await target.observe(command.attempt_id)
    assert seen.status is CommandStatus.LOST
    assert "restarted" in seen.detail
    assert seen.stdout == b"begun\n"
    # Not even when it is asked for again.
    assert (await target.start(command)).status is CommandStatus.LOST
    assert testhost.run("cat /root/power") == "x\n"


async def test_a_result_that_was_there_before_the_power_loss_stays(testhost: Host, make: Make) -> None:
    target = make()
    command = a_command("echo whole; exit 3")
    await target.start(command)
    await follow(target, command.attempt_id)
    await asyncio.to_thread(testhost.cut_power)
    await asyncio.to_thread(testhost.boot)
    seen = await target.observe(command.attempt_id)
    assert (seen.status, seen.exit_code, seen.stdout) == (CommandStatus.EXITED, 3, b"whole\n")


async def test_what_never_reached_the_server_is_absent_after_a_power_loss(testhost: Host, make: Make) -> None:
    target = make()
    await target.check()
    await asyncio.to_thread(testhost.cut_power)
    command = a_command("echo first")
    with pytest.raises(TargetUnreachable):
        await target.start(command)
    await asyncio.to_thread(testhost.boot)
    assert (await target.observe(command.attempt_id)).status is CommandStatus.ABSENT
    await target.start(command)
    assert (await follow(target, command.attempt_id)).stdout == b"first\n"


async def test_an_orderly_reboot_lets_the_result_be_written_or_is_unknown(testhost: Host, make: Make) -> None:
    target = make()
    command = a_command("echo begun; sleep 1000")
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    boot = testhost.run("cat /proc/sys/kernel/random/boot_id")
    testhost.run("systemctl reboot", check=False)
    until = time.monotonic() + 60
    while True:
        seen = await asyncio.to_thread(testhost.run, "cat /proc/sys/kernel/random/boot_id", check=False)
        if seen not in ("", boot):
            break
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    observed = await target.observe(command.attempt_id)
    assert observed.status in (CommandStatus.LOST, CommandStatus.EXITED)
    assert observed.exit_code in (None, 143)


async def test_a_command_goes_on_without_the_network_and_is_found_again(testhost: Host, make: Make) -> None:
    target = make()
    command = a_command("echo x >>/root/network; echo begun; sleep 2; echo ended; exit 5")
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    await asyncio.to_thread(testhost.cut_network)
    began = time.monotonic()
    with pytest.raises(TargetUnreachable):
        await target.observe(command.attempt_id, stdout_from=6, wait=20.0)
    # Three silent probes, then one try to connect: not the hours that a connection may hang.
    assert time.monotonic() - began < 15
    await asyncio.to_thread(testhost.heal_network)
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code, seen.stdout) == (CommandStatus.EXITED, 5, b"begun\nended\n")
    assert testhost.run("cat /root/network") == "x\n"


async def test_a_server_without_network_is_unreachable_within_the_connect_timeout(testhost: Host, make: Make) -> None:
    await asyncio.to_thread(testhost.cut_network)
    began = time.monotonic()
    with pytest.raises(TargetUnreachable):
        await make().start(a_command("true"))
    assert time.monotonic() - began < 5


async def test_a_frozen_server_takes_the_start_late_and_once(testhost: Host, make: Make) -> None:
    target = make()
    await target.check()
    testhost.freeze()
    command = a_command("echo x >>/root/frozen")
    began = time.monotonic()
    with pytest.raises(TargetUnreachable):
        await target.start(command)
    assert time.monotonic() - began < 20
    testhost.thaw()
    await asyncio.to_thread(testhost.heal_network)
    # What was under way arrives now, beside what is sent anew.
    await target.start(command)
    assert (await follow(target, command.attempt_id)).exit_code == 0
    await target.remove(command.attempt_id)
    await asyncio.sleep(1.0)
    assert testhost.run("cat /root/frozen") == "x\n"
    assert (await target.observe(command.attempt_id)).status is CommandStatus.ABSENT


async def test_a_start_cut_off_in_the_middle_is_not_called_unreachable(testhost: Host, make: Make) -> None:
    target = make()
    await target.check()
    command = a_command("echo x >>/root/cut", files={"large": b"x" * 30_000_000})
    starting = asyncio.create_task(target.start(command))
    await asyncio.sleep(0.15)
    await asyncio.to_thread(testhost.cut_network)
    with pytest.raises(StartUnconfirmed):
        await starting
    with pytest.raises(StartUnconfirmed, match="an earlier start"):
        await target.start(command)
    await asyncio.to_thread(testhost.heal_network)
    await target.start(command)
    assert (await follow(target, command.attempt_id)).exit_code == 0
    assert testhost.run("cat /root/cut") == "x\n"


async def test_a_user_without_sudo_is_refused_with_sudos_own_words(testhost: Host, make: Make) -> None:
    target = make("plain", "root")
    for ask in (target.check(), target.start(a_command("true")), target.observe(new_attempt())):
        with pytest.raises(
            TargetRefused, match=r"sudo to root is refused on testhost .*password is required.*NOPASSWD"
        ):
            await ask


async def test_a_rule_for_the_shell_alone_is_enough_for_sudo(testhost: Host, make: Make) -> None:
    testhost.run("echo 'plain ALL=(deploy) NOPASSWD: /bin/sh' >/etc/sudoers.d/plain; install -d -m 700 /home/deploy")
    seen = await run(make("plain", "deploy"), "id -un; echo $HOME; echo $USER")
    assert seen.stdout == b"deploy\n/home/deploy\ndeploy\n"
    with pytest.raises(TargetRefused, match="sudo to root"):
        await make("plain", "root").check()
    testhost.run("rm /etc/sudoers.d/plain")


async def test_a_folder_that_somebody_took_before_us_is_refused(testhost: Host, make: Make) -> None:
    testhost.run("rm -rf /var/tmp/wakeless-plain; install -d -o deploy -m 777 /var/tmp/wakeless-plain")
    with pytest.raises(TargetRefused, match="belongs to somebody else"):
        await make("plain").start(a_command("true"))
    testhost.run("rm -rf /var/tmp/wakeless-plain")
    assert (await run(make("plain"), "id -un")).stdout == b"plain\n"


async def test_a_file_system_without_execution_is_good_enough_for_runs(testhost: Host, make: Make) -> None:
    testhost.run("mkdir -p /noexec && mount -t tmpfs -o noexec tmpfs /noexec")
    try:
        target = make(runs_root="/noexec/runs")
        assert (await run(target, "#!/bin/sh\necho hello")).stdout == b"hello\n"
    finally:
        testhost.run("umount -l /noexec")


async def test_a_server_that_has_only_busybox_is_good_enough(testhost: Host, make: Make) -> None:
    """Its shell and its ps, kill, dd, head, tail, setsid, sleep and sync, as on Alpine."""
    tools = "sh dd wc head tail mv mkfifo setsid sleep sync ps date find rm cat chmod mkdir env id ls uname"
    link = "for folder in /usr/local/sbin /usr/local/bin; do ln -sf $(command -v busybox) $folder/$tool; done"
    testhost.run(f"for tool in {tools}; do {link}; done; mount --bind $(command -v busybox) /bin/sh")
    try:
        assert "BusyBox" in testhost.run("/bin/sh --help 2>&1; true")
        target = make()
        await target.check()
        seen = await run(target, "echo hello; head -c 300000 /dev/zero; exit 3")
        assert (seen.status, seen.exit_code, seen.stdout_size) == (CommandStatus.EXITED, 3, 300006)
        assert (await run(target, "sleep 100 & sleep 100", timeout=0.5, grace=0.5)).status is CommandStatus.TIMED_OUT
        values = {"X": "it's\n$(x) \u00fc\u0101"}
        assert (await run(target, 'printf %s "$X"', environment=values)).stdout.decode() == values["X"]
        command = a_command("sleep 100 & sleep 100", grace=0.5)
        await target.start(command)
        await target.cancel(command.attempt_id)
        assert (await follow(target, command.attempt_id)).status is CommandStatus.CANCELLED
        await target.remove(command.attempt_id)
        assert (await target.start(command)).status is CommandStatus.ABSENT
    finally:
        forget = "/usr/bin/rm -f /usr/local/sbin/$tool /usr/local/bin/$tool"
        testhost.run(f"umount -l /bin/sh; for tool in {tools}; do {forget}; done")
