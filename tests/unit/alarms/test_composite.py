from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.composite import heights, parse, resolve
from wakeless.alarms.errors import ValidationFailed

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
FACTOR = "'(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA"
NUMBER = "NUMBER, PERCENTAGE NUMBER"

# Recorded from CloudWatch, each inside ``Error in AlarmRule [...]``.
REFUSED = [
    ("true", f"Unsupported token 'true' at char 0, must be: {FACTOR}"),
    ("True", f"Unsupported token 'True' at char 0, must be: {FACTOR}"),
    ("not TRUE", f"Unsupported token 'not' at char 0, must be: {FACTOR}"),
    ("!TRUE", f"Unsupported token '!TRUE' at char 0, must be: {FACTOR}"),
    ("alarm(a)", f"Unsupported token 'alarm' at char 0, must be: {FACTOR}"),
    ("UNKNOWN(a)", f"Unsupported token 'UNKNOWN' at char 0, must be: {FACTOR}"),
    ("TRUE and FALSE", "Unsupported token 'and' at char 5, must be: <EOF>, 'AND', 'OR'"),
    ("TRUE or FALSE", "Unsupported token 'or' at char 5, must be: <EOF>, 'AND', 'OR'"),
    ("TRUE && FALSE", "Unsupported token '&&' at char 5, must be: <EOF>, 'AND', 'OR'"),
    ("TRUE FALSE", "Unsupported token 'FALSE' at char 5, must be: <EOF>"),
    ("TRUE junk", "Unsupported token 'junk' at char 5, must be: <EOF>"),
    ("ALARM(an alarm with spaces)", "Unsupported token 'alarm' at char 9, must be: ')'"),
    ("AT_LEAST(0, ALARM, (a,b))", "AT_LEAST absolute threshold must be between 1 and number of alarms (2)"),
    ("AT_LEAST(3, ALARM, (a,b))", "AT_LEAST absolute threshold must be between 1 and number of alarms (2)"),
    ("AT_LEAST(0%, ALARM, (a,b))", "AT_LEAST percentage threshold must be between 1 and 100"),
    ("AT_LEAST(101%, ALARM, (a,b))", "AT_LEAST percentage threshold must be between 1 and 100"),
    ("AT_LEAST(-1, ALARM, (a,b))", f"Unsupported token '-1' at char 9, must be: {NUMBER}"),
    ("AT_LEAST(1.5, ALARM, (a,b))", f"Unsupported token '1.5' at char 9, must be: {NUMBER}"),
    ("AT_LEAST(50.5%, ALARM, (a,b))", f"Unsupported token '50.5%' at char 9, must be: {NUMBER}"),
    (
        "AT_LEAST(1, BOGUS, (a,b))",
        "Unsupported token 'BOGUS' at char 12, must be: 'NOT', ALARM, OK, or INSUFFICIENT_DATA",
    ),
    (
        "AT_LEAST(1, ALARM, ())",
        "Unsupported token '))' at char 20, must be: 'NOT', 'AND', 'OR', 'AT_LEAST', NUMBER, PERCENTAGE NUMBER, "
        "TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA, unquoted alarm name, quoted alarm name",
    ),
]


@pytest.mark.parametrize(("rule", "text"), REFUSED)
def test_refusals_have_the_recorded_words(rule: str, text: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        parse(rule)
    assert str(refusal.value) == f"Error in AlarmRule [{text}]"
    assert (refusal.value.aws_code, refusal.value.status) == ("ValidationError", 400)


STATES = {"a": ALARM, "b": OK, "c": NO_DATA}

# a is in ALARM, b is OK, c has no data: the rule, what it gives, and who decides.
RULES = [
    ("TRUE", True, ""),
    ("FALSE", False, ""),
    ("NOT NOT FALSE", False, ""),
    ("TRUE OR FALSE AND FALSE", True, ""),
    ("(TRUE OR FALSE) AND FALSE", False, ""),
    ("NOT FALSE AND FALSE", False, ""),
    ("ALARM(a)", True, "a"),
    ("ALARM ( a )", True, "a"),
    ('ALARM("a")', True, "a"),
    ("OK(a)", False, "a"),
    ("INSUFFICIENT_DATA(c)", True, "c"),
    ("NOT ALARM(b)", True, "b"),
    ("ALARM(a) OR ALARM(b)", True, "a"),
    ("ALARM(b) OR ALARM(c)", False, "b c"),
    ("ALARM(a) AND ALARM(b)", False, "b"),
    ("ALARM(a) AND NOT ALARM(b)", True, "a b"),
    ("(ALARM(a) AND (OK(b) OR OK(c)))", True, "a b"),
    ("AT_LEAST(1, ALARM, (a, b))", True, "a"),
    ("AT_LEAST(2, ALARM, (a, b))", False, "b"),
    ("AT_LEAST(2, NOT ALARM, (a, b, c))", True, "b c"),
    # Recorded: a repeated reference counts again.
    ("AT_LEAST(2, ALARM, (a, a, b))", True, "a"),
    ("AT_LEAST(66%, ALARM, (a, a, b))", True, "a"),
    ("AT_LEAST(67%, ALARM, (a, a, b))", False, "b"),
    ("AT_LEAST(100%, OK, (b))", True, "b"),
]


@pytest.mark.parametrize(("text", "result", "deciding"), RULES)
def test_rules_are_evaluated_and_say_who_decided(text: str, result: bool, deciding: str) -> None:
    rule = parse(text)
    assert rule.evaluate(STATES.__getitem__) is result
    assert rule.deciding(STATES.__getitem__) == deciding.split()


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ('ALARM("a\\"b")', ('a"b',)),
        ('ALARM("a)b, c")', ("a)b, c",)),
        ("ALARM('a')", ("'a'",)),
        ('ALARM("")', ("",)),
        ("ALARM(AND) OR ALARM(AT_LEAST) OR ALARM(7%)", ("AND", "AT_LEAST", "7%")),
        ("ALARM(arn:aws:cloudwatch:us-east-1:0:alarm:x)", ("arn:aws:cloudwatch:us-east-1:0:alarm:x",)),
        ("ALARM(a) OR OK(a) OR ALARM(b)", ("a", "b")),
    ],
)
def test_names_are_read_as_written(text: str, refs: tuple[str, ...]) -> None:
    assert parse(text).refs == refs


