"""Settings from the environment: ``WAKELESS_REGION``, ``WAKELESS_AWS__ENDPOINTS__S3``, ``WAKELESS_LOG__LEVEL``, …."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise

from pydantic import BaseModel

from wakeless.app.settings.schema import is_structured, keys_of
from wakeless.app.settings.yaml_text import Path, Raw, read_yaml
from wakeless.core.problems import Problem
from wakeless.remediation.environment import is_script_variable

PREFIX = "WAKELESS_"
#: Read by the command line, not by the settings.
_COMMAND_LINE = frozenset({"WAKELESS_CONFIG", "WAKELESS_SERVER", "WAKELESS_TOKEN", "WAKELESS_TOKEN_FILE"})
#: How like a setting's name another must be to be taken for a slip of the pen.
_LIKENESS = 0.85


@dataclass(slots=True)
class Overlay:
    """Raw settings with the environment laid over them."""

    value: dict[str, Raw]
    #: Which variable gave the value of a path.
    variables: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _NoSuchPlace(Exception):
    """The variable's name leads nowhere."""


def lay_over(raw: dict[str, Raw], env: Mapping[str, str], top: type[BaseModel]) -> Overlay:
    """Put the settings among ``env`` over ``raw`` (which is changed).

    ``__`` goes one level deeper; list entries are named by position or by their ``name`` or ``id``. Empty variables
    count as unset. A list or a mapping is written as JSON or YAML. Other programs' variables that merely begin alike
    (``WAKELESS_SERVICE_HOST`` in Kubernetes) are left alone, except where they look like a slip of the pen.
    """
    overlay = Overlay(raw)
    known = _flat_names(top)
    for variable in sorted(env):
        text = env[variable]
        if not variable.startswith(PREFIX) or not text or variable in _COMMAND_LINE or is_script_variable(variable):
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        if parts[0] in keys_of(top):
            _put(overlay, variable, parts, text, top)
        elif len(parts) > 1 or get_close_matches(parts[0], known, 1, _LIKENESS):
            nearest = get_close_matches(_flat(parts), known, 1)
            hint = f"did you mean {PREFIX}{known[nearest[0]].upper()}?" if nearest else ""
            overlay.problems.append(Problem(source_of(variable), 0, 0, "", "is not a setting", hint))
    return overlay


def source_of(variable: str) -> str:
    """Return how a problem names the variable it comes from."""
    return f"environment variable {variable}"


def _flat(parts: list[str]) -> str:
    return "_".join(parts)


def _flat_names(section: type[BaseModel], parents: tuple[str, ...] = ()) -> dict[str, str]:
    """Return ``log_level`` -> ``log__level`` for everything that is not inside a list or a mapping."""
    names: dict[str, str] = {}
    for key, annotation in keys_of(section).items():
        place = (*parents, key)
        names["_".join(place)] = "__".join(place)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= _flat_names(annotation, place)
    return names


def _put(overlay: Overlay, variable: str, parts: list[str], text: str, top: type[BaseModel]) -> None:
    path: Path = ()
    here: Raw = overlay.value
    try:
        for part, following in pairwise(parts):
            key = _key(here, part)
            child = _get(here, key)
            if not isinstance(child, dict | list):
                child = [] if following.isdigit() and is_structured(top, (*path, key, 0)) else {}
                _set(here, key, child)
            here = child
            path = (*path, key)
        key = _key(here, parts[-1])
    except _NoSuchPlace as error:
        overlay.problems.append(Problem(source_of(variable), 0, 0, "", str(error)))
        return
    path = (*path, key)
    value: Raw = text
    if is_structured(top, path) and text.lstrip()[:1] in ("[", "{"):
        document = read_yaml(text, source_of(variable))
        if document.problems:
            overlay.problems.extend(document.problems)
            return
        value = document.value
    if isinstance(here, dict) and isinstance(key, str):
        # A secret in the environment, as text or as a file, replaces the file's, whichever form that has.
        rival = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
        if (*path[:-1], rival) not in overlay.variables:
            here.pop(rival, None)
    _set(here, key, value)
    overlay.variables[path] = variable


def _key(here: Raw, part: str) -> str | int:
    """Return the key or position that ``part`` means; keys of the file match whatever their case, ``-`` and ``.``."""
    if isinstance(here, list):
        if part.isdigit() and int(part) <= len(here):
            return int(part)
        for position, entry in enumerate(here):
            if isinstance(entry, dict) and part in (_plain(entry.get("name")), _plain(entry.get("id"))):
                return position
        raise _NoSuchPlace(f"names no entry: {part!r} is neither a position from 0 to {len(here)} nor a name there")
    if isinstance(here, dict):
        return next((key for key in here if _plain(key) == part), part)
    return part


def _plain(name: Raw) -> str | None:
    return name.lower().replace("-", "_").replace(".", "_") if isinstance(name, str) else None


def _get(here: Raw, key: str | int) -> Raw:
    if isinstance(here, dict) and isinstance(key, str):
        return here.get(key)
    return here[key] if isinstance(here, list) and isinstance(key, int) and key < len(here) else None


def _set(here: Raw, key: str | int, value: Raw) -> None:
    if isinstance(here, dict) and isinstance(key, str):
        here[key] = value
    elif isinstance(here, list) and isinstance(key, int):
        here[key : key + 1] = [value]
