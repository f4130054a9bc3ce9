from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeless.app.attempts import OutputFiles
from wakeless.core.errors import NotFound

ATTEMPT = "att-01m80ftgbfc8x5d0fajcq7cz5g"


def test_nobody_else_may_read_an_output(tmp_path: Path) -> None:
    files = OutputFiles(tmp_path / "output")
    before = os.umask(0)
    try:
        files.append(ATTEMPT, b"out", b"err")
    finally:
        os.umask(before)
    for stream in ("stdout", "stderr"):
        assert files.path(ATTEMPT, stream).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "output" / ATTEMPT).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("attempt", ["../../etc", "att-x/../y", "", ".", f"{ATTEMPT}\n", f"/{ATTEMPT}"])
def test_what_is_not_an_attempts_id_never_becomes_a_path(tmp_path: Path, attempt: str) -> None:
    files = OutputFiles(tmp_path)
    with pytest.raises(NotFound):
        files.read(attempt, "stdout", 0, 10)
    with pytest.raises(NotFound):
        files.read(ATTEMPT, "../stdout", 0, 10)
