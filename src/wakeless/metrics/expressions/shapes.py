"""What a piece of metric math will be, known before there is any data: the checks of PutMetricAlarm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from wakeless.metrics.errors import BadExpression

#: Time series in one array at most.
MAX_WIDTH = 500


class Form(StrEnum):
    """The kinds of value, in the words of error messages."""

    NUMBER = "a number"
    SERIES = "a time series"
    ARRAY = "an array of time series"
    TEXT = "a text"
    WORD = "a word"


@dataclass(frozen=True, slots=True)
class Shape:
    """The kind of a value, and how much it can be."""

    form: Form
    #: Time series in it at most.
    width: int = 1
    #: The word or text itself.
    text: str = ""
    #: The number itself where it stands in the expression.
    number: float | None = None
    #: Whether it is a metric as it was put, not a result.
    metric: bool = False


NUMBER = Shape(Form.NUMBER)
SERIES = Shape(Form.SERIES)


def array(width: int) -> Shape:
    """Return the shape of an array of at most ``width`` time series."""
    return Shape(Form.ARRAY, width)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call to be checked."""

    name: str
    place: int
    args: Sequence[Shape]

    def refuse(self, why: str) -> NoReturn:
        """Refuse the call."""
        raise BadExpression(f"{self.name} at character {self.place}: {why}")

    def need(self, number: int, *forms: Form) -> Shape:
        """Return argument ``number`` (from one); refuse it when it has none of these forms."""
        arg = self.args[number - 1]
        if arg.form not in forms:
            wanted = " or ".join(forms)
            given = f"the word {arg.text}" if arg.form is Form.WORD else arg.form
            self.refuse(f"argument {number} must be {wanted}, not {given}")
        return arg

    def need_word(self, number: int, *words: str) -> Shape:
        """Return argument ``number``; refuse it when it is none of these words."""
        arg = self.args[number - 1]
        if arg.form is not Form.WORD or arg.text not in words:
            self.refuse(f"argument {number} must be one of {', '.join(words)}")
        return arg


Check = Callable[[Call], Shape]


def check_binary(sign: str, place: int, left: Shape, right: Shape) -> Shape:
    """Return the shape of an operator's result, or refuse it."""
    for side, shape in (("left", left), ("right", right)):
        if shape.form in (Form.TEXT, Form.WORD):
            given = f"{shape.form} ({shape.text})" if shape.text else str(shape.form)
            raise BadExpression(f"{sign} at character {place}: {given} on its {side}, where a value should stand")
    if left.form is Form.ARRAY and right.form is Form.ARRAY:
        raise BadExpression(f"{sign} at character {place}: two arrays of time series cannot be combined")
    for shape in (left, right):
        if shape.form is Form.ARRAY:
            return array(shape.width)
    return SERIES if Form.SERIES in (left.form, right.form) else NUMBER


def check_negate(place: int, shape: Shape) -> Shape:
    """Return the shape of a value with a minus before it, or refuse it."""
    if shape.form in (Form.TEXT, Form.WORD):
        raise BadExpression(f"- at character {place}: {shape.form} cannot be negated")
    if shape.number is not None:
        return Shape(Form.NUMBER, number=-shape.number)
    return Shape(shape.form, shape.width)


def check_array(place: int, items: Sequence[Shape]) -> Shape:
    """Return the shape of ``[a, b, …]``, or refuse it."""
    for number, shape in enumerate(items, 1):
        if shape.form not in (Form.SERIES, Form.ARRAY):
            raise BadExpression(
                f"[ at character {place}: item {number} is {shape.form}, where a time series should stand"
                + ("; TIME_SERIES makes one of a number" if shape.form is Form.NUMBER else "")
            )
    width = sum(shape.width for shape in items)
    if width > MAX_WIDTH:
        raise BadExpression(f"[ at character {place}: more than {MAX_WIDTH} time series")
    if not items:
        raise BadExpression(f"[ at character {place}: an array needs at least one time series")
    return array(width)
