from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given
from hypothesis import strategies as st

from wakeless.core.secret import Secret
from wakeless.doors.aws_api.errors import AwsError
from wakeless.doors.aws_api.sigv4 import (
    AcceptUnsigned,
    Caller,
    Credential,
    RequireSignature,
    WireRequest,
    claimed_access_key,
    claimed_scope,
    known_keys,
    verify,
)

CALLER = Caller(arn="arn:aws:iam::000000000000:user/monitor", user_id="AIDAMONITOR", account="000000000000")
LASTING = Credential(access_key_id="AKIDLASTING", secret_access_key=Secret("s3cr3t/+="), caller=CALLER)
PASSING = Credential(
    access_key_id="ASIAPASSING",
    secret_access_key=Secret("another"),
    caller=CALLER,
    session_token=Secret("token/with+signs=="),
    expires_at=datetime(2100, 1, 1, tzinfo=UTC),
)
FIND = known_keys([LASTING, PASSING])
HOST = "127.0.0.1:4747"


def wire(request: AWSRequest, body: bytes) -> WireRequest:
    assert request.method is not None
    parts = urlsplit(str(request.url))
    headers = [(name.lower(), str(value)) for name, value in request.headers.items()]
    if "host" not in dict(headers):
        headers.append(("host", parts.netloc))
    return WireRequest(
        method=request.method,
        raw_path=parts.path.encode(),
        query_string=parts.query.encode(),
        headers=[(name.encode(), value.encode()) for name, value in headers],
        body=body,
    )


def signed(
    *,
    credential: Credential = LASTING,
    method: str = "POST",
    url: str = f"http://{HOST}/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    service: str = "monitoring",
    presigned: bool = False,
    expires: int = 60,
) -> WireRequest:
    token = credential.session_token.reveal() if credential.session_token else None
    keys = Credentials(credential.access_key_id, credential.secret_access_key.reveal(), token)
    request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
    if presigned:
        SigV4QueryAuth(keys, service, "eu-west-1", expires=expires).add_auth(request)
    else:
        SigV4Auth(keys, service, "eu-west-1").add_auth(request)
    return wire(request, body)


def signed_at(request: WireRequest) -> datetime:
    text = request.header("x-amz-date")
    if text is None:
        text = request.query_string.decode().partition("X-Amz-Date=")[2][:16]
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def check(request: WireRequest, *, late: float = 0, services: frozenset[str] = frozenset({"monitoring"})) -> Credential:
    return verify(request, find=FIND, services=services, now=signed_at(request) + timedelta(seconds=late))


def refusal(request: WireRequest, *, late: float = 0) -> AwsError:
    with pytest.raises(AwsError) as refused:
        check(request, late=late)
    return refused.value


def with_header(request: WireRequest, name: str, value: str | None) -> WireRequest:
    kept = [pair for pair in request.headers if pair[0] != name.encode()]
    return replace(request, headers=kept if value is None else [*kept, (name.encode(), value.encode())])


