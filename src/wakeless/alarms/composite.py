"""A composite alarm's rule: read it, check it, evaluate it, and say which alarms decided.

    expr    := term { OR term }
    term    := factor { AND factor }
    factor  := NOT factor | "(" expr ")" | TRUE | FALSE
             | ALARM(ref) | OK(ref) | INSUFFICIENT_DATA(ref)
             | AT_LEAST(n | p%, [NOT] ALARM|OK|INSUFFICIENT_DATA, (ref {, ref}))
    ref     := name | ARN | either in double quotes, where \\" is a quote

Everything is case-sensitive. The texts of the refusals were recorded from CloudWatch, which lists what it would
have taken instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.errors import ValidationFailed

MAX_RULE = 10_240
MAX_CHILDREN = 100
#: Children, TRUE, FALSE and parentheses.
MAX_ELEMENTS = 500
#: Composite alarms that one alarm may be a child of.
MAX_PARENTS = 150

_STATE_NAMES = "ALARM, OK, or INSUFFICIENT_DATA"
_FACTOR = f"'(', 'NOT', AT_LEAST, TRUE or FALSE, {_STATE_NAMES}"
_REF = (
    f"'NOT', 'AND', 'OR', 'AT_LEAST', NUMBER, PERCENTAGE NUMBER, TRUE or FALSE, {_STATE_NAMES}, "
    "unquoted alarm name, quoted alarm name"
)
_TOKEN = re.compile(r'\s*(?:(?P<mark>[(),])|"(?P<quoted>(?:\\"|[^"])*)"|(?P<word>[^\s(),]+))')
_ARN = re.compile(r"arn:(?P<partition>[^:]*):cloudwatch:(?P<region>[^:]*):(?P<account>[^:]*):alarm:(?P<name>.*)", re.S)
_EOF = "<EOF>"


@dataclass(frozen=True, slots=True)
class Constant:
    """``TRUE`` or ``FALSE``."""

    value: bool


@dataclass(frozen=True, slots=True)
class InState:
    """``ALARM(ref)`` and its siblings."""

    ref: str
    state: AlarmState


@dataclass(frozen=True, slots=True)
class AtLeast:
    """``AT_LEAST(...)``: so many of these alarms are (not) in this state; a repeated reference counts again."""

    threshold: int
    percent: bool
    state: AlarmState
    negated: bool
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``NOT factor``."""

    node: Node


@dataclass(frozen=True, slots=True)
class AllOf:
    """``factor AND factor …``."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``term OR term …``."""

    nodes: tuple[Node, ...]


Node = Constant | InState | AtLeast | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was read."""

    root: Node
    #: Every alarm it names, as it is written, each once and in order of appearance.
    refs: tuple[str, ...]

    def evaluate(self, state_of: Callable[[str], AlarmState]) -> bool:
        """Say whether the rule holds; true means ALARM."""
        return _evaluate(self.root, state_of)

    def deciding(self, state_of: Callable[[str], AlarmState]) -> list[str]:
        """Return the references whose present states make the rule what it is, each once, in order."""
        return list(dict.fromkeys(_deciding(self.root, self.evaluate(state_of), state_of)))


def parse(text: str) -> Rule:
    """Read a rule; raises `ValidationFailed` with CloudWatch's text, and nothing else."""
    if len(text) > MAX_RULE:
        raise ValidationFailed(
            "1 validation error detected: Value at 'alarmRule' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_RULE}"
        )
    parser = _Parser(text)
    rule = Rule(parser.parse(), tuple(dict.fromkeys(parser.refs)))
    if len(rule.refs) > MAX_CHILDREN:
        raise _error(f"The rule has {len(rule.refs)} children, at most {MAX_CHILDREN} are allowed")
    return rule


def resolve(ref: str, *, account: str, region: str) -> str:
    """Return the name of the alarm that a reference means; raises `ValidationFailed` for those of other places."""
    match = _ARN.fullmatch(ref)
    if match is None:
        return ref
    if match["account"] != account:
        raise ValidationFailed("A composite alarm cannot have a child relation with alarms from another AWS account")
    if match["region"] != region:
        raise _error(f"Wrong ARN region, it was {match['region']} but {region} was expected instead")
    return match["name"]


