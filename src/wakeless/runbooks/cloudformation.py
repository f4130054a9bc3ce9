"""Runbooks inside CloudFormation templates: resources of the type AWS::SSM::Document (docs/decisions/0202)."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass

from wakeless.core.problems import Problem
from wakeless.runbooks.cfn_functions import TAGS, Absent, CannotResolve, Resolver, Stack
from wakeless.runbooks.document import Document, Json, Path
from wakeless.runbooks.errors import InvalidDocument, InvalidDocumentContent, MaxDocumentSizeExceeded
from wakeless.runbooks.json_text import read_json, read_mapping
from wakeless.runbooks.load import Loaded, judge, load, too_big
from wakeless.runbooks.places import MAX_BYTES, Notes, Reading, Spot, kind_of, place, shown
from wakeless.runbooks.yaml_text import read_yaml

#: What CloudFormation takes from S3.
MAX_TEMPLATE_BYTES = 1_048_576
_DOCUMENT = "AWS::SSM::Document"


@dataclass(frozen=True, slots=True)
class TemplateDocument:
    """One runbook of a template."""

    #: The name it would be deployed under: its Name property, else its logical name.
    name: str
    logical_name: str
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class LoadedTemplate:
    """What became of a template; each runbook tells its own problems, too."""

    documents: tuple[TemplateDocument, ...] = ()
    #: What is wrong with the template itself.
    problems: tuple[Problem, ...] = ()
    advice: tuple[Problem, ...] = ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Those of the template and of all its runbooks, in the order of the text."""
        inner = [problem for document in self.documents for problem in document.loaded.problems]
        return tuple(sorted([*self.problems, *inner], key=lambda problem: (problem.line, problem.column)))


def is_template(content: object) -> bool:
    """Return whether plain data looks like a CloudFormation template rather than like a runbook."""
    return isinstance(content, Mapping) and "Resources" in content and "mainSteps" not in content


def read_template(
    content: str | bytes | Mapping[str, object], *, source: str = "template", stack: Stack | None = None
) -> list[tuple[str, Document]]:
    """Return the name and the document of every runbook in a template; see `load_template`.

    Raises:
        InvalidDocumentContent: or one of its siblings; `problems` has every place.
    """
    loaded = load_template(content, source=source, stack=stack)
    problems = loaded.all_problems
    if problems:
        refusals: set[type[InvalidDocument]] = {
            document.loaded.refusal for document in loaded.documents if document.loaded.problems
        }
        only = refusals.pop() if len(refusals) == 1 and not loaded.problems else InvalidDocumentContent
        raise only(problems)
    return [(found.name, found.loaded.document) for found in loaded.documents if found.loaded.document is not None]


def load_template(
    content: str | bytes | Mapping[str, object], *, source: str = "template", stack: Stack | None = None
) -> LoadedTemplate:
    """Return every runbook of a template.

    Args:
        content: the template as text, as bytes of UTF-8, or as a mapping.
        source: what problems name as their source.
        stack: where it is thought to be deployed, with the values of its parameters.
    """
    reading = read_template_text(content, source)
    if reading.problems:
        return LoadedTemplate(problems=reading.problems)
    template = reading.value
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        message = "a template is a mapping with Resources"
        return LoadedTemplate(problems=(Problem(source, 1, 1, "", message),))
    notes = Notes()
    resolver = Resolver(template, stack or Stack(), notes)
    documents: list[TemplateDocument] = []
    resources = template["Resources"]
    assert isinstance(resources, dict)
    for logical_name, resource in resources.items():
        if not isinstance(resource, dict) or resource.get("Type") != _DOCUMENT:
            continue
        path: Path = ("Resources", logical_name)
        try:
            found = _document(logical_name, resource, path, resolver, reading, source)
        except CannotResolve as error:
            notes.wrong(error.path, str(error), error.hint)
        except Absent:
            notes.wrong(path, "its Content is AWS::NoValue")
        else:
            if found is not None:
                documents.append(found)
    problems = place(notes.problems, reading.spots, source)
    return LoadedTemplate(tuple(documents), problems, place(notes.advice, reading.spots, source))


def read_template_text(content: str | bytes | Mapping[str, object], source: str) -> Reading:
    """Return what a template says, short tags as the functions they stand for."""
    if isinstance(content, Mapping):
        return read_mapping(content, source)
    if isinstance(content, bytes):
        try:
            content = content.removeprefix(codecs.BOM_UTF8).decode()
        except UnicodeDecodeError:
            return Reading(problems=(Problem(source, 0, 0, "", "is not UTF-8 text", "save it as UTF-8"),))
    content = content.removeprefix("\ufeff")
    if len(content) > MAX_TEMPLATE_BYTES:
        message = f"is bigger than {MAX_TEMPLATE_BYTES} bytes"
        return Reading(problems=(Problem(source, 0, 0, "", message),))
    if content.lstrip().startswith("{"):
        reading = read_json(content, source)
        as_yaml = read_yaml(content, source, functions=TAGS) if reading.problems else reading
        return reading if as_yaml.problems else as_yaml
    return read_yaml(content, source, functions=TAGS, limit=4 * MAX_TEMPLATE_BYTES)


def _document(
    logical_name: str, resource: dict[str, Json], path: Path, resolver: Resolver, reading: Reading, source: str
) -> TemplateDocument | None:
    """Return the runbook of one resource; None for other types of documents and false conditions."""
    condition = resource.get("Condition")
    if isinstance(condition, str) and not resolver.holds(condition, (*path, "Condition")):
        return None
    properties = resource.get("Properties")
    at_properties: Path = (*path, "Properties")
    if not isinstance(properties, dict) or properties.get("Content") is None:
        raise CannotResolve(path, "the document has no Content")
    kind = _text(properties, "DocumentType", at_properties, resolver)
    if kind is not None and kind != "Automation":
        return None
    at_content: Path = (*at_properties, "Content")
    content, spot = resolver.resolve(properties["Content"], at_content, _spot(reading.spots(), at_content))
    if kind is None and not (isinstance(content, dict) and str(content.get("schemaVersion")) == "0.3"):
        # Without a type it is a Command document.
        return None
    name = _text(properties, "Name", at_properties, resolver) or logical_name
    if isinstance(content, str):
        # The lines of a text inside the template are its own.
        loaded = load(content, source=f"{source}:{shown(logical_name)}")
    elif isinstance(content, dict):
        size = len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_BYTES:
            loaded = Loaded(None, too_big(source, size).problems, refusal=MaxDocumentSizeExceeded)
        else:
            loaded = judge(Reading(content, lambda: spot), source)
    else:
        raise CannotResolve(at_content, f"the Content of a document is a mapping or text, not {kind_of(content)}")
    return TemplateDocument(name, logical_name, loaded)


def _text(properties: dict[str, Json], key: str, path: Path, resolver: Resolver) -> str | None:
    try:
        value, _ = resolver.resolve(properties.get(key), (*path, key), Spot(None))
    except Absent:
        return None
    if value is not None and not isinstance(value, str):
        raise CannotResolve((*path, key), f"{key} must be text, not {kind_of(value)}")
    return value


def _spot(top: Spot, path: Path) -> Spot:
    spot = top
    for part in path:
        inner = (spot.entries or {}).get(str(part))
        if inner is None:
            return spot
        spot = inner[1]
    return spot
