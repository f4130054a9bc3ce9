"""Kill it at every commit of every story, and let another process go on: nothing may be different in the end.

The ordinary suite takes every third point; with TORTURE_ROUNDS set, all of them, once more with a second kill each.
docs/reference/reliability.md has the outcome as a table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.app.crash_world import STORIES

ROOT = Path(__file__).parents[3]
#: Every third point in the ordinary suite; each story begins at another one.
STEP = 1 if "TORTURE_ROUNDS" in os.environ else 3
#: Commits of the second process after which it is killed too.
AGAIN = [[], ["1"], ["2"], ["4"]] if "TORTURE_ROUNDS" in os.environ else [[]]


def live(story: str, folder: Path, offset: int, again: list[str]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.integration.app.crash_world", story, str(folder), str(STEP), str(offset)]
    done = subprocess.run([*command, *again], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("again", AGAIN, ids=lambda again: f"and again after {again[0]}" if again else "once")
@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_alike_wherever_it_is_killed(story: str, again: list[str], tmp_path: Path) -> None:
    offset = list(STORIES).index(story) % STEP
    whole, *killed = live(story, tmp_path, offset, again)
    ran = [count for incident in whole["incidents"].values() for count in incident["ran"]]
    assert ran == [1] * len(ran)
    # Every attempt that ran is in the journal, and every report that was acknowledged.
    assert whole["runs"] == len(ran)
    assert whole["reports"][0] == whole["reports"][1]
    for one in killed:
        for what in ("incidents", "reports", "runs"):
            assert one[what] == whole[what], f"{one['point']} of {whole['labels']}"
    # A kill may come too late for a story that needed a commit less; but not as a rule.
    assert sum(one["kills"] for one in killed) >= 0.8 * len(killed)
