"""References: kinds, types, embedding, and what stays as it is (sections 2.1 to 2.3)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.errors import WakelessError
from wakeless.runbooks.coerce import NotJson
from wakeless.runbooks.interpolate import (
    Reference,
    ReferenceKind,
    Unresolved,
    references,
    resolve,
    resolve_leniently,
    whole,
)

VALUES: dict[str, Any] = {
    "S": "text",
    "I": 7,
    "B": True,
    "L": ["x", "y"],
    "E": [],
    "M": {"k": "v", "n": 1},
    "ML": [{"a": 1}, {"a": 2}],
    "step.Out": "out",
    "variable:v": "var",
    "global:REGION": "us-east-1",
    "automation:EXECUTION_ID": "id",
    "ssm:/a/b": "stored",
    "Braces": "{{ S }}",
}


def answer(reference: Reference) -> Any:
    if str(reference) in VALUES:
        return VALUES[str(reference)]
    raise Unresolved(reference, "not in this test")


@pytest.mark.parametrize(
    ("written", "kind", "name", "output"),
    [
        ("{{ P }}", ReferenceKind.PARAMETER, "P", ""),
        ("{{P}}", ReferenceKind.PARAMETER, "P", ""),
        ("{{\tP\n}}", ReferenceKind.PARAMETER, "P", ""),
        ("{{ step.Out }}", ReferenceKind.OUTPUT, "step", "Out"),
        ("{{ variable:x }}", ReferenceKind.VARIABLE, "x", ""),
        ("{{ global:DATE_TIME }}", ReferenceKind.GLOBAL, "DATE_TIME", ""),
        ("{{ automation:EXECUTION_ID }}", ReferenceKind.AUTOMATION, "EXECUTION_ID", ""),
        ("{{ssm:/path/to.name}}", ReferenceKind.PARAMETER_STORE, "/path/to.name", ""),
    ],
)
def test_each_kind_of_reference_is_read(written: str, kind: ReferenceKind, name: str, output: str) -> None:
    assert whole(written) == Reference(kind, name, output)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "{{ }}",
            "{{ a b }}",
            "{{ a.b.c }}",
            "{{ a[0] }}",
            "{{ a.b[0] }}",
            "{{ .Names }}",
            "{{resolve:ssm:x}}",
            "{ a }",
        ),
        *("{{ a-b }}", "{{ other:x }}", "{{ a | upper }}", "{{% x %}}", "{{ variable: x }}", "{{", "}}", "{{ a }"),
    ],
)
def test_text_that_is_no_reference_is_left_untouched(written: str) -> None:
    assert list(references(written)) == []
    assert resolve(written, answer) == written


@pytest.mark.parametrize("name", ["S", "I", "B", "L", "E", "M", "ML"])
def test_a_value_that_is_one_reference_keeps_its_type(name: str) -> None:
    found = resolve(f"{{{{ {name} }}}}", answer)
    assert found == VALUES[name]
    assert type(found) is type(VALUES[name])


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Hello {{ S }}, {{S}}!", "Hello text, text!"),
        ("n={{ I }}", "n=7"),
        ("b={{ B }}", "b=true"),
        ("l={{ L }}", 'l=["x","y"]'),
        ("m={{ M }}", 'm={"k":"v","n":1}'),
        ("ml={{ ML }}", 'ml=[{"a":1},{"a":2}]'),
        (" {{ S }}", " text"),
        ("{{ S }}{{ I }}", "text7"),
        ("{{{ S }}}", "{text}"),
        ('{"a":{{ I }}}', '{"a":7}'),
        ("{{ step.Out }}/{{ variable:v }}/{{ global:REGION }}", "out/var/us-east-1"),
        ("{{ {{ S }} }}", "{{ text }}"),
    ],
)
def test_inside_longer_text_values_become_text(written: str, found: str) -> None:
    assert resolve(written, answer) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["{{ L }}"], ["x", "y"]),
        (["a", "{{ L }}", "b"], ["a", "x", "y", "b"]),
        (["{{ E }}"], []),
        (["{{ ML }}"], [{"a": 1}, {"a": 2}]),
        (["{{ S }}"], ["text"]),
        ([["{{ L }}"]], [["x", "y"]]),
        (["-{{ L }}"], ['-["x","y"]']),
        ([{"Values": ["{{ L }}"]}], [{"Values": ["x", "y"]}]),
    ],
)
def test_a_list_that_is_an_item_of_a_list_puts_its_items_there(written: Any, found: Any) -> None:
    assert resolve(written, answer) == found


def test_keys_are_never_resolved_and_results_never_looked_at_again() -> None:
    assert resolve({"{{ S }}": "{{ Braces }}"}, answer) == {"{{ S }}": "{{ S }}"}


@pytest.mark.parametrize("written", ["{{ No }}", "a {{ step.No }}", ["{{ variable:no }}"], {"k": {"l": "{{ No }}"}}])
def test_a_reference_without_a_value_is_told_by_name(written: Any) -> None:
    with pytest.raises(Unresolved, match=r"\{\{ \S+ \}\} cannot be resolved"):
        resolve(written, answer)


def test_a_script_keeps_what_cannot_be_resolved() -> None:
    script = "name = '{{ S }}'; jinja = '{{ user }}'; braces = '{{{x}}}'"
    assert resolve_leniently(script, answer) == "name = 'text'; jinja = '{{ user }}'; braces = '{{{x}}}'"


def test_values_deeper_than_anything_real_are_refused() -> None:
    deep: Any = "{{ S }}"
    for _ in range(3_000):
        deep = [deep]
    with pytest.raises(NotJson, match="nested deeper"):
        resolve(deep, answer)


TEXTS = st.text(alphabet="{} .:abSILstep\nOut0", max_size=40) | st.sampled_from(["{{ " * 50, "{{S}}" * 3, "{" * 100])


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=10))
def test_any_value_resolves_or_is_refused(written: Any) -> None:
    with suppress(WakelessError):
        resolve(written, answer)


@given(st.text(alphabet="{}ab \\\"'", max_size=60))
def test_text_without_references_is_its_own_resolution(written: str) -> None:
    if not list(references(written)):
        assert resolve(written, answer) == written
