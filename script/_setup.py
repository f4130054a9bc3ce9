"""Make or renew `.venv` for the scripts beside this file; standard library only.

Usage: ``_setup.py EXTRA...``, the extras of `pyproject.toml` that a script needs. The environment is made once, and
installed into again only when `pyproject.toml` changed or more is needed. Two scripts that start at the same moment
wait for one another.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
#: What was installed: the hash of `pyproject.toml`, then the extras.
STAMP = VENV / ".wakeless-setup"


def main(extras: set[str]) -> int:
    """Bring `.venv` up to date; return the exit status."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if extras <= _installed(project):
        return 0
    with (ROOT / "pyproject.toml").open("rb") as lock:  # any file would do; this one is always there
        fcntl.flock(lock, fcntl.LOCK_EX)
        if extras <= _installed(project):  # somebody else did it while we waited
            return 0
        if not _works() and not _make():
            return 1
        extras |= _installed(project)
        if not _install(extras):
            return 1
        STAMP.write_text(" ".join([project, *sorted(extras)]))
    return 0


def _installed(project: str) -> set[str]:
    """Return the extras that are installed from a `pyproject.toml` with this hash."""
    words = STAMP.read_text().split() if PYTHON.exists() and STAMP.exists() else []
    return set(words[1:]) if words[:1] == [project] else set()


def _works() -> bool:
    """Say whether `.venv` is a usable environment with pip (its Python may have been removed since)."""
    if not PYTHON.exists():
        return False
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", check], capture_output=True).returncode == 0


def _make() -> bool:
    """Make `.venv` by whatever this machine has: venv, virtualenv or uv."""
    shutil.rmtree(VENV, ignore_errors=True)
    base = _base_python()
    print(f"Making .venv with {base} ...", file=sys.stderr, flush=True)
    said = ""
    for way in _ways(base):
        for command in way:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                said = said or (done.stderr or done.stdout).strip()
                break
        if _works():
            return True
        shutil.rmtree(VENV, ignore_errors=True)
    version = ".".join(map(str, sys.version_info[:2]))
    print(
        f"This Python cannot make a virtual environment:\n\n{_indent(said)}\n\n"
        "Debian and Ubuntu keep that part in a package of its own:\n"
        f"  sudo apt-get install python3-venv        (or python{version}-venv)\n"
        "Or use another Python: set PYTHON=/path/to/python3",
        file=sys.stderr,
    )
    return False


def _ways(base: str) -> list[list[list[str]]]:
    """Return the ways to make an environment with pip in it, each a few commands, the usual one first."""
    ways = [[[base, "-m", "venv", str(VENV)]]]
    if uv := shutil.which("uv"):
        ways.append([[uv, "venv", "--quiet", "--seed", "--python", base, str(VENV)]])
    ways.append([[base, "-m", "virtualenv", "--quiet", str(VENV)]])
    # Debian's python3 without python3-venv, but with python3-pip.
    bare = [base, "-m", "venv", "--without-pip", str(VENV)]
    ways.append([bare, [base, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"]])
    return ways


def _base_python() -> str:
    """Return the interpreter to build on: never one that lives inside the environment we are about to replace."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _install(extras: set[str]) -> bool:
    wanted = f".[{','.join(sorted(extras))}]"
    print("Installing what Wakeless needs into .venv (a minute, the first time) ...", file=sys.stderr, flush=True)
    command = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--editable", wanted]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"})
    if done.returncode == 0:
        return True
    print(
        "\npip could not install the dependencies; what it said stands above.\n"
        "Behind a proxy or a mirror, tell pip about it first (pip config set global.index-url ...).",
        file=sys.stderr,
    )
    return False


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines()[:8])


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