def heights(children: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return how far above the metric alarms each composite alarm (key) stands: 1 and up.

    Those that depend on themselves through others are left out: they are not evaluated.
    """
    found: dict[str, int] = {}
    parents: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    for name, below in children.items():
        composites = {child for child in below if child in children}
        waiting[name] = len(composites)
        for child in composites:
            parents.setdefault(child, []).append(name)
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        found[name] = 1 + max((found.get(child, 0) for child in children[name]), default=0)
        for parent in parents.get(name, ()):
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    # What stands above a loop without being part of it waits for it in vain: give it its place again.
    stuck = {name for name, count in waiting.items() if count}
    for name in _above_loops(children, stuck):
        found[name] = 1 + max((found.get(child, 0) for child in children[name]), default=0)
    return found


def _above_loops(children: Mapping[str, Sequence[str]], stuck: set[str]) -> list[str]:
    """Return those of ``stuck`` that are in no loop themselves, lowest first."""
    above: list[str] = []
    for start in sorted(stuck):
        seen: set[str] = set()
        todo = [child for child in children[start] if child in stuck]
        while todo and start not in seen:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo.extend(child for child in children[name] if child in stuck)
        if start not in seen:
            above.append(start)
    # A chain above a loop has at most as many links as there are composite alarms: settle by repetition.
    ordered: list[str] = []
    left = set(above)
    while left:
        lowest = sorted(name for name in left if not any(child in left for child in children[name]))
        ordered.extend(lowest)
        left.difference_update(lowest)
    return ordered


def _error(text: str) -> ValidationFailed:
    return ValidationFailed(f"Error in AlarmRule [{text}]")


def _unsupported(token: str, at: int, expected: str) -> ValidationFailed:
    return _error(f"Unsupported token '{token}' at char {at}, must be: {expected}")


@dataclass(slots=True)
class _Frame:
    """An expression that is being read: what is complete of it, and the NOTs before the next factor."""

    terms: list[Node] = field(default_factory=list)
    factors: list[Node] = field(default_factory=list)
    negated: bool = False

    def take(self, node: Node) -> None:
        if self.negated:
            node = node.node if isinstance(node, Not) else Not(node)
        self.negated = False
        self.factors.append(node)

    def end_term(self) -> None:
        self.terms.append(self.factors[0] if len(self.factors) == 1 else AllOf(tuple(self.factors)))
        self.factors = []

    def end(self) -> Node:
        self.end_term()
        return self.terms[0] if len(self.terms) == 1 else AnyOf(tuple(self.terms))


@dataclass(frozen=True, slots=True)
class _Token:
    #: ``(``, ``)``, ``,``, ``word``, ``quoted`` or ``<EOF>``.
    kind: str
    text: str
    at: int


class _Parser:
    """Reads tokens with a stack of its own: a rule of ten thousand parentheses must not exhaust Python's."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._elements = 0
        self.refs: list[str] = []

    def parse(self) -> Node:
        stack = [_Frame()]
        while True:
            node = self._factor(stack)
            if node is None:
                continue
            stack[-1].take(node)
            if (root := self._after_factor(stack)) is not None:
                return root

    def _factor(self, stack: list[_Frame]) -> Node | None:
        """Read one factor; None after a NOT or an opening parenthesis, when another one must follow."""
        token = self._peek()
        if token.kind == "(":
            self._take()
            self._element()
            stack.append(_Frame())
            return None
        if token.kind != "word":
            raise _unsupported(token.text, token.at, _FACTOR)
        match token.text:
            case "NOT":
                self._take()
                stack[-1].negated = not stack[-1].negated
                return None
            case "TRUE" | "FALSE":
                self._take()
                self._element()
                return Constant(token.text == "TRUE")
            case "AT_LEAST":
                self._take()
                return self._at_least()
            case "ALARM" | "OK" | "INSUFFICIENT_DATA":
                self._take()
                self._mark("(")
                ref = self._ref()
                self._mark(")")
                return InState(ref, AlarmState(token.text))
        raise _unsupported(token.text, token.at, _FACTOR)

    def _after_factor(self, stack: list[_Frame]) -> Node | None:
        """Read operators and closing parentheses; the whole expression once it has ended, None before that."""
        while True:
            token = self._peek()
            if token.kind == "word" and token.text in ("AND", "OR"):
                self._take()
                if token.text == "OR":
                    stack[-1].end_term()
                return None
            closing = ")" if len(stack) > 1 else _EOF
            if token.kind != closing:
                raise self._no_operator(token, closing)
            if closing == _EOF:
                return stack.pop().end()
            self._take()
            node = stack.pop().end()
            stack[-1].take(node)

    def _no_operator(self, token: _Token, closing: str) -> ValidationFailed:
        shown = closing if closing == _EOF else f"'{closing}'"
        following = self._tokens[self._next + 1] if token.kind != _EOF else token
        # CloudWatch names the operators only if the rule would not be complete without this one token.
        expected = shown if following.kind == closing and token.kind != _EOF else f"{shown}, 'AND', 'OR'"
        return _unsupported(token.text, token.at, expected)

    def _at_least(self) -> Node:
        self._mark("(")
        token = self._take()
        threshold = re.fullmatch(r"([0-9]{1,18})(%?)", token.text) if token.kind == "word" else None
        if threshold is None:
            raise _unsupported(token.text, token.at, "NUMBER, PERCENTAGE NUMBER")
        self._mark(",")
        negated = self._peek().kind == "word" and self._peek().text == "NOT"
        if negated:
            self._take()
        state = self._take()
        if state.kind != "word" or state.text not in ("ALARM", "OK", "INSUFFICIENT_DATA"):
            raise _unsupported(state.text, state.at, _STATE_NAMES if negated else f"'NOT', {_STATE_NAMES}")
        self._mark(",")
        self._mark("(")
        refs = [self._ref()]
        while self._peek().kind == ",":
            self._take()
            refs.append(self._ref())
        self._mark(")", "',', ')'")
        self._mark(")")
        number, percent = int(threshold[1]), bool(threshold[2])
        if percent and not 1 <= number <= 100:
            raise _error("AT_LEAST percentage threshold must be between 1 and 100")
        if not percent and not 1 <= number <= len(refs):
            raise _error(f"AT_LEAST absolute threshold must be between 1 and number of alarms ({len(refs)})")
        return AtLeast(number, percent, AlarmState(state.text), negated, tuple(refs))

    def _ref(self) -> str:
        token = self._take()
        if token.kind not in ("word", "quoted"):
            text = token.text
            for following in self._tokens[self._next :]:
                if following.kind != token.kind or following.at != token.at + len(text) or token.kind == _EOF:
                    break
                text += following.text
            raise _unsupported(text, token.at, _REF)
        self._element()
        self.refs.append(token.text)
        return token.text

    def _mark(self, mark: str, expected: str = "") -> None:
        token = self._take()
        if token.kind != mark:
            raise _unsupported(token.text, token.at, expected or f"'{mark}'")

    def _element(self) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise _error(f"The rule has more than {MAX_ELEMENTS} elements")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind != _EOF:
            self._next += 1
        return token


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while match := _TOKEN.match(text, at):
        kind = match.lastgroup or ""
        start = match.start(kind)
        if kind == "mark":
            yield _Token(match["mark"], match["mark"], start)
        elif kind == "quoted":
            yield _Token("quoted", match["quoted"].replace('\\"', '"'), start - 1)
        else:
            yield _Token("word", match["word"], start)
        at = match.end()
    yield _Token(_EOF, _EOF, len(text))


def _evaluate(node: Node, state_of: Callable[[str], AlarmState]) -> bool:
    match node:
        case Constant(value):
            return value
        case InState(ref, state):
            return state_of(ref) is state
        case Not(inner):
            return not _evaluate(inner, state_of)
        case AllOf(nodes):
            return all(_evaluate(inner, state_of) for inner in nodes)
        case AnyOf(nodes):
            return any(_evaluate(inner, state_of) for inner in nodes)
        case AtLeast():
            count = sum(_counts(node, ref, state_of) for ref in node.refs)
            if node.percent:
                return count * 100 >= node.threshold * len(node.refs)
            return count >= node.threshold


def _counts(node: AtLeast, ref: str, state_of: Callable[[str], AlarmState]) -> bool:
    return (state_of(ref) is node.state) is not node.negated


def _deciding(node: Node, value: bool, state_of: Callable[[str], AlarmState]) -> Iterator[str]:
    match node:
        case InState(ref, _):
            yield ref
        case Not(inner):
            yield from _deciding(inner, not value, state_of)
        case AllOf(nodes) | AnyOf(nodes):
            for inner in nodes:
                if _evaluate(inner, state_of) is value:
                    yield from _deciding(inner, value, state_of)
        case AtLeast():
            yield from (ref for ref in node.refs if _counts(node, ref, state_of) is value)
        case Constant():
            pass