# AWS's published examples: key AKIDEXAMPLE, one request each, whose signatures AWS prints.
EXAMPLES: dict[str, tuple[str, str, str, dict[str, str], str]] = {
    "get-vanilla": ("GET", "/", "", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-relative": (
        "GET",
        "/example1/example2/../..",
        "",
        {},
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-slashes": (
        "GET",
        "//example//",
        "",
        {},
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    "get-utf8": ("GET", "/\u1234", "", {}, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "query-order": (
        "GET",
        "/",
        "Param2=value2&Param1=value1",
        {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": ("POST", "/", "", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_published_example_verifies(name: str) -> None:
    method, path, query, _, signature = EXAMPLES[name]
    credential = Credential(
        access_key_id="AKIDEXAMPLE",
        secret_access_key=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        caller=CALLER,
    )
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
    request = WireRequest(
        method=method,
        raw_path=path.encode(),
        query_string=query.encode(),
        headers=[
            (b"host", b"example.amazonaws.com"),
            (b"x-amz-date", b"20150830T123600Z"),
            (b"authorization", authorization.encode()),
        ],
        body=b"",
    )
    now = datetime(2015, 8, 30, 12, 36, 10, tzinfo=UTC)
    assert verify(request, find=known_keys([credential]), services={"service"}, now=now) is credential


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
QUERY = st.dictionaries(TEXT.filter(bool), TEXT, max_size=4)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Target", "Content-Type", "X-Amz-Meta-One", "x-amzn-query-mode", "Accept"]),
    st.lists(HEADER_TEXT, min_size=1, max_size=3).map("   ".join),
    max_size=4,
)
PATHS = st.lists(TEXT.filter(lambda part: part not in (".", "..")), max_size=3).map(
    lambda parts: "/" + "/".join(quote(part, safe="") for part in parts)
)


def url_of(path: str, query: Mapping[str, str]) -> str:
    encoded = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
    return f"http://{HOST}{path}" + (f"?{encoded}" if encoded else "")


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=PATHS,
    query=QUERY,
    headers=HEADERS,
    body=st.binary(max_size=200),
    credential=st.sampled_from([LASTING, PASSING]),
)
def test_what_botocore_signs_verifies(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, credential: Credential
) -> None:
    request = signed(method=method, url=url_of(path, query), headers=headers, body=body, credential=credential)
    assert check(request) is credential


@given(
    path=PATHS,
    query=QUERY,
    credential=st.sampled_from([LASTING, PASSING]),
    expires=st.integers(1, 604_800),
    data=st.data(),
)
def test_what_botocore_presigns_verifies_until_it_expires(
    path: str, query: dict[str, str], credential: Credential, expires: int, data: st.DataObject
) -> None:
    assume(not any(name.startswith("X-Amz-") for name in query))
    request = signed(method="GET", url=url_of(path, query), credential=credential, presigned=True, expires=expires)
    assert check(request, late=data.draw(st.integers(0, expires))) is credential
    assert "Signature expired" in refusal(request, late=expires + 1).message


@given(data=st.data(), body=st.binary(min_size=1, max_size=50))
def test_a_change_anywhere_breaks_the_signature(data: st.DataObject, body: bytes) -> None:
    request = signed(body=body, headers={"X-Amz-Target": "A.B"}, url=f"http://{HOST}/a?b=c")
    changed = data.draw(
        st.sampled_from(
            [
                replace(request, method="PUT"),
                replace(request, raw_path=b"/b"),
                replace(request, query_string=b"b=d"),
                replace(request, query_string=b""),
                replace(request, body=request.body + b"!"),
                replace(request, body=b""),
                with_header(request, "host", "elsewhere:4747"),
                with_header(request, "x-amz-target", "A.C"),
                with_header(request, "x-amz-target", None),
            ]
        )
    )
    assert refusal(changed).aws_code == "SignatureDoesNotMatch"


def test_repeated_headers_are_joined_in_order() -> None:
    request = signed(headers={"X-Amz-Meta-One": "a,b"})
    apart = with_header(request, "x-amz-meta-one", None)
    apart = replace(apart, headers=[(b"x-amz-meta-one", b"a"), *apart.headers, (b"x-amz-meta-one", b" b ")])
    assert check(apart) is LASTING


def test_wrong_secret_is_a_mismatch_and_unknown_key_an_invalid_token() -> None:
    imposter = replace(LASTING, secret_access_key=Secret("guessed"))
    assert refusal(signed(credential=imposter)).aws_code == "SignatureDoesNotMatch"
    stranger = replace(LASTING, access_key_id="AKIDSTRANGER")
    assert refusal(signed(credential=stranger)).aws_code == "InvalidClientTokenId"


def test_session_token_must_be_the_one_that_belongs_to_the_key() -> None:
    assert refusal(signed(credential=replace(PASSING, session_token=None))).aws_code == "InvalidClientTokenId"
    other = replace(PASSING, session_token=Secret("other"))
    assert refusal(signed(credential=other)).aws_code == "InvalidClientTokenId"
    unexpected = replace(LASTING, session_token=Secret("unexpected"))
    assert refusal(signed(credential=unexpected)).aws_code == "InvalidClientTokenId"


def test_temporary_credential_is_refused_from_its_end_on() -> None:
    request = signed(credential=PASSING)
    now = signed_at(request)
    ended = known_keys([replace(PASSING, expires_at=now)])
    with pytest.raises(AwsError) as refused:
        verify(request, find=ended, services={"monitoring"}, now=now)
    assert refused.value.aws_code == "ExpiredToken"


@pytest.mark.parametrize(("late", "words"), [(301, "Signature expired"), (-301, "Signature not yet current")])
def test_clock_may_be_off_by_five_minutes_and_no_more(late: int, words: str) -> None:
    request = signed()
    assert check(request, late=300 if late > 0 else -300) is LASTING
    error = refusal(request, late=late)
    assert error.aws_code == "SignatureDoesNotMatch"
    assert words in error.message


def test_credential_for_another_service_is_refused() -> None:
    error = refusal(signed(service="sts"))
    assert error.aws_code == "SignatureDoesNotMatch"
    assert "correct service: 'monitoring'" in error.message


def test_request_without_credentials_is_told_so() -> None:
    request = with_header(signed(), "authorization", None)
    assert refusal(request).aws_code == "MissingAuthenticationToken"


@pytest.mark.parametrize(
    ("find", "put", "aws_code"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "IncompleteSignature"),
        ("AWS4-HMAC-SHA256", "Basic", "IncompleteSignature"),
        ("Signature=", "Sig=", "IncompleteSignature"),
        ("SignedHeaders=", "SignedHeaders=x", "SignatureDoesNotMatch"),
        ("/aws4_request", "/aws5_request", "SignatureDoesNotMatch"),
        ("/monitoring/aws4_request", "/aws4_request", "IncompleteSignature"),
        ("/eu-west-1/", "//", "SignatureDoesNotMatch"),
        ("/20", "/19", "SignatureDoesNotMatch"),
        ("host;", "", "SignatureDoesNotMatch"),
        ("x-amz-date", "host", "SignatureDoesNotMatch"),
        ("Signature=", "Signature=\u00e9", "SignatureDoesNotMatch"),
    ],
)
def test_damaged_authorization_is_refused(find: str, put: str, aws_code: str) -> None:
    request = signed(headers={"Content-Type": "text/plain"})
    authorization = request.header("authorization")
    assert authorization is not None
    assert find in authorization
    assert refusal(with_header(request, "authorization", authorization.replace(find, put))).aws_code == aws_code


@pytest.mark.parametrize("date", ["", "20260101", "20261301T000000Z", "yesterday", "20260101T000000Z,20260101T000000Z"])
def test_damaged_date_is_refused(date: str) -> None:
    request = with_header(signed(), "x-amz-date", date)
    with pytest.raises(AwsError) as refused:
        verify(request, find=FIND, services={"monitoring"}, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.aws_code in ("IncompleteSignature", "SignatureDoesNotMatch")


def test_unsigned_amz_header_is_refused_but_tracing_headers_are_not() -> None:
    request = signed()
    assert refusal(with_header(request, "x-amz-target", "A.B")).aws_code == "SignatureDoesNotMatch"
    for name in ("amz-sdk-request", "user-agent", "x-amzn-trace-id"):
        request = with_header(request, name, "anything")
    assert check(request) is LASTING


def test_content_hash_header_must_be_that_of_the_body() -> None:
    request = signed(body=b"one", headers={"X-Amz-Content-SHA256": "0" * 64})
    assert refusal(request).aws_code == "SignatureDoesNotMatch"
    assert refusal(signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})).aws_code == "SignatureDoesNotMatch"


@given(
    authorization=st.one_of(st.text(max_size=60), st.text(max_size=60).map(lambda text: f"AWS4-HMAC-SHA256 {text}")),
    date=st.text(max_size=20),
    query=st.binary(max_size=60),
)
def test_nonsense_is_refused_in_words(authorization: str, date: str, query: bytes) -> None:
    request = WireRequest(
        method="POST",
        raw_path=b"/",
        query_string=query,
        headers=[
            (b"host", b"x"),
            (b"authorization", authorization.encode()),
            (b"x-amz-date", date.encode()),
            (b"x-amz-date", b"20260101T000000Z"),
        ],
        body=b"",
    )
    with pytest.raises(AwsError):
        verify(request, find=FIND, services={"monitoring"}, now=datetime(2026, 1, 1, tzinfo=UTC))
    claimed_scope(request)
    claimed_access_key(request)


def test_policies_say_who_calls() -> None:
    request = signed()
    now = signed_at(request)
    assert RequireSignature(FIND).authenticate(request, services={"monitoring"}, now=now) is CALLER
    local = AcceptUnsigned(account="123456789012").authenticate(request, services={"monitoring"}, now=now)
    assert (local.account, local.access_key_id) == ("123456789012", "AKIDLASTING")
    assert claimed_scope(request) == ("eu-west-1", "monitoring")


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site", "x-forwarded-for", "forwarded", "x-real-ip"])
def test_unsigned_request_of_a_browser_or_through_a_proxy_is_refused(header: str) -> None:
    request = WireRequest(method="POST", raw_path=b"/", query_string=b"", headers=[(header.encode(), b"x")], body=b"")
    with pytest.raises(AwsError) as refused:
        AcceptUnsigned().authenticate(request, services=(), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.aws_code == "AccessDenied"


def test_unsigned_get_is_refused() -> None:
    request = WireRequest(method="GET", raw_path=b"/", query_string=b"Action=X", headers=[], body=b"")
    with pytest.raises(AwsError):
        AcceptUnsigned().authenticate(request, services=(), now=datetime(2026, 1, 1, tzinfo=UTC))
