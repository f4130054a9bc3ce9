"""SQL is named text in files: greppable, and free of string building."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): (?P<purpose>.+)$", re.MULTILINE)


@cache
def load_queries(file_name: str) -> Mapping[str, str]:
    """Return the statements of a ``.sql`` file beside this module, by name.

    Each statement stands below a line ``-- name: what it is for``. Raises ValueError where a file repeats a name.
    """
    text = load_text(file_name)
    headers = list(_HEADER.finditer(text))
    queries: dict[str, str] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        name = header["name"]
        if name in queries:
            raise ValueError(f"{file_name}: {name} stands there twice")
        queries[name] = text[header.end() : following.start() if following else None].strip().rstrip(";")
    return MappingProxyType(queries)


def load_text(file_name: str) -> str:
    """Return the text of a file beside this module."""
    return files("wakeless.store").joinpath(file_name).read_text(encoding="utf-8")
