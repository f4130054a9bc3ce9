"""Regular expressions of Java's dialect, as ``allowedPattern`` has them, matched within a time limit.

The `regex` module has Java's possessive quantifiers, atomic groups, Unicode properties and class intersections, and
can be told to give up (docs/decisions/0201). What is written differently is translated here.
"""

from __future__ import annotations

import functools
import re

import regex

#: Seconds after which a match is given up. Only a catastrophic pattern needs so long for 64 KB.
LIMIT = 0.5
_MAX_PATTERN = 16_384

#: Java's POSIX classes are those of ASCII.
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
    "Graph": r"\x21-\x7E",
    "Print": r"\x20-\x7E",
    "Blank": r"\x20\t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r"\x20\t\n\x0B\f\r",
}
_JAVA_CLASSES = {"javaLowerCase": r"\p{Ll}", "javaUpperCase": r"\p{Lu}", "javaWhitespace": r"\s"}
_HORIZONTAL = r"\x20\t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0B\f\r\x85\u2028\u2029"
_LINE_ENDS = r"\n\r\x85\u2028\u2029"
#: Escapes that mean the same in both dialects.
_SAME = frozenset("bBtnrfaAGX123456789")
#: Java's shorthands are those of ASCII.
_SHORTHANDS = {"d": "0-9", "w": "a-zA-Z0-9_", "s": r"\x20\t\n\x0B\f\r"}
#: How much the fixed repeats of a pattern may multiply it.
_MAX_SIZE = 100_000


_MAX_DEPTH = 60
_QUANTIFIER = re.compile(r"\{([0-9]+)(?:,[0-9]*)?\}")
_FLAGS = re.compile(r"\(\?([idmsuxU]*)(?:-([idmsuxU]*))?([:)])")
_PROPERTY = re.compile(r"\{(\^?)([^{}]*)\}|([A-Z])")
_GROUP_NAME = re.compile(r"<([A-Za-z][A-Za-z0-9]*)>")
_CODES = {
    "u": re.compile(r"([0-9A-Fa-f]{4})"),
    "x": re.compile(r"([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\}"),
    "0": re.compile(r"([0-3]?[0-7]{1,2})"),
    "c": re.compile(r"([@-_a-z])"),
}


class TooSlow(Exception):
    """The pattern needs too long for this value: it cannot be said whether it matches."""


class _Unreadable(Exception):
    """The pattern is not one of Java's dialect."""


def matches(pattern: str, value: str) -> bool:
    """Return whether the whole of ``value`` matches, as Java's ``String.matches`` does.

    Raises:
        TooSlow: the match was given up.
        ValueError: the pattern cannot be read; `fault` says why.
    """
    compiled = _compile(pattern)
    try:
        return compiled.fullmatch(value, timeout=LIMIT) is not None
    except TimeoutError:
        raise TooSlow(pattern) from None


def fault(pattern: str) -> str:
    """Return what is wrong with a pattern, or nothing."""
    try:
        _compile(pattern)
    except ValueError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=512)
def _compile(pattern: str) -> regex.Pattern[str]:
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"it is longer than {_MAX_PATTERN} characters")
    try:
        return regex.compile(_Translator(pattern).translate(), regex.VERSION1)
    except _Unreadable as error:
        raise ValueError(str(error)) from None
    except (regex.error, RecursionError, OverflowError, MemoryError, IndexError, KeyError) as error:
        # The position would be one of the translation.
        raise ValueError(str(error).partition(" at position ")[0] or "it cannot be read") from None


