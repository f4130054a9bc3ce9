"""`wakeless --help` is quick because nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "asyncssh", "boto3", "botocore", "cbor2", "cryptography", "httpx", "prometheus_client", "pydantic"}
HEAVY |= {"pydantic_settings", "rich", "sqlite3", "starlette", "uvicorn", "uvloop", "yaml"}


def _imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wakeless", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    names = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")}
    assert "typer" in names
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert _imported(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [["incidents", "show", "--help"], ["run", "-h"], ["demo", "webapp", "-h"]])
def test_help_of_a_command_imports_nothing_heavy_of_ours(arguments: list[str]) -> None:
    # typer itself checks the values of options with pydantic.
    assert _imported(*arguments) & (HEAVY - {"pydantic"}) == set()
