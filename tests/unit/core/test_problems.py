"""A problem says where, what and the way out; a list of them sorts as a person reads a file."""

import pytest

from wakeless.core.errors import InvalidInput, NotFound, Refused, Unavailable, WakelessError
from wakeless.core.problems import Problem


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wakeless.yaml", 0, 0, "", "is empty"), "wakeless.yaml: is empty"),
        (Problem("wakeless.yaml", 3, 0, "", "is odd"), "wakeless.yaml:3: is odd"),
        (Problem("wakeless.yaml", 3, 7, "", "is odd"), "wakeless.yaml:3:7: is odd"),
        # Without a line, a column says nothing.
        (Problem("request", 0, 7, "", "is odd"), "request: is odd"),
        (Problem("wakeless.yaml", 3, 7, "rules[2]", "is odd"), "wakeless.yaml:3:7: rules[2]: is odd"),
        (
            Problem("wakeless.yaml", 3, 7, "rules[2].pause", "must be a duration", "write 30s"),
            "wakeless.yaml:3:7: rules[2].pause: must be a duration (write 30s)",
        ),
    ],
)
def test_the_text_leaves_out_what_is_not_known(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_problems_sort_by_file_then_by_place() -> None:
    in_order = [
        Problem("a.yaml", 0, 0, "z", "m"),
        Problem("a.yaml", 2, 9, "a", "m"),
        Problem("a.yaml", 10, 1, "a", "m"),
        Problem("a.yaml", 10, 2, "a", "m"),
        Problem("a.yaml", 10, 2, "b", "m"),
        Problem("a.yaml", 10, 2, "b", "n"),
        Problem("b.yaml", 1, 1, "a", "m"),
    ]
    assert sorted(reversed(in_order)) == in_order


def test_invalid_input_carries_every_problem() -> None:
    problems = [Problem("a", 1, 1, "", "x"), Problem("b", 1, 1, "", "y")]
    assert InvalidInput("two problems", problems).problems == tuple(problems)
    assert InvalidInput("none").problems == ()


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (WakelessError, "error", False),
        (Unavailable, "unavailable", True),
        (Refused, "refused", False),
        (InvalidInput, "invalid_input", False),
        (NotFound, "not_found", False),
    ],
)
def test_an_error_says_what_the_caller_may_do(error: type[WakelessError], code: str, retryable: bool) -> None:
    assert (error.code, error.retryable) == (code, retryable)
    assert issubclass(error, WakelessError)
