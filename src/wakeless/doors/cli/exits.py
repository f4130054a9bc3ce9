"""How a command ends: its exit status, and what it says when it could not do what was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum

from wakeless.core.errors import InvalidInput, Refused, Unavailable, WakelessError
from wakeless.core.problems import Problem


class Exit(IntEnum):
    """Exit statuses; docs/reference/cli.md has a line for each."""

    OK = 0
    #: It was done and did not succeed: a check found problems, an attempt failed.
    FAILED = 1
    #: The command line or a file cannot be understood.
    USAGE = 2
    #: Something we depend on did not answer: the server, a target, a remediation store.
    UNREACHABLE = 3
    #: Understood and refused: not allowed, not found, not possible in the present state.
    REFUSED = 4
    #: `wakeless plan`: nothing would be run for this alarm; a person would be told.
    NO_REMEDIATION = 5
    #: `wakeless run`: the script's time limit passed (as timeout(1) says it).
    TIMED_OUT = 124
    #: `wakeless run`: Wakeless could not run it at all.
    NOT_RUN = 125
    #: `wakeless run`: the target could not start it (no interpreter, no permission).
    NOT_STARTED = 126
    #: Ctrl-C.
    INTERRUPTED = 130


class CommandFailed(WakelessError):
    """A command cannot do what was asked; what it says is for the person who typed it."""

    code = "command_failed"

    def __init__(
        self, message: str, exit_code: Exit, *, code: str = "", hint: str = "", problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        #: The server's own word for it, where there is one.
        self.reason = code or type(self).code
        self.hint = hint
        self.problems = tuple(problems)


def exit_code_of(error: WakelessError) -> Exit:
    """Return the exit status that an error deserves."""
    if isinstance(error, CommandFailed):
        return error.exit_code
    if isinstance(error, InvalidInput):
        return Exit.USAGE
    if isinstance(error, Unavailable):
        return Exit.UNREACHABLE
    if isinstance(error, Refused):
        return Exit.REFUSED
    return Exit.FAILED


def describe(error: WakelessError, *, as_json: bool) -> str:
    """Return what is printed on standard error: lines for a person, or one JSON object."""
    problems: Sequence[Problem] = getattr(error, "problems", ())
    hint = getattr(error, "hint", "")
    if as_json:
        document = {
            "code": error.reason if isinstance(error, CommandFailed) else error.code,
            "message": str(error),
            "hint": hint,
            "problems": [problem_as_json(problem) for problem in problems],
        }
        return json.dumps({"error": document}, ensure_ascii=False)
    lines = [f"wakeless: {error}"]
    lines += [f"  {problem}" for problem in problems]
    if hint:
        lines.append(f"  {hint}")
    return "\n".join(lines)


def problem_as_json(problem: Problem) -> dict[str, object]:
    """Return a problem as JSON values."""
    return {
        "source": problem.source,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    }
