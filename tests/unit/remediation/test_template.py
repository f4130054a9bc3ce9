from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.template import MAX_VALUE, InvalidTemplate, Lookup, ValueMissing, parse, render

ALARM = Alarm(
    source="cloudwatch",
    fingerprint="f",
    dedup_key="d",
    state=AlarmState.ALARM,
    name="web is down",
    changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    reason="Threshold Crossed",
    namespace="CustomNamespace",
    metric="webapp-uptime",
    dimensions={"InstanceId": "i-0abc", "mount point": "/", "path": "{{ alarm.name }}", "nul": "a\0b"},
    labels={"instance": "web-1:9100", "big": "x" * (MAX_VALUE + 1), "bad": "\ud800"},
    annotations={"summary": "It is down"},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{ not } a { template }", "{ not } a { template }"),
        ("}} alone is text", "}} alone is text"),
        ("{{ alarm.dimensions.InstanceId }}", "i-0abc"),
        ("{{alarm.dimensions.InstanceId}}", "i-0abc"),
        ('{{ alarm.dimensions["mount point"] }}', "/"),
        ("{{ alarm.dimensions['mount point'] }}", "/"),
        ("{{ alarm.name }} in {{ alarm.namespace }}: {{ alarm.state }}", "web is down in CustomNamespace: ALARM"),
        ("{{ alarm.labels.instance }}", "web-1:9100"),
        ("{{ alarm.annotations.summary }}", "It is down"),
        ("{{ alarm.changed_at }}", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_a_template_takes_values_from_the_alarm(text: str, value: str) -> None:
    assert render(parse(text), ALARM) == value


def test_a_value_that_looks_like_a_template_stays_text() -> None:
    assert render(parse("{{ alarm.dimensions.path }}"), ALARM) == "{{ alarm.name }}"


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{ alarm.name",
        "{{}}",
        "{{ }}",
        "{{ name }}",
        "{{ alarm }}",
        "{{ alarm. }}",
        "{{ alarm.password }}",
        "{{ alarm.raw }}",
        "{{ alarm.dimensions }}",
        "{{ alarm.dimensions.a.b }}",
        "{{ alarm.name.upper }}",
        "{{ alarm.name() }}",
        "{{ alarm.__class__ }}",
        "{{ alarm.dimensions.__class__.x }}",
        "{{ 1 + 1 }}",
        "{{ alarm.name | upper }}",
        "{{ alarm.labels[''] }}",
        "{{ alarm.labels[0] }}",
        "{{ alarm['name'] }}",
        "{{{{ alarm.name }}}}",
    ],
)
def test_everything_else_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(InvalidTemplate):
        parse(text)


@pytest.mark.parametrize("text", ["{{ alarm.dimensions.Missing }}", "{{ alarm.region }}", "{{ alarm.url }}"])
def test_what_the_alarm_does_not_have_is_a_problem_and_not_an_empty_text(text: str) -> None:
    with pytest.raises(ValueMissing, match="the alarm has no"):
        render(parse(text), ALARM)


@pytest.mark.parametrize("text", ["{{ alarm.dimensions.nul }}", "{{ alarm.labels.big }}", "{{ alarm.labels.bad }}"])
def test_values_that_cannot_be_passed_on_are_refused(text: str) -> None:
    with pytest.raises(ValueMissing):
        render(parse(text), ALARM)


def test_a_literal_is_known_as_one() -> None:
    assert parse("web-1").is_literal
    assert not parse("{{ alarm.name }}").is_literal


@given(st.text())
def test_text_without_braces_is_itself(text: str) -> None:
    assert parse(text.replace("{{", "")).parts in ((text.replace("{{", ""),), ()) or "{{" in text.replace("{{", "")


@given(st.text(alphabet="{}alarm.nedis[]\"' 0", max_size=60))
def test_any_text_is_a_template_or_refused_and_nothing_else(text: str) -> None:
    try:
        template = parse(text)
    except InvalidTemplate:
        return
    assert all(isinstance(part, str | Lookup) for part in template.parts)


@given(st.text(st.characters(exclude_characters="{}\"'"), min_size=1, max_size=20))
def test_a_lookup_reads_back_from_how_it_is_shown(entry: str) -> None:
    lookup = Lookup("labels", entry)
    assert parse(f"{{{{ {lookup} }}}}").parts == (lookup,)
