"""The values an execution starts with: from the API's lists of text to typed values that fit (reference 1.2 to 1.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from wakeless.core.problems import Problem
from wakeless.runbooks import java_regex
from wakeless.runbooks.coerce import MAX_DEPTH, compact
from wakeless.runbooks.document import Document, Json, Parameter, ParameterType, ValueType
from wakeless.runbooks.errors import InvalidExecutionParameters
from wakeless.runbooks.interpolate import ReferenceKind, whole
from wakeless.runbooks.places import kind_of, nearest, shown

#: A call of StartAutomationExecution.
MAX_PARAMETERS = 200
_INTEGER = re.compile(r"\s*[-+]?[0-9]{1,18}\s*")

#: The forms that the AWS:: types promise.
_FORMS: Mapping[ParameterType, str] = {
    **dict.fromkeys((ParameterType.INSTANCE_ID, ParameterType.INSTANCE_IDS), r"m?i-([a-z0-9]{8}|[a-z0-9]{17})"),
    **dict.fromkeys((ParameterType.BUCKET_NAME, ParameterType.BUCKET_NAMES), r"[0-9a-z][a-z0-9\-\.]{3,63}"),
    **dict.fromkeys(
        (ParameterType.ROLE_ARN, ParameterType.ROLE_ARNS),
        r"arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b):iam::[0-9]{12}:role/.*",
    ),
}
_FORM_PATTERNS = {kind: re.compile(form) for kind, form in _FORMS.items()}

#: Answers the text of a Parameter Store parameter, a list for a StringList; None when there is none that may be used.
FromStore = Callable[[str], str | list[str] | None]


class _Unfit(Exception):
    """The value does not fit its parameter."""


def start_parameters(
    document: Document,
    given: Mapping[str, Sequence[str]],
    *,
    from_store: FromStore | None = None,
    exempt: Iterable[str] = (),
) -> dict[str, Json]:
    """Return the typed value of every parameter, defaults included.

    Args:
        document: the runbook to start.
        given: as in the API: a list of texts for each name.
        from_store: answers ``{{ ssm:name }}`` defaults; without it such a default cannot be had.
        exempt: parameters that targets fill in later, so they may be missing.

    Raises:
        InvalidExecutionParameters: with every value that does not fit.
    """
    problems: list[Problem] = []
    if len(given) > MAX_PARAMETERS:
        problems.append(_problem("", f"{len(given)} parameters are more than {MAX_PARAMETERS}"))
    for name in given:
        if name not in document.parameters:
            problems.append(_problem(name, "is not a parameter of the document", nearest(name, document.parameters)))
    values: dict[str, Json] = {}
    left_out = set(exempt)
    for name, parameter in document.parameters.items():
        try:
            if name in given:
                values[name] = _given(parameter, given[name])
            elif parameter.has_default:
                values[name] = _default(parameter, from_store)
            elif name not in left_out:
                raise _Unfit("is missing and has no default")
        except _Unfit as error:
            problems.append(_problem(name, str(error)))
    if problems:
        raise InvalidExecutionParameters(problems)
    return values


def _given(parameter: Parameter, given: Sequence[str]) -> Json:
    """Return a given value in its type; the empty text passes wherever it is the default too."""
    value = _convert(parameter, list(given) if not isinstance(given, str) else [given])
    if value == "" and parameter.default == "":
        return value
    _check_constraints(parameter, value)
    return value


def _problem(name: str, message: str, hint: str = "") -> Problem:
    return Problem("parameters", 0, 0, shown(name), message, hint)


def _default(parameter: Parameter, from_store: FromStore | None) -> Json:
    """Return the default; it need not fit the constraints of its own parameter, unless it comes from elsewhere."""
    reference = whole(parameter.default)
    if reference is None or reference.kind is not ReferenceKind.PARAMETER_STORE:
        return parameter.default
    stored = from_store(reference.name) if from_store is not None else None
    if stored is None:
        raise _Unfit(f'takes its default from the Parameter Store parameter "{shown(reference.name)}", which has none')
    if isinstance(stored, str) and parameter.type.value_type is ValueType.STRING_LIST:
        stored = stored.split(",")
    value = _convert(parameter, [stored] if isinstance(stored, str) else stored)
    _check_constraints(parameter, value)
    return value


def _convert(parameter: Parameter, given: list[str]) -> Json:
    if not all(isinstance(item, str) for item in given):
        raise _Unfit("must be given as a list of texts")
    kind = parameter.type.value_type
    if kind is ValueType.STRING_LIST:
        return _string_list(given)
    if kind is ValueType.MAP_LIST:
        return _map_list(given)
    if len(given) != 1:
        raise _Unfit(f"takes one value, not {len(given)}")
    text = given[0]
    if kind is ValueType.STRING:
        return text
    if kind is ValueType.INTEGER:
        if not _INTEGER.fullmatch(text):
            raise _Unfit(f'must be a whole number, not "{shown(text)}"')
        return int(text)
    if kind is ValueType.BOOLEAN:
        if text.strip().lower() not in ("true", "false"):
            raise _Unfit(f'must be true or false, not "{shown(text)}"')
        return text.strip().lower() == "true"
    value = _json(text)
    if not isinstance(value, dict):
        raise _Unfit(f"must be the JSON text of an object, not of {kind_of(value)}")
    return value


def _string_list(given: list[str]) -> list[Json]:
    """Return the list; a single item that is the JSON text of a list of texts stands for that list."""
    if len(given) == 1 and given[0].lstrip().startswith("["):
        try:
            value = _json(given[0])
        except _Unfit:
            return [given[0]]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    return list[Json](given)


def _map_list(given: list[str]) -> list[Json]:
    """Return the objects; a single item may be the JSON text of all of them."""
    items: list[Json] = [_json(text) for text in given]
    if len(items) == 1 and isinstance(items[0], list):
        items = items[0]
    for item in items:
        if not isinstance(item, dict):
            raise _Unfit(f"must be JSON texts of objects, not of {kind_of(item)}")
    return items


def _json(text: str) -> Json:
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _Unfit(f'must be JSON text, not "{shown(text)}"') from None
    if _deeper(value, MAX_DEPTH):
        raise _Unfit(f"is nested more than {MAX_DEPTH} deep")
    return value


def _refuse_constant(word: str) -> Json:
    raise ValueError(word)


def _deeper(value: Json, depth: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(item, depth - 1) for item in inner)


def _check_constraints(parameter: Parameter, value: Json) -> None:
    items = value if isinstance(value, list) else [value]
    _check_allowed(parameter, items)
    form = _FORM_PATTERNS.get(parameter.type)
    texts = [item if isinstance(item, str) else compact(item) for item in items]
    if parameter.type.value_type is ValueType.STRING_MAP:
        texts = [compact(value)]
    for text in texts:
        if form is not None and text and not form.fullmatch(text):
            raise _Unfit(f'"{shown(text)}" is not of the form of {parameter.type}')
        if parameter.allowed_pattern is not None:
            _check_pattern(parameter.allowed_pattern, text)
    _check_sizes(parameter, value)


def _check_allowed(parameter: Parameter, items: Sequence[Json]) -> None:
    if not parameter.allowed_values:
        return
    allowed = [_comparable(item) for item in parameter.allowed_values]
    for item in items:
        if _comparable(item) not in allowed:
            words = ", ".join(shown(value) for value in parameter.allowed_values[:20])
            raise _Unfit(f'"{shown(item)}" is not one of the allowed values: {words}')


def _comparable(value: Json) -> str:
    """Return text that is equal for a value and for the same value in quotes."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _check_pattern(pattern: str, text: str) -> None:
    try:
        fits = java_regex.matches(pattern, text)
    except java_regex.TooSlow:
        raise _Unfit("cannot be compared with the allowedPattern in reasonable time") from None
    except ValueError as error:
        raise _Unfit(f"has an allowedPattern that is not a regular expression: {error}") from None
    if not fits:
        raise _Unfit(f'"{shown(text)}" does not match the allowedPattern {shown(pattern)}')


def _check_sizes(parameter: Parameter, value: Json) -> None:
    if isinstance(value, list | dict):
        count = len(value)
        if parameter.min_items is not None and count < parameter.min_items:
            raise _Unfit(f"has {count} items, fewer than {parameter.min_items}")
        if parameter.max_items is not None and count > parameter.max_items:
            raise _Unfit(f"has {count} items, more than {parameter.max_items}")
    # Lists and maps are measured as the JSON text they travel as.
    length = len(value if isinstance(value, str) else compact(value))
    if parameter.min_chars is not None and length < parameter.min_chars:
        raise _Unfit(f"has {length} characters, fewer than {parameter.min_chars}")
    if parameter.max_chars is not None and length > parameter.max_chars:
        raise _Unfit(f"has {length} characters, more than {parameter.max_chars}")
