"""Patterns as Java reads them (reference 1.2; section 8, number 25)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.runbooks.java_regex import LIMIT, TooSlow, fault, matches

_ROLE = r"^$|arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_\/]+"


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        # The whole value, as seen in AWS-RunShellScript's alternation without anchors.
        ("([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(172800)", "3600", True),
        ("([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(172800)", "172801", False),
        ("a", "ab", False),
        ("^i-[a-f0-9]{8}$", "i-12ab34cd", True),
        ("^i-[a-f0-9]{8}$", "i-12ab34cd\n", False),
        # Patterns of documents that AWS owns.
        (r"^[a-zA-Z]*([-]?[\w]+)*$", "mydb-1", True),
        (
            r"^$|arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_\/]+",
            "arn:aws:iam::111122223333:role/x",
            True,
        ),
        (r"^$|arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_\/]+", "", True),
        (r"^PT([0-9]{1,6}S|[0-9]{1,5}M|[0-9]{1,3}H)$|^PD[0-7]$", "PT5S", True),
        (r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\/\d{1,2}$", "10.0.0.0/8", True),
        # Shorthands are of ASCII.
        (r"\d", "٣", False),
        (r"\w+", "é", False),
        (r"[\d\s]+", "1 2\t3", True),
        (r"[^\W\d]+", "abc", True),
        (r"\D\S\W", "ab-", True),
        # Properties.
        (r"\p{Alpha}+", "é", False),
        (r"\p{L}+", "é", True),
        (r"\pL+", "é", True),
        (r"\p{IsAlphabetic}+", "é", True),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Hé 1", True),
        (r"\P{Punct}+", "a.b", False),
        (r"[^\p{Cntrl}]*", "a\x07", False),
        (r"\p{javaLowerCase}+", "ab", True),
        (r"\p{Punct}+", "[]^-\\~|", True),
        # Classes: nested ones, intersections, signs that mean themselves.
        (r"[a-z&&[^b]]+", "acd", True),
        (r"[a-z&&[^b]]+", "abd", False),
        (r"[a-c[x-z]]+", "axbz", True),
        (r"[a||b]+", "a|b", True),
        (r"[--~]+", "-.~", True),
        (r"[!--]", "&", True),
        (r"[\w-.]+", "a-.b", True),
        (r"[+-]", "-", True),
        (r"[]a]+", "]a", True),
        (r"[a^]", "^", True),
        (r"[\[\]]", "[", True),
        (r"[a&b]", "&", True),
        (r"[a-\d]+", "a-1", True),
        # Escapes.
        (r"\Qa.b\E+", "a.bbb", True),
        (r"\Q[(", "[(", True),
        (r"\x41\u0042\x{43}\0104\cA\e\t", "ABCD\x01\x1b\t", True),
        (r"\h\v", "\u00a0\u2028", True),
        (r"\H\V", "ab", True),
        (r"[\h]x", "\tx", True),
        (r"a\Rb", "a\r\nb", True),
        (r"a.c", "a\u0085c", False),
        (r"a.c", "a\nc", False),
        (r"(?s)a.c", "a\nc", True),
        (r"\@\/\-\_\#", "@/-_#", True),
        # Groups.
        (r"(?i)AbC", "aBc", True),
        (r"(?i:a)b", "Ab", True),
        (r"(?i:a)b", "AB", False),
        (r"(?<x>a)\k<x>", "aa", True),
        (r"(a)\1", "aa", True),
        (r"(?!aws)[a-z]+", "awsome", False),
        (r"(?=.*\d).+", "ab1", True),
        (r"(?<!x)a", "a", True),
        (r"(?>a+)b", "aab", True),
        (r"a++b", "aab", True),
        (r"a++a", "aa", False),
        # Braces that are no quantifier are text.
        (r"{{ssm:.+}}", "{{ssm:a}}", True),
        (r"a{2,}", "aaa", True),
        (r"a]", "a]", True),
    ],
)
def test_matching(pattern: str, value: str, fits: bool) -> None:
    assert fault(pattern) == ""
    assert matches(pattern, value) is fits


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "a)", "[a", "*a", "a**", "\\", r"\y", r"\p{Nope}", r"\k<x>", r"\9", "[z-a]", r"\x{110000}", "(?P<x>a)"),
        *("(?#x)", r"\p", r"\u12", "a{99999999999}", "((((a{1000}){1000}){1000}){1000}){1000}", "(" * 500 + ")" * 500),
        *("[" * 200, "a" * 20_000),
    ],
)
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    assert fault(pattern)
    with pytest.raises(ValueError, match=r"."):
        matches(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "value"),
    [(r"([a-z]*)*(x*)*(.*,){12}P", "a," * 4000), (r"(a|aa)+", "a" * 4000 + "b"), (r"(a?){5000}a{5000}", "a" * 5000)],
)
def test_catastrophic_patterns_are_given_up(pattern: str, value: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TooSlow):
        matches(pattern, value)
    assert time.monotonic() - begun < LIMIT * 10


_SIGNS = st.text(alphabet="ab1()[]{}*+?|\\^$.-&,:<>=!dwspPQEkxu0 ", max_size=14)


@given(_SIGNS, st.text(max_size=20))
def test_any_text_is_a_pattern_or_a_fault(pattern: str, value: str) -> None:
    if not fault(pattern):
        assert matches(pattern, value) in (True, False)
