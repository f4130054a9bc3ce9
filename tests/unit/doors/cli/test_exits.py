"""Every error has an exit status and words with a way out."""

import json

import pytest

from wakeless.core.errors import InvalidInput, NotFound, Refused, Unavailable, WakelessError
from wakeless.core.problems import Problem
from wakeless.doors.cli.exits import CommandFailed, Exit, describe, exit_code_of

PROBLEM = Problem("wakeless.yaml", 3, 5, "rules[0].attempts", "must be at least 1", "write a number")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("bad"), Exit.USAGE),
        (NotFound("none"), Exit.REFUSED),
        (Refused("no"), Exit.REFUSED),
        (Unavailable("later"), Exit.UNREACHABLE),
        (WakelessError("odd"), Exit.FAILED),
        (CommandFailed("x", Exit.NOT_RUN), Exit.NOT_RUN),
    ],
)
def test_the_kind_of_error_decides_the_exit_status(error: WakelessError, status: Exit) -> None:
    assert exit_code_of(error) is status


def test_every_problem_is_told_with_its_place_and_the_way_out() -> None:
    text = describe(InvalidInput("wakeless.yaml has 1 problem", [PROBLEM]), as_json=False)
    assert text.splitlines() == [
        "wakeless: wakeless.yaml has 1 problem",
        "  wakeless.yaml:3:5: rules[0].attempts: must be at least 1 (write a number)",
    ]


def test_errors_are_json_where_json_is_asked_for() -> None:
    error = CommandFailed("no such thing", Exit.REFUSED, code="not_found", hint="look elsewhere", problems=[PROBLEM])
    document = json.loads(describe(error, as_json=True))["error"]
    assert (document["code"], document["message"], document["hint"]) == ("not_found", "no such thing", "look elsewhere")
    assert document["problems"][0]["line"] == 3
