"""Server-sent events are read as the specification says."""

from hypothesis import given
from hypothesis import strategies as st

from wakeless.doors.cli.sse import ServerSentEvent, read_events


def test_an_event_ends_with_an_empty_line() -> None:
    lines = ["id: 7", "event: entry", 'data: {"seq": 7}', "", "data: next", ""]
    assert list(read_events(lines)) == [
        ServerSentEvent("entry", '{"seq": 7}', "7"),
        ServerSentEvent("message", "next", "7"),
    ]


def test_data_over_several_lines_is_joined() -> None:
    assert list(read_events(["data: a", "data:b", "data", ""])) == [ServerSentEvent("message", "a\nb\n")]


def test_comments_unknown_fields_and_empty_events_are_passed_over() -> None:
    assert list(read_events([": keep-alive", "", "retry: 10", "colour: red", "", "event: lonely", ""])) == []


def test_an_event_that_is_cut_off_is_dropped() -> None:
    assert list(read_events(["data: whole", "", "data: half"])) == [ServerSentEvent("message", "whole")]


def test_an_id_with_a_nul_is_not_taken() -> None:
    assert [event.id for event in read_events(["id: 1", "id: 2\0", "data: x", ""])] == ["1"]


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n"))))
def test_nothing_that_a_server_sends_breaks_the_reader(lines: list[str]) -> None:
    for event in read_events(lines):
        assert event.event
