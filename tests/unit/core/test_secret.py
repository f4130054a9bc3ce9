"""A secret comes out by `reveal` and by nothing else."""

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.secret import Secret

VALUE = "hunter2-hunter2"


@dataclass(frozen=True)
class Holder:
    name: str
    token: Secret


def test_reveal_gives_it() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: f"{secret!s}",
        lambda secret: "%s" % secret,  # noqa: UP031
        lambda secret: "{}".format(secret),  # noqa: UP032
        lambda secret: str([secret]),
        lambda secret: repr({"token": secret}),
        lambda secret: repr(Holder("a", secret)),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_however_it_is_shown_there_are_stars(show: object) -> None:
    assert callable(show)
    shown = show(Secret(VALUE))
    assert VALUE not in shown
    assert "********" in shown


def test_a_log_shows_stars(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("token %s of %r", Secret(VALUE), Holder("a", Secret(VALUE)))
    assert VALUE not in caplog.text
    assert "********" in caplog.text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE), protocol)
    with pytest.raises(TypeError):
        pickle.dumps(Holder("a", Secret(VALUE)), protocol)


@pytest.mark.parametrize("taken", [copy.copy, copy.deepcopy])
def test_it_is_not_copied_behind_our_back(taken: object) -> None:
    assert callable(taken)
    with pytest.raises(TypeError):
        taken(Secret(VALUE))


def test_it_is_no_text() -> None:
    secret = Secret(VALUE)
    with pytest.raises(TypeError):
        json.dumps({"token": secret})
    with pytest.raises(TypeError):
        "".join([secret])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        secret + ""  # type: ignore[operator]
    with pytest.raises(TypeError):
        bytes(secret)  # type: ignore[call-overload]
    assert not hasattr(secret, "__dict__")


@given(st.text(), st.text())
def test_it_equals_what_holds_the_same_and_nothing_else(a: str, b: str) -> None:
    assert (Secret(a) == Secret(b)) == (a == b)
    assert Secret(a) != a
    assert Secret(a).matches(b) == (a == b)
    if a == b:
        assert hash(Secret(a)) == hash(Secret(b))


def test_an_empty_one_is_false() -> None:
    assert not Secret("")
    assert Secret(VALUE)


def test_half_a_character_is_a_wrong_secret_and_no_error() -> None:
    assert not Secret(VALUE).matches("\ud800")
