"""From what a text says to a `Document`: the shape of everything outside the steps (reference 1.1 to 1.8).

Building never stops at a problem. What is wrong is noted, a harmless value stands in for it, and what can still be
checked is checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from wakeless.runbooks.build_defaults import parameter_default, variable_default
from wakeless.runbooks.build_steps import build_steps
from wakeless.runbooks.document import (
    AttachedFile,
    Document,
    DocumentOutput,
    Json,
    Parameter,
    ParameterType,
    Path,
    Step,
    ValueType,
    Variable,
)
from wakeless.runbooks.fields import Fields
from wakeless.runbooks.java_regex import fault as pattern_fault
from wakeless.runbooks.places import Notes, kind_of, nearest, one_of, shown

TOP_LEVEL = ("schemaVersion", "description", "assumeRole", "parameters", "variables", "mainSteps", "outputs", "files")
#: Keys of Automation.ChangeTemplate documents, which are not runbooks.
_CHANGE_TEMPLATE = ("templateInformation", "executableRunBooks", "emergencyChange", "autoApprovable")
_PARAMETER_FIELDS = (
    *("type", "description", "default", "allowedValues", "allowedPattern", "displayType"),
    *("minItems", "maxItems", "minChars", "maxChars", "interpolationType"),
)
#: Versions of other types of documents: Command, Session, Policy and Package.
_OTHER_VERSIONS = ("1.0", "1.1", "1.2", "2.0", "2.0.1", "2.0.2", "2.0.3", "2.1", "2.2")
_NAME = re.compile(r"[A-Za-z0-9]+")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")

_Kind = TypeVar("_Kind", ParameterType, ValueType)


@dataclass(frozen=True, slots=True)
class Built:
    """The best that could be made of a document; valid only when nothing was noted."""

    document: Document
    #: Whether the document says a schema version that does not exist at all.
    unknown_version: bool = False


def build(value: Json, notes: Notes) -> Built:
    """Return the document that ``value`` describes; what is wrong with it is noted."""
    if not isinstance(value, dict):
        notes.wrong((), f"a runbook is a mapping with schemaVersion and mainSteps, not {kind_of(value)}")
        return Built(Document())
    top = Fields(value, (), notes)
    _refuse_unknown(top)
    unknown_version = _schema_version(top)
    return Built(
        Document(
            description=top.text("description") or "",
            assume_role=top.text("assumeRole") or "",
            parameters=_parameters(top),
            variables=_variables(top),
            steps=_main_steps(top),
            outputs=_outputs(top),
            files=_files(top),
        ),
        unknown_version,
    )


def _refuse_unknown(top: Fields) -> None:
    for name in top.values:
        if name in TOP_LEVEL:
            continue
        hint = nearest(name, TOP_LEVEL)
        if name in _CHANGE_TEMPLATE:
            hint = "it belongs to change templates"
        elif name == "runtimeConfig":
            hint = "it belongs to Command documents"
        top.notes.wrong((name,), f'Unknown property "{shown(name)}" in the document', hint, key=True)


def _schema_version(top: Fields) -> bool:
    """Note a wrong version; return whether it is one that does not exist."""
    version = top.values.get("schemaVersion")
    if version is None:
        top.notes.wrong((), 'Missing "schemaVersion" in the document', 'a runbook says schemaVersion: "0.3"')
        return False
    text = shown(version)
    if text == "0.3":
        return False
    if text in _OTHER_VERSIONS:
        message = f"schemaVersion {text} is not one of Automation documents"
        top.wrong("schemaVersion", message, 'a runbook says schemaVersion: "0.3"')
        return False
    top.wrong("schemaVersion", f'schemaVersion "{text}" is not supported', 'a runbook says schemaVersion: "0.3"')
    return True


def _main_steps(top: Fields) -> tuple[Step, ...]:
    steps = top.items("mainSteps")
    if not steps and top.values.get("mainSteps") in (None, []):
        top.notes.wrong(("mainSteps",), 'Missing "mainSteps" in the document')
    return build_steps(steps, ("mainSteps",), (), top.notes)


def _parameters(top: Fields) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    for name, value in top.mapping("parameters").items():
        path: Path = ("parameters", name)
        if not _NAME.fullmatch(name):
            top.notes.wrong(path, f'Parameter name "{shown(name)}" is not alpha-numeric', key=True)
        if not isinstance(value, dict):
            top.notes.wrong(path, f"a parameter is a mapping with a type, not {kind_of(value)}")
            value = {"type": "String"}
        parameters[name] = _parameter(name, Fields(value, path, top.notes))
    return parameters


def _parameter(name: str, fields: Fields) -> Parameter:
    fields.mind_unknown(_PARAMETER_FIELDS, 'the property "{}" of a parameter means nothing')
    kind = _type(fields, ParameterType, "Parameter type: {} is invalid", "parameter definition")
    default, has_default = parameter_default(fields, kind) if kind is not None else (None, False)
    pattern = fields.text("allowedPattern")
    if pattern is not None:
        fault = pattern_fault(pattern)
        if fault:
            fields.wrong("allowedPattern", f"allowedPattern is not a regular expression: {fault}")
    return Parameter(
        name=name,
        type=kind or ParameterType.STRING,
        description=fields.text("description") or "",
        default=default,
        has_default=has_default,
        allowed_values=tuple(fields.items("allowedValues")),
        allowed_pattern=pattern,
        min_items=fields.integer("minItems", 0),
        max_items=fields.integer("maxItems", 0),
        min_chars=fields.integer("minChars", 0),
        max_chars=fields.integer("maxChars", 0),
        display_type=fields.text("displayType"),
    )


def _variables(top: Fields) -> dict[str, Variable]:
    variables: dict[str, Variable] = {}
    for name, value in top.mapping("variables").items():
        path: Path = ("variables", name)
        if not _NAME.fullmatch(name):
            top.notes.wrong(path, f'Variable name "{shown(name)}" is not alpha-numeric', key=True)
        if not isinstance(value, dict):
            top.notes.wrong(path, f"a variable is a mapping with a type, not {kind_of(value)}")
            value = {"type": "String"}
        fields = Fields(value, path, top.notes)
        fields.mind_unknown(("type", "description", "default"), 'the property "{}" of a variable means nothing')
        kind = _type(fields, ValueType, "Variable type: {} is invalid", "variable definition")
        default, has_default = variable_default(fields, kind) if kind is not None else (None, False)
        variables[name] = Variable(
            name=name,
            type=kind or ValueType.STRING,
            description=fields.text("description") or "",
            default=default,
            has_default=has_default,
        )
    return variables


def _type(fields: Fields, kinds: type[_Kind], invalid: str, where: str) -> _Kind | None:
    value = fields.text("type")
    if value is None:
        if not isinstance(fields.values.get("type"), list | dict):
            fields.notes.wrong(fields.path, f'Missing "type" in {where}', key=True)
        return None
    try:
        return kinds(value)
    except ValueError:
        fields.wrong("type", invalid.format(shown(value)), nearest(value, list(kinds)) or one_of(kinds))
        return None


def _outputs(top: Fields) -> tuple[DocumentOutput, ...]:
    outputs: list[DocumentOutput] = []
    for position, value in enumerate(top.items("outputs")):
        path: Path = ("outputs", position)
        step, dot, output = value.partition(".") if isinstance(value, str) else ("", "", "")
        if not isinstance(value, str):
            top.notes.wrong(path, f"an output is text such as step.Output, not {kind_of(value)}")
        elif "{{" in value:
            top.notes.wrong(
                path, f"Unknown step name in named output: {shown(value)}", "outputs are written step.Output, no {{ }}"
            )
        elif not (dot and step and output):
            top.notes.wrong(path, f"Unknown step name in named output: {shown(value)}", "write step.Output")
        else:
            outputs.append(DocumentOutput(step, output))
    return tuple(outputs)


def _files(top: Fields) -> dict[str, AttachedFile]:
    files: dict[str, AttachedFile] = {}
    for name, value in top.mapping("files").items():
        path: Path = ("files", name)
        if not isinstance(value, dict):
            top.notes.wrong(path, f"a file is a mapping with checksums, not {kind_of(value)}")
            continue
        fields = Fields(value, path, top.notes)
        checksums = Fields(fields.mapping("checksums"), fields.at("checksums"), top.notes)
        sha256 = checksums.text("sha256")
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            checksums.wrong("sha256", f'"{shown(sha256)}" is not a SHA-256 checksum', "64 hexadecimal digits")
            sha256 = None
        size = fields.integer("size", 0)
        files[name] = AttachedFile(name=name, sha256=sha256.lower() if sha256 else None, size=size)
    return files
