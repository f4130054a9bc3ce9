"""What goes wrong between us and an SSH server, each with its own error and the way out."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.targets.bench import a_command, follow, run
from tests.contract.targets.conftest import ssh_settings
from tests.contract.targets.servers import Server, make_key

from wakeless.core.secret import Secret
from wakeless.execution.ports import (
    CommandStatus,
    HostKeyChanged,
    Platform,
    StartUnconfirmed,
    TargetRefused,
    TargetUnreachable,
)
from wakeless.targets.settings import SshSettings, Sudo
from wakeless.targets.ssh import SshTarget

Make = Callable[..., SshTarget]


@pytest.fixture
async def make(server: Server, machine_folder: Path) -> AsyncIterator[Make]:
    """A factory of targets for the server; keywords that belong to its login go there."""
    made: list[SshTarget] = []

    def factory(**changes: object) -> SshTarget:
        settings = ssh_settings(server, runs_root=str(machine_folder / "runs"))
        login = {name: changes.pop(name) for name in list(changes) if hasattr(settings.server, name)}
        settings = replace(settings, server=replace(settings.server, **login), **changes)  # type: ignore[arg-type]
        made.append(SshTarget(settings))
        return made[-1]

    yield factory
    for target in made:
        await target.close()


def fingerprint(server: Server, name: str = "host_key") -> str:
    done = subprocess.run(
        ["ssh-keygen", "-lf", server.folder / f"{name}.pub"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[1]


async def test_a_changed_host_key_stops_everything_and_says_the_way_out(server: Server, make: Make) -> None:
    await make().check()
    server.stop()
    server.new_host_key()
    server.start()
    target = make()
    with pytest.raises(HostKeyChanged, match="another host key than before") as caught:
        await target.start(a_command("true"))
    for part in (fingerprint(server), "ssh-keygen -f", f"-R '[127.0.0.1]:{server.port}'", "ssh-keyscan"):
        assert part in str(caught.value)
    server.trust_host_key()
    await target.check()


@pytest.mark.parametrize("known", ["", "example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh2\n", None])
async def test_an_unknown_host_key_is_not_trusted(
    server: Server, make: Make, tmp_path: Path, known: str | None
) -> None:
    file = tmp_path / "known"
    if known is not None:
        file.write_text(known)
    with pytest.raises(HostKeyChanged, match="not known") as caught:
        await make(known_hosts=file).check()
    assert fingerprint(server) in str(caught.value)


@pytest.mark.parametrize("name", ["host_key", "host_key_ecdsa"])
async def test_a_pinned_fingerprint_is_trusted_whatever_its_kind(server: Server, make: Make, name: str) -> None:
    await make(host_key=fingerprint(server, name), known_hosts=Path("/nonexistent")).check()


async def test_a_pinned_key_is_trusted_and_another_is_not(server: Server, make: Make) -> None:
    await make(host_key=server.host_key(), known_hosts=Path("/nonexistent")).check()
    for pinned in ("SHA256:" + "A" * 43, (server.folder / "login_key.pub").read_text().strip()):
        with pytest.raises(HostKeyChanged, match="not the one in host_key"):
            await make(host_key=pinned).check()
    with pytest.raises(TargetRefused, match="neither SHA256"):
        await make(host_key="nonsense").check()


async def test_a_refused_login_names_user_and_key(make: Make, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(TargetRefused, match=r"login refused for \w+@127\.0\.0\.1.*other"):
        await make(key_files=(tmp_path / "other",)).check()


async def test_a_key_file_that_cannot_be_used_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(TargetRefused, match=r"absent .* is missing"):
        await make(key_files=(tmp_path / "absent",)).check()
    (tmp_path / "broken").write_text("nonsense")
    with pytest.raises(TargetRefused, match="cannot be read"):
        await make(key_files=(tmp_path / "broken",)).check()


async def test_an_encrypted_key_needs_its_passphrase(server: Server, make: Make, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    make_key(locked, passphrase="open sesame")
    with (server.folder / "login_key.pub").open("a") as file:
        file.write(locked.with_name("locked.pub").read_text())
    await make(key_files=(locked,), passphrase=Secret("open sesame")).check()
    for wrong in (None, Secret("sesame")):
        with pytest.raises(TargetRefused, match="cannot be read") as caught:
            await make(key_files=(locked,), passphrase=wrong).check()
        assert "sesame" not in str(caught.value)


async def test_a_closed_port_is_unreachable_at_once(server: Server, make: Make) -> None:
    server.stop()
    began = time.monotonic()
    with pytest.raises(TargetUnreachable, match=r"127\.0\.0\.1"):
        await make().start(a_command("true"))
    assert time.monotonic() - began < 2


async def test_a_port_that_says_nothing_is_unreachable_after_the_connect_timeout(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(TargetUnreachable, match="did not answer within"):
            await make(port=silent.getsockname()[1], connect_timeout=0.5).check()
        assert 0.4 < time.monotonic() - began < 3


async def test_a_port_that_speaks_something_else_is_unreachable(make: Make) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with other:
        with pytest.raises(TargetUnreachable):
            await make(port=other.sockets[0].getsockname()[1], connect_timeout=3.0).check()


async def test_a_name_without_an_address_is_unreachable(make: Make) -> None:
    with pytest.raises(TargetUnreachable, match="no address"):
        await make(host="no-such-host.invalid").check()


async def test_the_wrong_kind_of_machine_is_refused(make: Make) -> None:
    with pytest.raises(TargetRefused, match="is Linux, not macos"):
        await make(platform=Platform.MACOS).check()


async def test_a_lost_connection_in_the_middle_of_a_run_is_opened_anew(
    server: Server, make: Make, machine_folder: Path
) -> None:
    target = make()
    command = a_command(
        f"echo x >>{machine_folder}/count; until [ -e {machine_folder}/go ]; do sleep 0.05; done; exit 8"
    )
    await target.start(command)
    waiting = asyncio.create_task(target.observe(command.attempt_id, wait=20.0))
    await asyncio.sleep(0.3)
    server.cut_connections()
    await asyncio.sleep(0.2)
    (machine_folder / "go").touch()
    seen = await waiting
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 8)
    assert (machine_folder / "count").read_text() == "x\n"


async def test_a_command_outlives_the_server_that_started_it(server: Server, make: Make, machine_folder: Path) -> None:
    target = make()
    command = a_command(f"until [ -e {machine_folder}/go ]; do sleep 0.05; done; echo done")
    await target.start(command)
    server.stop()
    (machine_folder / "go").touch()
    with pytest.raises(TargetUnreachable):
        await target.observe(command.attempt_id)
    server.start()
    assert (await follow(target, command.attempt_id)).stdout == b"done\n"


async def test_a_server_that_gives_out_few_sessions_is_not_overrun(server: Server, make: Make) -> None:
    server.stop()
    server.more = "MaxSessions 2"
    server.start()
    target = make()
    commands = [a_command(f"sleep 0.3; exit {n}") for n in range(6)]
    await asyncio.gather(*(target.start(command) for command in commands))
    seen = await asyncio.gather(*(follow(target, command.attempt_id) for command in commands))
    assert [one.exit_code for one in seen] == list(range(6))


async def test_a_server_that_gives_out_no_session_refuses(server: Server, make: Make) -> None:
    server.stop()
    server.more = "MaxSessions 0"
    server.start()
    with pytest.raises(TargetRefused, match="opens no session"):
        await make(connect_timeout=1.0).check()


async def test_a_login_that_runs_no_shell_refuses_and_is_quoted(server: Server, make: Make) -> None:
    server.stop()
    server.more = 'ForceCommand echo "This account is currently not available."'
    server.start()
    with pytest.raises(TargetRefused, match="This account is currently not available"):
        await make().check()


async def test_a_talkative_login_does_no_harm(server: Server, make: Make) -> None:
    server.stop()
    server.more = "ForceCommand printf 'Welcome!\\nwakeless\\n'; eval \"$SSH_ORIGINAL_COMMAND\""
    server.start()
    assert (await run(make(), "echo hello")).stdout == b"hello\n"


async def test_a_missing_sudo_is_told(make: Make, server: Server) -> None:
    server.stop()
    server.more = 'ForceCommand PATH=/nowhere; eval "$SSH_ORIGINAL_COMMAND"'
    server.start()
    with pytest.raises(TargetRefused, match=r"sudo to root is refused on sshd.*NOPASSWD"):
        await make(sudo=Sudo()).check()


async def test_a_jump_host_is_passed_through(server: Server, make: Make, tmp_path: Path) -> None:
    jump = ssh_settings(server).server
    assert (await run(make(jump=jump), "echo through")).stdout == b"through\n"
    closed = replace(jump, port=1)
    with pytest.raises(TargetUnreachable):
        await make(jump=closed).check()
    with pytest.raises(TargetUnreachable, match="jump host"):
        await make(jump=jump, port=1).check()
    with pytest.raises(HostKeyChanged):
        await make(jump=replace(jump, host_key="SHA256:" + "A" * 43)).check()


async def test_a_start_without_an_answer_says_so_and_may_be_repeated(
    server: Server, make: Make, machine_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeless.targets.ssh._START_WITHIN", 0.5)
    target = make()
    await target.check()
    server.stop()
    # It takes everything and answers too late.
    server.more = 'ForceCommand sleep 2; eval "$SSH_ORIGINAL_COMMAND"'
    server.start()
    command = a_command(f"echo x >>{machine_folder}/count")
    with pytest.raises(StartUnconfirmed):
        await target.start(command)
    server.stop()
    with pytest.raises(StartUnconfirmed, match="an earlier start"):
        await target.start(command)
    server.more = ""
    server.start()
    monkeypatch.undo()
    await target.start(command)
    assert (await follow(target, command.attempt_id)).exit_code == 0
    await asyncio.sleep(2.5)
    assert (machine_folder / "count").read_text() == "x\n"


@pytest.mark.parametrize("user", ["root; rm", "", "-u", "a b", "a'b", "a\n"])
def test_a_sudo_user_that_is_no_name_is_refused(server: Server, user: str) -> None:
    with pytest.raises(ValueError, match="not a user name"):
        SshTarget(ssh_settings(server, sudo=Sudo(user=user)))


@pytest.mark.parametrize("root", ["relative", "~/runs", "/a\nb", "/a\0b"])
def test_a_folder_for_runs_that_is_no_path_is_refused(server: Server, root: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        SshTarget(ssh_settings(server, runs_root=root))


async def test_a_folder_for_runs_that_others_may_write_is_refused(make: Make, machine_folder: Path) -> None:
    shared = machine_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(TargetRefused, match="others may write"):
        await make(runs_root=str(shared)).start(a_command("true"))
    (machine_folder / "link").symlink_to("/var/tmp")
    with pytest.raises(TargetRefused, match="belongs to somebody else"):
        await make(runs_root=str(machine_folder / "link")).start(a_command("true"))


async def test_a_folder_for_runs_with_awkward_characters_works(make: Make, machine_folder: Path) -> None:
    root = machine_folder / 'it\'s $(touch never) "a" folder * '
    assert (await run(make(runs_root=str(root)), "echo hello")).stdout == b"hello\n"
    assert not list(machine_folder.glob("**/never"))


async def test_the_replacement_server_of_machines_without_openssh_works(tmp_path: Path, machine_folder: Path) -> None:
    other = Server(folder=tmp_path / "other", sshd="")
    other.prepare()
    other.start()
    try:
        settings: SshSettings = ssh_settings(other, runs_root=str(machine_folder / "runs"))
        target = SshTarget(settings)
        assert (await run(target, "echo hello; exit 2")).exit_code == 2
        await target.close()
    finally:
        other.stop()
