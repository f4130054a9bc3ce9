"""Whoever may write to the folder for runs decides what we run, so it has to be ours alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeless.execution.ports import Command, CommandStatus, Language, TargetRefused
from wakeless.targets.local import LocalTarget
from wakeless.targets.settings import LocalSettings

COMMAND = Command(
    attempt_id="att-01m80ftgbfc8x5d0fajcq7cz5g", name="x.sh", script=b"exit 0\n", language=Language.SHELL, timeout=30.0
)


async def refusal(root: Path) -> str:
    target = LocalTarget(LocalSettings(name="here", runs_root=root))
    try:
        with pytest.raises(TargetRefused) as refused:
            await target.check()
        with pytest.raises(TargetRefused):
            await target.start(COMMAND)
    finally:
        await target.close()
    assert list(root.iterdir()) == []
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
async def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    root.chmod(mode)
    assert "others may write" in await refusal(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_folder_of_somebody_else_is_refused_and_a_link_of_somebody_else(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir(mode=0o755)
    os.chown(root, 12345, 12345)
    assert "somebody else" in await refusal(root)
    os.chown(root, 0, 0)
    link = tmp_path / "link"
    link.symlink_to(root)
    os.chown(link, 12345, 12345, follow_symlinks=False)
    assert "somebody else" in await refusal(link)


async def test_a_folder_of_our_own_is_made_and_a_link_to_it_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    (tmp_path / "runs").mkdir(mode=0o755)
    for root in (tmp_path / "new" / "runs", tmp_path / "link"):
        target = LocalTarget(LocalSettings(name="here", runs_root=root))
        await target.check()
        assert (await target.start(COMMAND)).status is not CommandStatus.NOT_STARTED
        while (await target.observe(COMMAND.attempt_id, wait=5)).status is CommandStatus.RUNNING:
            continue
        await target.close()