class _Translator:
    """Rewrites one pattern from left to right, and adds up how big its repeats make it."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._dot_all = False
        #: The size of each open group so far, outermost first; and that of the atom just read.
        self._sizes = [0]
        self._last = 0

    def translate(self) -> str:
        parts: list[str] = []
        while self._at < len(self._text):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        character = self._text[self._at]
        if character == "{":
            return self._braces()
        if character in "()":
            return self._parenthesis(character)
        if character not in "*+?|":
            self._last = 1
            self._sizes[-1] += 1
        if character == "\\":
            return self._escape(inside=False)
        if character == "[":
            return self._class(0)
        self._at += 1
        if character == "." and not self._dot_all:
            return f"[^{_LINE_ENDS}]"
        if character == "$":
            # At the end, or before the line end that is the last thing.
            return rf"(?=(?:\r\n|[{_LINE_ENDS}])?\Z)"
        return "\\]" if character == "]" else character

    def _parenthesis(self, character: str) -> str:
        if character == "(":
            self._sizes.append(1)
            if len(self._sizes) > _MAX_DEPTH:
                raise _Unreadable("its groups are nested too deep")
            if self._text.startswith("(?", self._at):
                return self._group()
        elif len(self._sizes) > 1:
            self._last = self._sizes.pop()
            self._sizes[-1] += self._last
        self._at += 1
        return character

    def _braces(self) -> str:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            self._at += 1
            return "\\{"
        self._at = found.end()
        times = int(found.group(1)[:9])
        self._sizes[-1] += self._last * (max(times, 1) - 1)
        self._last *= max(times, 1)
        if self._sizes[-1] > _MAX_SIZE or len(found.group(1)) > 9:
            raise _Unreadable("it repeats too much")
        return str(found.group())

    def _group(self) -> str:
        """Translate inline flags; everything else behind ``(?`` is alike in both dialects."""
        flags = _FLAGS.match(self._text, self._at)
        if flags is None:
            self._at += 2
            # (?<name>…) is a group; (?P…, (?R… and the like are not of Java.
            if self._text[self._at : self._at + 1] in ("P", "R", "&", "|", "(", "#", "0", "1"):
                raise _Unreadable(f'"(?{self._text[self._at]}" is not of Java\'s dialect')
            return "(?"
        on, off, end = flags.group(1), flags.group(2) or "", flags.group(3)
        self._at = flags.end()
        if end == ")":
            self._sizes.pop()
        if "s" in on:
            self._dot_all = True
        kept_on = "".join(flag for flag in "imsx" if flag in on)
        kept_off = "".join(flag for flag in "imsx" if flag in off)
        if not kept_on and not kept_off:
            return "(?:" if end == ":" else ""
        return f"(?{kept_on}{'-' + kept_off if kept_off else ''}{end}"

    def _escape(self, *, inside: bool) -> str:
        if self._at + 1 >= len(self._text):
            raise _Unreadable("it ends with a backslash")
        character = self._text[self._at + 1]
        self._at += 2
        if character == "Q":
            return self._quoted()
        if character in "pP":
            return self._property(character, inside)
        if character in "ux0c":
            return self._coded(character)
        if character in "hHvVR":
            return self._spaces(character, inside)
        if character == "e":
            return r"\x1B"
        if character.lower() in _SHORTHANDS:
            body = _SHORTHANDS[character.lower()]
            return f"[^{body}]" if character.isupper() else body if inside else f"[{body}]"
        if character == "Z" and not inside:
            return rf"(?=(?:\r\n|[{_LINE_ENDS}])?\Z)"
        if character == "z" and not inside:
            return r"\Z"
        if character == "k" and not inside:
            return self._back_reference()
        if (
            character.isascii()
            and character.isalnum()
            and (character not in _SAME or (inside and character in "bBAGX"))
        ):
            raise _Unreadable(f'"\\{character}" is not an escape of Java\'s dialect')
        return f"\\{character}"

    def _back_reference(self) -> str:
        found = _GROUP_NAME.match(self._text, self._at)
        if found is None:
            raise _Unreadable("\\k needs the name of a group")
        self._at = found.end()
        return f"(?P={found.group(1)})"

    def _quoted(self) -> str:
        end = self._text.find(r"\E", self._at)
        end = len(self._text) if end < 0 else end
        text = self._text[self._at : end]
        self._at = end + 2
        return "".join(_literal(character) for character in text)

    def _property(self, letter: str, inside: bool) -> str:
        found = _PROPERTY.match(self._text, self._at)
        if found is None:
            raise _Unreadable(f"\\{letter} needs the name of a property")
        self._at = found.end()
        name = found.group(2) if found.group(2) is not None else found.group(3)
        if name in _POSIX:
            body = _POSIX[name]
            if letter == "p":
                return body if inside else f"[{body}]"
            return f"[^{body}]"
        if name in _JAVA_CLASSES:
            return f"[{'^' if letter == 'P' else ''}{_JAVA_CLASSES[name]}]"
        return f"\\{letter}{{{name.removeprefix('Is')}}}"

    def _coded(self, letter: str) -> str:
        found = _CODES[letter].match(self._text, self._at)
        if found is None:
            raise _Unreadable(f'"\\{letter}" needs the number of a character')
        self._at = found.end()
        digits = found.group(1) or found.group(2)
        code = ord(digits.upper()) ^ 64 if letter == "c" else int(digits, 8 if letter == "0" else 16)
        if code > 0x10FFFF:
            raise _Unreadable("there is no such character")
        return f"\\U{code:08X}"

    def _spaces(self, letter: str, inside: bool) -> str:
        if letter == "R":
            return rf"(?:\r\n|[{_VERTICAL}])"
        body = _HORIZONTAL if letter in "hH" else _VERTICAL
        if letter.isupper():
            return f"[^{body}]"
        return body if inside else f"[{body}]"

    def _class(self, depth: int) -> str:
        """Translate a class: ``[`` opens a nested one, ``&&`` intersects, other doubled signs mean themselves."""
        if depth > 50:
            raise _Unreadable("classes are nested too deep")
        self._at += 1
        parts = ["["]
        if self._text.startswith("^", self._at):
            self._at += 1
            parts.append("^")
        first = True
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "]" and not first:
                self._at += 1
                return "".join(parts) + "]"
            first = False
            if character == "[":
                parts.append(self._class(depth + 1))
            elif self._text.startswith("&&", self._at):
                self._at += 2
                parts.append("&&")
            else:
                parts.append(self._range())
        raise _Unreadable("a class is not closed")

    def _range(self) -> str:
        """Translate one character of a class, or two with a dash between them."""
        low = self._member()
        following = self._text[self._at : self._at + 2]
        if not _is_character(low) or len(following) < 2 or following[0] != "-" or following[1] in "][":
            return low
        before = self._at
        self._at += 1
        high = self._member()
        if not _is_character(high):
            self._at = before
            return low
        return f"{low}-{high}"

    def _member(self) -> str:
        if self._text[self._at] == "\\":
            return self._escape(inside=True)
        self._at += 1
        return _literal(self._text[self._at - 1])


def _literal(character: str) -> str:
    return character if character.isalnum() or character == "_" else f"\\U{ord(character):08X}"


def _is_character(translated: str) -> bool:
    """Return whether the translation stands for one character rather than for a class of them."""
    return len(translated) == 1 or (translated[0] == "\\" and translated[1] not in "pP" and "-" not in translated[2:])
