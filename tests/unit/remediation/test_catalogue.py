from __future__ import annotations

import posixpath
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.catalogue import (
    RemediationName,
    UnsafeName,
    candidates,
    check_key,
    language_of,
    lint,
    name_of,
    parse_key,
    show,
)
from wakeless.remediation.plan import ScriptLanguage

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def alarm(
    metric: str | None, namespace: str | None, name: str = "web-is-down", source: str = "embedded", **labels: str
) -> Alarm:
    return Alarm(
        source=source,
        fingerprint="f",
        dedup_key="d",
        state=AlarmState.ALARM,
        name=name,
        changed_at=T0,
        metric=metric,
        namespace=namespace,
        labels=labels,
    )


def test_the_name_is_the_metric_and_the_namespace() -> None:
    assert name_of(alarm("webapp-uptime", "CustomNamespace")).keys() == (
        "webapp-uptime#CustomNamespace.sh",
        "webapp-uptime#CustomNamespace.ps1",
        "webapp-uptime#CustomNamespace.py",
    )


def test_a_namespace_with_a_slash_makes_a_sub_folder() -> None:
    assert name_of(alarm("CPUUtilization", "AWS/EC2")).keys()[0] == "CPUUtilization#AWS/EC2.sh"


@pytest.mark.parametrize(("metric", "namespace"), [(None, None), ("cpu", None), (None, "AWS/EC2"), ("", "")])
def test_an_alarm_without_a_metric_of_its_own_goes_by_its_name_and_source(
    metric: str | None, namespace: str | None
) -> None:
    found = name_of(alarm(metric, namespace, name="DiskFull", source="alertmanager"))
    assert str(found) == "DiskFull#alertmanager"


@pytest.mark.parametrize(
    "name", ["größe", "ストレージ", "حجم القرص", "диск", "a b", "x:y", "$(reboot)", "a;b&c|d", "-rf", "~root"]
)
def test_other_alphabets_and_what_only_a_shell_would_mind_are_harmless(name: str) -> None:
    assert name_of(alarm(name, "N")).keys()[0] == f"{name}#N.sh"


@pytest.mark.parametrize(
    "bad",
    [
        "../etc/passwd",
        "..",
        ".",
        "a/../b",
        "a/./b",
        "/etc/passwd",
        "a//b",
        "a/",
        ".hidden",
        "a/.git/config",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\x1bb",
        "a\x7fb",
        "a\\b",
        "..\\b",
        'a"b',
        "a'b",
        "a`b",
        "a\u202eb",
        "a\u2028b",
        "a\u200bb",
        "a\ue000b",
        "a\ud800b",
        " a",
        "a/ b",
        "x" * 256,
        "x" * 10_000,
        "/".join(["x" * 200] * 6),
    ],
)
def test_dangerous_names_are_refused_in_either_part(bad: str) -> None:
    with pytest.raises(UnsafeName):
        name_of(alarm(bad, "CustomNamespace"))
    with pytest.raises(UnsafeName):
        name_of(alarm("metric", bad))
    with pytest.raises(UnsafeName):
        name_of(alarm(None, None, name=bad))


def test_a_refusal_shows_the_name_harmlessly_and_shortly() -> None:
    with pytest.raises(UnsafeName) as caught:
        name_of(alarm("\x1b[31m" + "x" * 10_000, "N"))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_metric_with_the_separator_is_refused_because_two_alarms_would_share_a_file() -> None:
    with pytest.raises(UnsafeName, match="#"):
        name_of(alarm("a#b", "c"))
    assert str(name_of(alarm("a", "b#c"))) == "a#b#c"


@given(st.text(), st.text())
def test_every_name_is_refused_or_stays_below_the_root(metric: str, namespace: str) -> None:
    try:
        keys = name_of(alarm(metric or None, namespace or None, name=metric or "n")).keys()
    except UnsafeName:
        return
    for key in keys:
        assert posixpath.normpath(key) == key
        assert not key.startswith(("/", ".."))
        assert "\0" not in key
        assert key.isprintable()


plain = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="#/\\\"'`."),
    min_size=1,
    max_size=30,
)


@given(plain, plain, st.sampled_from(list(ScriptLanguage)))
def test_a_key_is_read_back_to_the_name_it_was_made_from(metric: str, namespace: str, language: ScriptLanguage) -> None:
    key = f"{RemediationName(metric, namespace)}.{language}"
    assert parse_key(key) == RemediationName(metric, namespace)
    assert language_of(key) is language


@given(plain, plain, plain, plain)
def test_different_alarms_never_share_a_key(one: str, two: str, three: str, four: str) -> None:
    first, second = RemediationName(one, two), RemediationName(three, four)
    assert (first == second) == bool(set(first.keys()) & set(second.keys()))


def test_a_key_that_does_not_follow_the_convention_stands_for_no_name() -> None:
    for key in ("restart.sh", "#N.sh", "m#.sh", "m#N", "m#N.yaml", "README.md"):
        assert parse_key(key) is None
    assert parse_key("m#N.sh.sh") == RemediationName("m", "N.sh")


def test_a_rules_script_without_an_ending_may_be_in_any_language() -> None:
    assert candidates("restart") == ("restart.sh", "restart.ps1", "restart.py")
    assert candidates("web/restart.py") == ("web/restart.py",)
    with pytest.raises(UnsafeName):
        candidates("../restart.sh")


def test_the_longest_name_that_fits_is_accepted() -> None:
    check_key("x" * 255)
    with pytest.raises(UnsafeName):
        check_key("ü" * 128)


def test_show_keeps_letters_and_escapes_what_does_not_print() -> None:
    assert show("größe\n\x1b\u202e\ud800") == "'größe\\n\\x1b\\u202e\\ud800'"
    assert len(show("x" * 1000)) < 100


def test_lint_names_scripts_that_nothing_can_ever_use() -> None:
    findings = lint(["m#N.sh", "README.md", "restart.sh", "used.py", "m2#N.bash", "m3#N.yaml", ".gitkeep"], ["used"])
    assert {finding.key for finding in findings} == {"restart.sh", "m2#N.bash", "m3#N.yaml"}


def test_lint_names_unsafe_and_ambiguous_files() -> None:
    findings = lint(["a'b#N.sh", "m#N.sh", "m#N.py", "w#N.sh", "w#N.ps1"])
    assert {finding.key for finding in findings} == {"a'b#N.sh", "m#N.py"}


def test_lint_without_the_naming_convention_wants_every_script_in_a_rule() -> None:
    assert [finding.key for finding in lint(["m#N.sh", "r.sh"], ["r.sh"], by_name=False)] == ["m#N.sh"]


def test_lint_survives_names_that_are_not_text() -> None:
    assert lint(["m\udcff#N.sh"])[0].message.startswith("can never be run")
