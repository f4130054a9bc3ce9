"""What only a folder can do to us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeless.remediation.ports import StoreRefused, StoreUnreachable
from wakeless.store.remediations.folder import FolderStore

HELLO = b"#!/bin/sh\necho hello\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "remediations"
    folder.mkdir()
    (tmp_path / "secret.sh").write_bytes(b"outside")
    return folder


async def test_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "m#N.sh").symlink_to(root.parent / "secret.sh")
    (root / "away").symlink_to(root.parent)
    for key in ("m#N.sh", "away/secret.sh"):
        with pytest.raises(StoreRefused, match="symbolic link"):
            await FolderStore(root).find([key])


async def test_a_link_that_stays_inside_is_followed_as_a_mounted_config_map_has_it(root: Path) -> None:
    (root / "..2026_01_01").mkdir()
    (root / "..2026_01_01" / "m#N.sh").write_bytes(HELLO)
    (root / "..data").symlink_to("..2026_01_01")
    (root / "m#N.sh").symlink_to("..data/m#N.sh")
    store = FolderStore(root)
    (script,) = await store.find(["m#N.sh"])
    assert await store.read(script) == HELLO
    assert list(await store.keys()) == ["m#N.sh"]


async def test_a_root_that_is_a_link_itself_is_fine(root: Path) -> None:
    (root / "m#N.sh").write_bytes(HELLO)
    link = root.parent / "link"
    link.symlink_to(root)
    assert len(await FolderStore(link).find(["m#N.sh"])) == 1


async def test_a_neighbour_whose_path_only_begins_alike_is_outside(root: Path) -> None:
    neighbour = root.parent / "remediations-old"
    neighbour.mkdir()
    (neighbour / "m#N.sh").write_bytes(HELLO)
    (root / "m#N.sh").symlink_to(neighbour / "m#N.sh")
    with pytest.raises(StoreRefused):
        await FolderStore(root).find(["m#N.sh"])


async def test_what_is_not_a_plain_file_is_refused_without_waiting(root: Path) -> None:
    os.mkfifo(root / "fifo#N.sh")
    (root / "folder#N.sh").mkdir()
    (root / "loop#N.sh").symlink_to("loop#N.sh")
    for key in ("fifo#N.sh", "folder#N.sh", "loop#N.sh"):
        with pytest.raises(StoreRefused):
            await FolderStore(root).find([key])


async def test_a_link_to_nothing_is_not_there(root: Path) -> None:
    (root / "m#N.sh").symlink_to("gone.sh")
    assert list(await FolderStore(root).find(["m#N.sh", "m#N.sh/below.py"])) == []


async def test_a_root_that_is_not_there_is_unreachable_and_not_empty(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "not-mounted")
    with pytest.raises(StoreUnreachable):
        await store.find(["m#N.sh"])
    with pytest.raises(StoreUnreachable):
        await store.keys()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_without_permission_is_refused(root: Path) -> None:
    (root / "m#N.sh").write_bytes(HELLO)
    (root / "m#N.sh").chmod(0)
    with pytest.raises(StoreRefused):
        await FolderStore(root).find(["m#N.sh"])
