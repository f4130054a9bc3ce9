from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.targets.conftest import machine_folder, small_disk
from tests.contract.targets.servers import Server
from tests.testhost.fixture import booted_testhost, pytest_collection_modifyitems, testhost

__all__ = ["booted_testhost", "machine_folder", "pytest_collection_modifyitems", "small_disk", "testhost"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An SSH server of this test alone, running."""
    made = Server(folder=tmp_path / "sshd")
    made.prepare()
    made.start()
    yield made
    made.stop()
