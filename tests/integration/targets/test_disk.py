"""A full disk: before the start, and in the middle of a run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.targets.bench import a_command, follow
from tests.contract.targets.conftest import ssh_settings
from tests.contract.targets.servers import Server

from wakeless.execution.ports import CommandStatus, Target, TargetRefused
from wakeless.targets.build import build_target
from wakeless.targets.settings import LocalSettings

pytestmark = pytest.mark.root


@pytest.fixture(params=["local", "ssh"])
async def target(request: pytest.FixtureRequest, small_disk: Path) -> AsyncIterator[Target]:
    root = small_disk / "runs"
    if request.param == "local":
        made = build_target(LocalSettings(runs_root=root))
    else:
        server: Server = request.getfixturevalue("server")
        made = build_target(ssh_settings(server, runs_root=str(root)))
    yield made
    await made.close()


def fill(disk: Path, leave: int = 0) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
        if leave:
            os.truncate(file.fileno(), os.fstat(file.fileno()).st_size - leave)


async def test_on_a_full_disk_it_is_not_started_and_leaves_nothing(target: Target, small_disk: Path) -> None:
    await target.check()
    fill(small_disk)
    command = a_command("touch /tmp/never")
    seen = await target.start(command)
    assert seen.status is CommandStatus.NOT_STARTED
    assert "No space left on device" in seen.detail
    assert [name for name in os.listdir(small_disk / "runs") if "att-" in name] == []
    # The next incident is not affected.
    (small_disk / "filler").unlink()
    again = a_command("echo hello")
    await target.start(again)
    assert (await follow(target, again.attempt_id)).stdout == b"hello\n"


async def test_with_room_for_half_of_it_it_is_not_started_either(target: Target, small_disk: Path) -> None:
    await target.check()
    fill(small_disk, leave=40960)
    seen = await target.start(a_command("true", files={"large": b"x" * 200_000}))
    assert seen.status is CommandStatus.NOT_STARTED
    assert [name for name in os.listdir(small_disk / "runs") if "att-" in name] == []


async def test_a_disk_that_a_script_fills_does_not_swallow_its_result(target: Target, small_disk: Path) -> None:
    command = a_command(f"cat /dev/zero >{small_disk}/filler; echo lost; exit 6")
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 6)
    assert "disk full" in seen.detail


async def test_output_that_fills_the_disk_neither_blocks_nor_kills_the_script(target: Target, small_disk: Path) -> None:
    command = a_command("head -c 5000000 /dev/zero && echo whole >&2; exit 6")
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 6)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = build_target(LocalSettings(runs_root=tmp_path / "file" / "runs"))
    with pytest.raises(TargetRefused, match="cannot be made"):
        await target.check()
    assert (await target.start(a_command("true"))).status is CommandStatus.NOT_STARTED
    await target.close()
