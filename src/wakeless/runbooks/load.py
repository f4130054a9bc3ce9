"""Documents from text or from Python values, with every problem told at its line and column."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wakeless.core.problems import Problem
from wakeless.runbooks.build import build
from wakeless.runbooks.document import Document
from wakeless.runbooks.errors import (
    InvalidDocument,
    InvalidDocumentContent,
    InvalidDocumentSchemaVersion,
    MaxDocumentSizeExceeded,
)
from wakeless.runbooks.json_text import read_json, read_mapping
from wakeless.runbooks.places import MAX_BYTES, Notes, Reading, place
from wakeless.runbooks.validate import validate
from wakeless.runbooks.yaml_text import read_yaml

Content = str | bytes | Mapping[str, object]


class Format(StrEnum):
    """The formats of documents."""

    JSON = "JSON"
    YAML = "YAML"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one content: a document, or the problems for which there is none."""

    #: None when there are problems.
    document: Document | None
    #: In the order of the text.
    problems: tuple[Problem, ...] = ()
    #: What the service accepts but hardly does what was meant.
    advice: tuple[Problem, ...] = ()
    #: The error that the service answers for `problems`.
    refusal: type[InvalidDocument] = InvalidDocumentContent


def read_document(content: Content, *, source: str = "document", format: Format | None = None) -> Document:
    """Return the document that ``content`` is.

    Args:
        content: text, bytes of UTF-8, or a mapping as JSON and YAML loaders make it.
        source: what problems name as their source, for example the file.
        format: which format the text must have; by default JSON when it begins with a brace, else YAML.

    Raises:
        InvalidDocumentContent: the service would refuse it; `problems` has every place.
        MaxDocumentSizeExceeded: it has more than 64 KB.
        InvalidDocumentSchemaVersion: it says a schema version that does not exist.
    """
    loaded = load(content, source=source, format=format)
    if loaded.document is None:
        raise loaded.refusal(loaded.problems)
    return loaded.document


def load(content: Content, *, source: str = "document", format: Format | None = None) -> Loaded:
    """Return the document that ``content`` is with its advice, or all of its problems; see `read_document`."""
    reading = read(content, source, format)
    if reading.problems:
        refusal = MaxDocumentSizeExceeded if reading.too_big else InvalidDocumentContent
        return Loaded(None, reading.problems, refusal=refusal)
    return judge(reading, source)


def judge(reading: Reading, source: str) -> Loaded:
    """Return the document that was read, or all of its problems."""
    notes = Notes()
    built = build(reading.value, notes)
    validate(built.document, notes)
    advice = place(notes.advice, reading.spots, source)
    if not notes.problems:
        return Loaded(built.document, advice=advice)
    refusal = InvalidDocumentSchemaVersion if built.unknown_version else InvalidDocumentContent
    return Loaded(None, place(notes.problems, reading.spots, source), advice, refusal)


def read(content: Content, source: str, format: Format | None = None) -> Reading:
    """Return what a content says, before anything is made of it."""
    if isinstance(content, Mapping):
        reading = read_mapping(content, source)
        if reading.problems:
            return reading
        size = len(json.dumps(reading.value, ensure_ascii=False, separators=(",", ":")).encode())
        return too_big(source, size) if size > MAX_BYTES else reading
    text = _decode(content, source)
    if isinstance(text, Reading):
        return text
    return _read_text(text, source, format)


def _decode(content: str | bytes, source: str) -> str | Reading:
    if isinstance(content, str):
        size = len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
        return too_big(source, size) if size > MAX_BYTES else content.removeprefix("\ufeff")
    if len(content) > MAX_BYTES:
        return too_big(source, len(content))
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        return Reading(problems=(Problem(source, line, column, "", "is not UTF-8 text", "save it as UTF-8"),))


def _read_text(text: str, source: str, format: Format | None) -> Reading:
    if format is Format.JSON or (text.lstrip()[:1] == "{" and not text.lstrip().startswith("{{")):
        reading = read_json(text, source)
        if format is Format.JSON or not reading.problems:
            return reading
        # YAML may begin with a brace too; if it is none either, the words about JSON are the better ones.
        as_yaml = read_yaml(text, source)
        return reading if as_yaml.problems else as_yaml
    return read_yaml(text, source)


def too_big(source: str, size: int) -> Reading:
    """Return the refusal of a content of ``size`` bytes."""
    message = f"has {size} bytes; a document has at most {MAX_BYTES}"
    return Reading(problems=(Problem(source, 0, 0, "", message),), too_big=True)
