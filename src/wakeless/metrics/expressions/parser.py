"""Metric math as text becomes a short program for a stack machine.

The parser recurses no deeper than `MAX_DEPTH`, and the machine not at all, so no text can exhaust anything.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from wakeless.metrics.errors import BadExpression

#: Longest expression that the API model takes.
MAX_LENGTH = 2048
#: Parentheses, brackets, calls and signs within each other.
MAX_DEPTH = 40


class Op(StrEnum):
    """What an instruction does with the stack."""

    NUMBER = "number"
    TEXT = "text"
    WORD = "word"
    REF = "ref"
    ARRAY = "array"
    CALL = "call"
    NEGATE = "negate"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a program: takes `count` values off the stack and puts one there."""

    op: Op
    #: Id, function, operator, word or text.
    name: str
    #: 1-based character of the expression that it stands for.
    place: int
    count: int = 0
    number: float = 0.0


#: Binding strength of the operators; the user guide gives none, so these are those of most languages.
_STRENGTH = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 3,
    "<=": 3,
    ">": 3,
    ">=": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "^": 7,
}
#: A sign binds tighter than a product and looser than a power: -2^2 is -4.
_SIGN = 6
_POWER = 7
_SPELLINGS = {"AND": "&&", "OR": "||"}

_TOKEN = re.compile(
    r"""(?P<blank>[\ \t\r\n]+)
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?(?![A-Za-z_0-9]))
      | (?P<id>[a-z][A-Za-z0-9_]*)
      | (?P<word>[A-Z][A-Za-z0-9_]*)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def parse(expression: str) -> tuple[Instruction, ...]:
    """Return the program of ``expression``; raises `BadExpression` saying what is wrong at which character."""
    if len(expression) > MAX_LENGTH:
        raise BadExpression(f"the expression is longer than {MAX_LENGTH} characters")
    return _Parser(_tokens(expression)).parse()


def _tokens(expression: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            found = expression[at]
            if found in "\"'":
                raise BadExpression(f"the text that begins at character {at + 1} has no end")
            raise BadExpression(f"unexpected {found!r} at character {at + 1}")
        kind = str(match.lastgroup)
        if kind != "blank":
            text = match.group()
            if text in _SPELLINGS:
                kind, text = "sign", _SPELLINGS[text]
            tokens.append(_Token(kind, text, at + 1))
        at = match.end()
    tokens.append(_Token("end", "", len(expression) + 1))
    return tokens


class _Parser:
    """Precedence climbing over the tokens; writes the program as it goes."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._program: list[Instruction] = []

    def parse(self) -> tuple[Instruction, ...]:
        if self._next.kind == "end":
            raise BadExpression("the expression is empty")
        self._expression(1)
        if self._next.kind != "end":
            self._unexpected("an operator")
        return tuple(self._program)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, sign: str) -> bool:
        return self._next.kind == "sign" and self._next.text == sign

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            self._unexpected(repr(sign))
        self._at += 1

    def _unexpected(self, wanted: str) -> NoReturn:
        token = self._next
        if token.kind == "end":
            raise BadExpression(f"the expression ends where {wanted} should stand")
        shown = token.text if len(token.text) <= 50 else token.text[:50] + "…"
        raise BadExpression(f"unexpected {shown!r} at character {token.place}, where {wanted} should stand")

    def _emit(self, op: Op, name: str, place: int, count: int = 0, number: float = 0.0) -> None:
        self._program.append(Instruction(op, name, place, count, number))

    def _expression(self, weakest: int) -> None:
        """Parse operators that bind at least as tight as ``weakest``."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadExpression(f"nested more than {MAX_DEPTH} deep at character {self._next.place}")
        self._operand()
        while self._next.kind == "sign":
            strength = _STRENGTH.get(self._next.text, 0)
            if strength < weakest or strength == 0:
                break
            operator = self._take()
            # A power is right-associative: 2^3^2 is 2^9.
            self._expression(strength if strength == _POWER else strength + 1)
            self._emit(Op.BINARY, operator.text, operator.place, 2)
        self._depth -= 1

    def _operand(self) -> None:
        token = self._next
        if token.kind == "number":
            self._take()
            number = float(token.text)
            if not math.isfinite(number):
                raise BadExpression(f"the number at character {token.place} is too large")
            self._emit(Op.NUMBER, token.text, token.place, number=number)
        elif token.kind == "id":
            self._take()
            if self._is("("):
                hint = f"; functions are written in upper case: {token.text.upper()}"
                raise BadExpression(f"unknown function {token.text} at character {token.place}{hint}")
            self._emit(Op.REF, token.text, token.place)
        elif token.kind == "text":
            self._take()
            self._emit(Op.TEXT, token.text[1:-1], token.place)
        elif token.kind == "word":
            self._word(self._take())
        elif self._is("-"):
            self._take()
            self._expression(_SIGN)
            self._emit(Op.NEGATE, "-", token.place, 1)
        elif self._is("("):
            self._take()
            self._expression(1)
            self._expect(")")
        elif self._is("["):
            self._take()
            self._emit(Op.ARRAY, "[", token.place, self._list("]"))
        else:
            self._unexpected("a value")

    def _word(self, word: _Token) -> None:
        if self._is("("):
            self._take()
            self._emit(Op.CALL, word.text, word.place, self._list(")"))
        else:
            self._emit(Op.WORD, word.text, word.place)

    def _list(self, closing: str) -> int:
        """Parse expressions separated by commas up to ``closing``; return how many."""
        if self._is(closing):
            self._take()
            return 0
        count = 1
        self._expression(1)
        while self._is(","):
            self._take()
            self._expression(1)
            count += 1
        self._expect(closing)
        return count
