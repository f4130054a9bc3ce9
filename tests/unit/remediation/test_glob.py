from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from wakeless.remediation.glob import any_match, is_literal, matches

texts = st.text(alphabet="abA/*?[]!-\n", max_size=8)


@given(texts, texts)
def test_globs_are_those_of_fnmatch(glob: str, value: str) -> None:
    assert matches(glob, value) == fnmatchcase(value, glob)


@given(texts)
def test_a_literal_matches_itself_alone(value: str) -> None:
    if is_literal(value):
        assert matches(value, value)
        assert not matches(value, value + "a")


def test_a_hostile_glob_takes_no_time() -> None:
    assert not matches("*a" * 50 + "b", "a" * 5000)


def test_one_of_several_is_enough() -> None:
    assert any_match(("x", "AWS/*"), "AWS/EC2")
    assert not any_match((), "AWS/EC2")
