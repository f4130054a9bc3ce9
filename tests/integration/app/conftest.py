"""A journal on disk, and a house built on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.app.house import House, Machine

from wakeless.store.journal import JOURNAL_SCHEMA
from wakeless.store.sqlite import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "wakeless.db", schema={"journal": JOURNAL_SCHEMA})
    yield database
    database.close()


@pytest.fixture
async def house(db: Database, tmp_path: Path) -> House:
    return House(db=db, folder=tmp_path, machine=Machine())
