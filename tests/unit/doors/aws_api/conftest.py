"""Values of any shape, made from the models; requests as botocore writes them and answers as it reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import strategies as st

#: Texts that XML can carry; other protocols get all of Unicode elsewhere.
XML_TEXT = st.characters(
    exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t", exclude_characters="\ufffe\uffff\x85"
)


def values(shape: Shape, *, millis: bool, hollow: bool = True) -> st.SearchStrategy[Any]:
    """Return valid values of ``shape``; timestamps to the millisecond, or to the second.

    Unless ``hollow``, no structure or map is empty: a form cannot say that something is there but has no members.
    """
    facts = shape.metadata
    low = facts.get("min", 0)
    high = min(max(low, 3), facts.get("max", 3))
    if isinstance(shape, StructureShape):
        members = {name: values(member, millis=millis, hollow=hollow) for name, member in shape.members.items()}
        optional = {name: member for name, member in members.items() if not member.is_empty}
        if shape.is_tagged_union:
            return st.one_of(*(st.fixed_dictionaries({name: member}) for name, member in optional.items()))
        required = {name: optional.pop(name) for name in shape.required_members}
        structures = st.fixed_dictionaries(required, optional=optional)
        return structures if hollow else structures.filter(bool) if members else st.nothing()
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member, millis=millis, hollow=hollow), min_size=low, max_size=high)
    if isinstance(shape, MapShape):
        keys = values(shape.key, millis=millis, hollow=hollow)
        items = values(shape.value, millis=millis, hollow=hollow)
        return st.dictionaries(keys, items, min_size=low if hollow else max(low, 1), max_size=high)
    return _scalars(shape, millis)


def _scalars(shape: Shape, millis: bool) -> st.SearchStrategy[Any]:
    facts = shape.metadata
    low, high = facts.get("min"), facts.get("max")
    match shape.type_name:
        case "string" if facts.get("enum"):
            return st.sampled_from(facts["enum"])
        case "string" if facts.get("pattern") and "\\p{" not in facts["pattern"]:
            # A blank at either end is a matter of the pattern, not of the protocol.
            return st.from_regex(facts["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
                lambda text: len(text) <= (high or 300) and re.fullmatch(r"[ -~]*", text) is not None
            )
        case "string":
            return st.text(XML_TEXT, min_size=low or 0, max_size=min(high or 20, max(low or 0, 20)))
        case "integer":
            return st.integers(low if low is not None else -(2**31), high if high is not None else 2**31 - 1)
        case "long":
            return st.integers(low if low is not None else -(2**63), high if high is not None else 2**63 - 1)
        case "double" | "float":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "timestamp":
            seconds = st.integers(0, 4_000_000_000)
            fractions = st.integers(0, 999) if millis else st.just(0)
            return st.builds(
                lambda s, ms: datetime.fromtimestamp(s, UTC).replace(microsecond=ms * 1000), seconds, fractions
            )
        case "blob":
            return st.binary(max_size=20)
        case other:
            raise AssertionError(other)


@pytest.fixture(scope="session")
def shape_values() -> Callable[..., st.SearchStrategy[Any]]:
    return values


@pytest.fixture(scope="session")
def botocore_models() -> Callable[[str], ServiceModel]:
    session = botocore.session.Session()
    models: dict[str, ServiceModel] = {}

    def get(name: str) -> ServiceModel:
        if name not in models:
            models[name] = session.get_service_model(name)
        return models[name]

    return get


@pytest.fixture(scope="session")
def written_by_botocore() -> Callable[[str, OperationModel, Mapping[str, Any]], bytes]:
    def write(protocol: str, operation: OperationModel, parameters: Mapping[str, Any]) -> bytes:
        body = create_serializer(protocol).serialize_to_request(parameters, operation)["body"]
        if isinstance(body, dict):
            body = urlencode(body)
        return body.encode() if isinstance(body, str) else bytes(body)

    return write


@pytest.fixture(scope="session")
def read_by_botocore() -> Callable[..., dict[str, Any]]:
    def read(
        protocol: str, operation: OperationModel, status: int, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        answer = {"status_code": status, "body": body, "headers": dict(headers)}
        parsed: dict[str, Any] = create_parser(protocol).parse(answer, operation.output_shape)  # type: ignore[arg-type]
        return parsed

    return read
