"""AWS clients of every age, each in a virtual environment of its own that is kept between runs."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

#: What pip is asked for.  Old releases need companions of their time; one of them pins a PyYAML that no longer builds.
CLIENTS: dict[str, list[list[str]]] = {
    "boto3-1.18": [["boto3==1.18.65", "urllib3<2"]],
    "boto3-1.34": [["boto3==1.34.162"]],
    "awscli-1.20": [
        ["--no-deps", "awscli==1.20.65"],
        ["botocore==1.21.65", "docutils<0.16", "s3transfer<0.6", "PyYAML<7", "colorama<0.4.4", "rsa<4.8", "urllib3<2"],
    ],
    "awscli-1.33": [["awscli==1.33.44"]],
    "awscli-1": [["awscli>=1.45,<2"]],
}


def client_folder(name: str) -> Path:
    """Return the folder of a client's programs, made once and for all test runs; skips if it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeless-test-clients"
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = json.dumps(CLIENTS[name])
        if not done.exists() or done.read_text() != wanted:
            done.unlink(missing_ok=True)
            _build(folder / "venv", CLIENTS[name])
            done.write_text(wanted)
    return folder / "venv" / "bin"


def _build(folder: Path, requests: list[list[str]]) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except subprocess.CalledProcessError as error:  # Debian's Python without python3-venv
        pytest.skip(f"no virtual environment can be made: {error}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    for request in requests:
        result = subprocess.run([*pip, *request], capture_output=True, text=True, timeout=400, check=False)
        if result.returncode != 0:
            last = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
            pytest.skip(f"pip cannot get {' '.join(request)}: {last[0]}")


def client_variables(endpoint_url: str, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the whole environment of a client process."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1",
        "WAKELESS_ENDPOINT": endpoint_url,
    }
