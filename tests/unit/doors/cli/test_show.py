"""What is printed for people cannot drive their terminal, and reads well."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.doors.cli.show import about, clean, line, local, moment, print_json, seconds


def test_terminal_commands_in_text_from_outside_are_made_harmless() -> None:
    assert clean("a\x1b[2Jb\x07\x9bc") == "a�[2Jb��c"


def test_text_is_shown_in_the_order_it_has() -> None:
    assert clean("a\u202eb\u2066c\u2028d\ufeffe") == "a�b�c�d�e"


def test_json_does_not_drive_a_terminal_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"na\x9bme": "\x1b[2J\x9b2J\u202e\u2028 é “quoted” \ud800 \x7f"}
    print_json(value, compact=True)
    out = capsys.readouterr().out
    assert out.rstrip("\n").isprintable()
    assert "é “quoted”" in out
    assert json.loads(out) == value


def test_lines_and_tabs_are_kept_and_windows_line_ends_become_ours() -> None:
    assert clean("a\tb\r\nc\n") == "a\tb\nc\n"


@given(st.text())
def test_a_line_is_one_line_without_control_characters(text: str) -> None:
    shown = line(text)
    assert all(character.isprintable() or character == "�" or ord(character) > 159 for character in shown)
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "12 ms"), (0.9994, "999 ms"), (1, "1.0 s"), (61.26, "61.3 s"), (600, "10 min"), (10_000, "2.8 h")],
)
def test_durations_are_shown_in_a_unit_that_fits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_time_is_read_with_and_without_its_zone() -> None:
    at = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    assert moment("2026-11-22T03:04:05Z") == moment("2026-11-22T03:04:05") == at
    assert moment("yesterday") is moment(None) is moment("") is None


def test_a_time_of_another_day_is_shown_with_its_date() -> None:
    assert local("2020-01-02T12:00:00.125Z", milliseconds=True).startswith("2020-01-0")
    assert local("2020-01-02T12:00:00.125Z", milliseconds=True).endswith(".125")


def test_what_an_alarm_is_about_is_its_metric_and_dimensions_or_its_labels() -> None:
    alarm = {"namespace": "CustomNamespace", "metric": "webapp-uptime", "dimensions": {"InstanceId": "i-1"}}
    assert about(alarm) == "CustomNamespace/webapp-uptime InstanceId=i-1"
    assert about({"labels": {"alertname": "Down", "job": "web"}}) == "job=web"
    assert about({}) == ""
