from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wakeless.app.settings.yaml_text import MAX_BYTES, MAX_DEPTH, Mark, read_yaml, show_path


def problems(text: str) -> list[str]:
    return [f"{one.line}:{one.column} {one.message}" for one in read_yaml(text, "f").problems]


def test_scalars_stay_the_text_that_was_written() -> None:
    text = "{a: 000000000012, b: no, c: 1.50, d: 2026-01-01, e: 'null', f: null, g: ~, h: , i: ''}"
    document = read_yaml(text, "f")
    assert document.problems == ()
    assert document.value == {
        "a": "000000000012",
        "b": "no",
        "c": "1.50",
        "d": "2026-01-01",
        "e": "null",
        "f": None,
        "g": None,
        "h": None,
        "i": "",
    }


def test_every_key_and_value_has_its_place() -> None:
    document = read_yaml("a: 1\nb:\n  - c: 2\n    d: 3\n", "f")
    assert document.keys[("b",)] == Mark(2, 1)
    assert document.keys[("b", 0)] == Mark(3, 5)
    assert document.keys[("b", 0, "d")] == Mark(4, 5)
    assert document.values[("b", 0, "d")] == Mark(4, 8)


def test_json_is_yaml() -> None:
    document = read_yaml(json.dumps({"a": [1, True, None, "x"], "b": {"c": "ü"}}, ensure_ascii=False), "f")
    assert document.value == {"a": ["1", "true", None, "x"], "b": {"c": "ü"}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "--- {}\n"])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    document = read_yaml(text, "f")
    assert document.problems == ()
    assert document.value in ({}, None)


def test_anchors_and_aliases_work() -> None:
    document = read_yaml("a: &x {k: [1, 2]}\nb: *x\n", "f")
    assert document.value == {"a": {"k": ["1", "2"]}, "b": {"k": ["1", "2"]}}
    assert document.problems == ()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "is given twice, first on line 1"),
        ("a: {b: 1, b: 2}\n", "1:11", "is given twice"),
        ("a: !!python/object:os.system x\n", "1:4", "tag"),
        ("a: !secret x\n", "1:4", "tag"),
        ("!!str a: x\n", "1:1", "tag"),
        ("<<: {a: 1}\n", "1:1", "merges are not accepted"),
        ("a: *nowhere\n", "1:4", "refers to an anchor"),
        ("a: &x [1, *x]\n", "1:11", "contains itself"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("? [a, b]\n: c\n", "1:3", "a key that is not text"),
        ("a: [1\n", "", "is not YAML"),
        ("a: 'x\n", "", "is not YAML"),
        ("a: b: c\n", "1:5", "is not YAML"),
        ("a:\n\t- b\n", "2:1", "is not YAML"),
        ("a: @x\n", "1:4", "is not YAML"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, place: str, words: str) -> None:
    (found,) = problems(text)
    assert found.startswith(place)
    assert words in found


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(problems("a: 1\na: 2\nb: !x 3\nc: *d\n")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "password: *hunter2\n",
        "password: !hunter2 x\n",
        "password: @hunter2\n",
        "p: %hunter2\n",
        "p: 'hunter2\n",
        "p: [hunter2\n",
        "p: {hunter2: 1\n",
    ],
)
def test_no_message_quotes_what_may_be_a_secret(text: str) -> None:
    found = read_yaml(text, "f").problems
    assert found
    assert all("hunter2" not in str(one) for one in found)


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert any("unfolds into more than" in one for one in problems("\n".join(lines)))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "[" * 5000 + "]" * 5000,
        "{a: " * 5000,
        "- " * 5000 + "x",
        "a:\n" + "".join(" " * n + "b:\n" for n in range(1, 200)),
    ],
)
def test_too_deep_is_refused(text: str) -> None:
    found = problems(text)
    assert found
    assert any(f"more than {MAX_DEPTH} deep" in one or "not YAML" in one for one in found)


def test_too_big_is_refused() -> None:
    assert "bigger" in problems("#" * (MAX_BYTES + 1))[0]


@pytest.mark.parametrize("text", ["a: \0\n", "a: \x01\n", "\ufffe", "a: \ud800\n"])
def test_characters_that_yaml_does_not_allow_are_refused(text: str) -> None:
    assert problems(text)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@, \n\t?~<", max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    read_yaml(text, "f")


leaves = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(leaves.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
)


@given(st.dictionaries(leaves.filter(lambda key: key != "<<"), trees, max_size=4))
def test_what_a_yaml_writer_writes_is_read_back(tree: dict[str, object]) -> None:
    document = read_yaml(yaml.safe_dump(tree, default_style='"', allow_unicode=True), "f")
    assert document.problems == ()
    assert document.value == tree


def test_a_path_is_shown_as_people_write_it() -> None:
    assert show_path(("rules", 2, "verify", "within")) == "rules[2].verify.within"
    assert show_path(()) == ""
