"""From a file and the environment to `Settings`, or to every problem at once."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path as FileName

from pydantic import ValidationError

from wakeless.app.settings.environment import Overlay, lay_over, source_of
from wakeless.app.settings.model import Settings
from wakeless.app.settings.references import Reference, find_broken_references
from wakeless.app.settings.schema import keys_of, sections_at, value_at
from wakeless.app.settings.words import say
from wakeless.app.settings.yaml_text import MAX_BYTES, Document, Mark, Path, Raw, read_yaml, show_path
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem

DEFAULT_FILE = "wakeless.yaml"


@dataclass(frozen=True, slots=True)
class Places:
    """Where each setting was written, so that a problem found later can name it."""

    source: str
    document: Document
    variables: Mapping[Path, str]

    def problem(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Return a problem with the setting at ``path``, at the nearest place that is known."""
        for length in range(len(path), 0, -1):
            if (variable := self.variables.get(path[:length])) is not None:
                return Problem(source_of(variable), 0, 0, show_path(path), message, hint)
        mark = self._mark(path, at_key)
        return Problem(self.source, mark.line, mark.column, show_path(path), message, hint)

    def _mark(self, path: Path, at_key: bool) -> Mark:
        for length in range(len(path), 0, -1):
            start = path[:length]
            marks = (self.document.keys, self.document.values)
            for known in marks if at_key else reversed(marks):
                if start in known:
                    return known[start]
        return Mark(0, 0)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file and the environment say, and everything that is wrong with it."""

    #: None when they cannot be understood.
    settings: Settings | None
    problems: tuple[Problem, ...]
    places: Places
    #: Everything as it was written, the environment laid over the file.
    raw: dict[str, Raw]
    #: Folder that relative paths start at.
    base: FileName


def load_settings(path: FileName | None, env: Mapping[str, str]) -> Settings:
    """Return the settings of ``path`` (None: ``./wakeless.yaml`` if it is there) with those of ``env`` over them.

    Without any file the defaults are for a laptop. Raises `InvalidInput` with every problem.
    """
    examined = examine(path, env)
    if examined.settings is None or examined.problems:
        count = len(examined.problems)
        words = "1 problem" if count == 1 else f"{count} problems"
        raise InvalidInput(f"{examined.places.source}: {words} in the settings", examined.problems)
    return examined.settings


def examine(path: FileName | None, env: Mapping[str, str]) -> Examined:
    """Read like `load_settings`, and return the problems with all that is known instead of raising."""
    if path is None and FileName(DEFAULT_FILE).exists():
        path = FileName(DEFAULT_FILE)
    source = str(path) if path is not None else "settings"
    document = _read(path, source) if path is not None else Document({})
    raw = document.value
    problems = list(document.problems)
    if not isinstance(raw, dict):
        problems.append(Problem(source, 1, 1, "", "must be keys and values, such as `listen: 127.0.0.1:4747`"))
        raw = {}
    overlay = lay_over(raw, env, Settings)
    problems += overlay.problems
    places = Places(source, document, overlay.variables)
    base = path.absolute().parent if path is not None else FileName.cwd()
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(overlay.value, context={"base": base})
    except ValidationError as error:
        problems += _explain(error, overlay, places)
    if settings is not None:
        problems += [_of_reference(places, broken) for broken in find_broken_references(settings)]
    return Examined(settings, tuple(sorted(set(problems))), places, overlay.value, base)


def _read(path: FileName, source: str) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        hint = "wakeless.yaml is optional: leave it out for the defaults" if error.errno == errno.ENOENT else ""
        problem = Problem(source, 0, 0, "", f"cannot be read: {error.strerror or 'error'}", hint)
        return Document({}, problems=(problem,))
    except ValueError:
        return Document({}, problems=(Problem(source, 0, 0, "", "is not UTF-8 text"),))
    return read_yaml(text, source)


def _of_reference(places: Places, broken: Reference) -> Problem:
    return places.problem(broken.path, broken.message, broken.hint)


def _explain(error: ValidationError, overlay: Overlay, places: Places) -> list[Problem]:
    problems = []
    for detail in error.errors(include_url=False, include_input=False):
        path = _real_path(detail["loc"], overlay.value, detail["type"])
        if detail["type"] == "extra_forbidden":
            problems.append(_unknown_key(path, overlay, places))
            continue
        message, hint, deeper = say(detail, value_at(overlay.value, path))
        problems.append(places.problem((*path, *deeper), message, hint))
    return problems


def _real_path(loc: Sequence[str | int], raw: Raw, kind: str) -> Path:
    """Return pydantic's path without what is not in the file: tags of unions and marks of keys."""
    path: list[str | int] = []
    here: Raw = raw
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        if isinstance(here, dict) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not (is_last and kind == "missing"):
            # Defaults are not validated, so what is not there can only be a tag, or the `[key]` of a mapping.
            continue
        path.append(part)
    return tuple(path)


def _unknown_key(path: Path, overlay: Overlay, places: Places) -> Problem:
    known = sorted({key for one in sections_at(Settings, path[:-1], overlay.value) for key in keys_of(one)})
    key = str(path[-1])
    nearest = get_close_matches(key.lower(), known, 1, 0.6)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(known)}"
    return places.problem(path, "is not a setting", hint, at_key=True)
