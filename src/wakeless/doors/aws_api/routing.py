"""Which protocol, service and operation a request means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeless.doors.aws_api.protocols.aws_json import AwsJson
from wakeless.doors.aws_api.protocols.base import WireProtocol
from wakeless.doors.aws_api.protocols.cbor import CONTENT_TYPE as CBOR_CONTENT_TYPE
from wakeless.doors.aws_api.protocols.cbor import RpcV2Cbor
from wakeless.doors.aws_api.protocols.query import Query
from wakeless.doors.aws_api.service import AwsService
from wakeless.doors.aws_api.sigv4 import WireRequest, claimed_scope

_RPC_PATH = re.compile(r"(?:^|/)service/([A-Za-z0-9_.]{1,128})/operation/([A-Za-z0-9_]{1,128})$")
_JSON_TYPE = re.compile(r"application/x-amz-json-(1\.[01])\s*(?:;.*)?", re.IGNORECASE)
_FORM_TYPE = "application/x-www-form-urlencoded"
_AUTHORIZATION = b"AWS4-HMAC-SHA256"

QUERY = Query()
CBOR = RpcV2Cbor()
JSON_1_0 = AwsJson("1.0")
JSON_1_1 = AwsJson("1.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where a request wants to go, as far as its head says."""

    protocol: WireProtocol
    #: None when it names a service that is not served here, or none.
    service: AwsService | None
    #: None when only the body can say (query).
    operation: str | None = None
    #: False when the content type is not the protocol's.
    acceptable: bool = True


def looks_like_aws(method: str, path: str, query_string: bytes, headers: Mapping[bytes, bytes]) -> bool:
    """Say whether a request is for an AWS service: by its head alone, signed or not."""
    if headers.get(b"authorization", b"").startswith(_AUTHORIZATION) or b"X-Amz-Algorithm=" in query_string:
        return True
    if b"x-amz-target" in headers or headers.get(b"smithy-protocol") == b"rpc-v2-cbor" or _RPC_PATH.search(path):
        return True
    if path != "/":
        return False
    if method == "POST":
        return headers.get(b"content-type", b"").decode("latin-1").strip().lower().startswith(_FORM_TYPE)
    return method == "GET" and (query_string.startswith(b"Action=") or b"&Action=" in query_string)


def route(request: WireRequest, services: Sequence[AwsService]) -> Destination:
    """Return where ``request`` wants to go."""
    content_type = (request.header("content-type") or "").strip()
    path = request.raw_path.decode("latin-1")
    rpc = _RPC_PATH.search(path)
    if rpc or request.header("smithy-protocol") == "rpc-v2-cbor":
        return Destination(
            protocol=CBOR,
            service=_by_prefix(services, rpc.group(1)) if rpc else None,
            operation=rpc.group(2) if rpc else None,
            acceptable=content_type.partition(";")[0].strip().lower() in (CBOR_CONTENT_TYPE, ""),
        )
    target = request.header("x-amz-target")
    if target is not None:
        prefix, _, operation = target.rpartition(".")
        json_type = _JSON_TYPE.fullmatch(content_type)
        return Destination(
            protocol=JSON_1_0 if json_type and json_type.group(1) == "1.0" else JSON_1_1,
            service=_by_prefix(services, prefix),
            operation=operation,
            acceptable=json_type is not None,
        )
    scope = claimed_scope(request)
    return Destination(
        protocol=QUERY,
        service=_by_signing_name(services, scope[1]) if scope else None,
        acceptable=request.method == "GET" or content_type.lower().startswith(_FORM_TYPE) or not content_type,
    )


def by_version(services: Sequence[AwsService], version: str, action: str) -> AwsService | None:
    """Return the service of an unsigned query request."""
    queried = [service for service in services if "query" in service.shapes.protocols]
    for service in queried:
        if service.shapes.api_version == version:
            return service
    return next((service for service in queried if not version and service.shapes.has(action)), None)


def _by_prefix(services: Sequence[AwsService], prefix: str) -> AwsService | None:
    return next((service for service in services if service.shapes.target_prefix == prefix), None)


def _by_signing_name(services: Sequence[AwsService], name: str) -> AwsService | None:
    return next((service for service in services if service.shapes.signing_name == name), None)
