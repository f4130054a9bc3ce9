"""Plain words for what pydantic found wrong. Never the value itself: it may be a secret in the wrong place."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from wakeless.app.settings.yaml_text import Path, Raw

_FIXED: Mapping[str, str] = {
    "missing": "is required",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too big a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_unicode": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must have keys and values of its own",
    "model_type": "must have keys and values of its own",
    "model_attributes_type": "must have keys and values of its own",
    "path_type": "must be a path",
    "datetime_type": "must be a date and time such as 2026-03-29T02:00:00Z",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def say(detail: Mapping[str, Any], value: Raw) -> tuple[str, str, Path]:
    """Return what is wrong, the way out (may be empty), and what to add to the path."""
    kind = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind in _FIXED:
        return _FIXED[kind], "", ()
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}", "", ()
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        deeper = ("kind",) if kind == "union_tag_invalid" else ()
        written = value.get("kind") if deeper and isinstance(value, dict) else value
        return *_choice(str(context.get("expected", context.get("expected_tags", ""))), written), deeper
    if kind == "union_tag_not_found":
        return "needs a kind", "", ()
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return f"must have {'at least' if kind == 'too_short' else 'at most'} {bound}", "", ()
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters", "", ()
    if kind == "value_error":
        return str(context["error"]), "", ()
    deeper = (context["key"],) if kind in ("secret_file", "both") else ()
    return str(detail["msg"]), "", deeper


def _choice(expected: str, written: Raw) -> tuple[str, str]:
    choices = [choice.strip().strip("'") for choice in expected.replace(" or ", ", ").split(",")]
    nearest = get_close_matches(written.lower(), choices, 1) if isinstance(written, str) else []
    return f"must be one of {', '.join(choices)}", f"did you mean {nearest[0]}?" if nearest else ""