def test_limits_are_kept() -> None:
    parse(" OR ".join(f"ALARM(a{number})" for number in range(100)))
    for text in (
        " OR ".join(f"ALARM(a{number})" for number in range(101)),
        " OR ".join(["TRUE"] * 501),
        "(" * 501 + "TRUE" + ")" * 501,
        "TRUE" + " " * 10_240,
    ):
        with pytest.raises(ValidationFailed):
            parse(text)
    assert parse("(" * 499 + "TRUE" + ")" * 499).evaluate(STATES.__getitem__)
    assert not parse("NOT " * 2_501 + "TRUE").evaluate(STATES.__getitem__)


def test_references_must_stay_in_their_account_and_region() -> None:
    place = {"account": "000000000000", "region": "us-east-1"}
    assert resolve("name", **place) == "name"
    assert resolve("arn:aws:cloudwatch:us-east-1:000000000000:alarm:a:b", **place) == "a:b"
    with pytest.raises(ValidationFailed, match=r"^A composite alarm cannot have a child relation with alarms from an"):
        resolve("arn:aws:cloudwatch:us-east-1:111111111111:alarm:a", **place)
    with pytest.raises(
        ValidationFailed, match=r"Wrong ARN region, it was us-west-2 but us-east-1 was expected instead"
    ):
        resolve("arn:aws:cloudwatch:us-west-2:000000000000:alarm:a", **place)


WORDS = ["ALARM", "OK", "INSUFFICIENT_DATA", "AT_LEAST", "AND", "OR", "NOT", "TRUE", "FALSE", "alarm", "a", "b", "2"]
TOKENS = st.sampled_from([*WORDS, "50%", "(", ")", ",", "'", "\\", '"a"', '"', "é", " ", "\x00"])


@given(st.one_of(st.text(max_size=60), st.lists(TOKENS, max_size=40).map(" ".join), st.lists(TOKENS).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        rule = parse(text)
    except ValidationFailed:
        return
    assert rule.evaluate(lambda ref: STATES.get(ref, OK)) in (True, False)
    assert set(rule.deciding(lambda ref: STATES.get(ref, OK))) <= set(rule.refs)


#: Rules and what they are in Python; of the simple ones only FALSE is false.
EXPRESSIONS = st.recursive(
    st.sampled_from(["TRUE", "FALSE", "ALARM(a)", "OK(b)", "INSUFFICIENT_DATA(c)", "AT_LEAST(1, OK, (a, b))"]).map(
        lambda text: (text, str(text != "FALSE"))
    ),
    lambda inner: st.one_of(
        inner.map(lambda pair: (f"NOT ({pair[0]})", f"(not ({pair[1]}))")),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]} AND {p[1][0]})", f"(({p[0][1]}) and ({p[1][1]}))")),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]} OR {p[1][0]})", f"(({p[0][1]}) or ({p[1][1]}))")),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_rules_agree_with_python(pair: tuple[str, str]) -> None:
    rule, python = pair
    assert parse(rule).evaluate(STATES.__getitem__) is eval(python)


def test_alarms_that_depend_on_themselves_have_no_height() -> None:
    children = {
        "one": ["m"],
        "two": ["one", "m"],
        "ring-a": ["ring-b"],
        "ring-b": ["ring-a", "one"],
        "above": ["ring-a", "two"],
        "top": ["above"],
    }
    assert heights(children) == {"one": 1, "two": 2, "above": 3, "top": 4}


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefm"), max_size=4), max_size=6))
def test_a_height_is_above_every_child_that_has_one(children: dict[str, list[str]]) -> None:
    found = heights(children)
    for name, height in found.items():
        assert height == 1 + max((found.get(child, 0) for child in children[name]), default=0)
    for name in children.keys() - found.keys():
        assert _reaches(children, name, name)
    assert not any(_reaches(children, name, name) for name in found)


def _reaches(children: dict[str, list[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    todo = list(children.get(start, ()))
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo.extend(children.get(name, ()))
    return False
