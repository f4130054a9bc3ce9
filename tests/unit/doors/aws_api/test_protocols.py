"""Each protocol against botocore: what it writes is read, what is written it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import cbor2
import orjson
import pytest
from botocore.model import OperationModel, ServiceModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeless.doors.aws_api.errors import AwsError
from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.protocols.base import WireProtocol
from wakeless.doors.aws_api.routing import CBOR, JSON_1_0, JSON_1_1, QUERY

Models = Callable[[str], ServiceModel]
Write = Callable[[str, OperationModel, Mapping[str, Any]], bytes]
Read = Callable[..., dict[str, Any]]

CLOUDWATCH = ServiceShapes("cloudwatch", error_namespace="com.amazonaws.cloudwatch.v2010_08_01")
#: Services beyond those served bring flattened lists, maps, blobs and wire names of their own.
SERVICES = {
    "cloudwatch": CLOUDWATCH,
    "sts": ServiceShapes("sts"),
    "sns": ServiceShapes("sns"),
    "ssm": ServiceShapes("ssm"),
    "ses": ServiceShapes("ses"),
    "elasticbeanstalk": ServiceShapes("elasticbeanstalk"),
    "importexport": ServiceShapes("importexport"),
}
PROTOCOLS: dict[str, WireProtocol] = {"query": QUERY, "json": JSON_1_0, "smithy-rpc-v2-cbor": CBOR}

CASES = [
    *(
        (protocol, "cloudwatch", operation)
        for protocol in PROTOCOLS
        for operation in (
            "PutMetricData",
            "PutMetricAlarm",
            "PutCompositeAlarm",
            "DescribeAlarms",
            "DescribeAlarmHistory",
            "DescribeAlarmsForMetric",
            "SetAlarmState",
            "GetMetricData",
            "GetMetricStatistics",
            "ListMetrics",
            "TagResource",
            "ListTagsForResource",
            "GetMetricWidgetImage",
        )
    ),
    ("query", "sts", "GetCallerIdentity"),
    ("query", "sns", "Publish"),
    ("query", "sns", "CreateTopic"),
    ("query", "sns", "GetTopicAttributes"),
    ("query", "ses", "SendRawEmail"),
    ("query", "ses", "GetSendStatistics"),
    ("query", "elasticbeanstalk", "DescribeEvents"),
    ("query", "importexport", "ListJobs"),
    ("json", "ssm", "StartAutomationExecution"),
    ("json", "ssm", "DescribeInstanceInformation"),
]


@pytest.mark.parametrize(("protocol", "service", "operation"), CASES)
def test_what_botocore_writes_is_read(
    protocol: str,
    service: str,
    operation: str,
    botocore_models: Models,
    written_by_botocore: Write,
    shape_values: Callable[..., st.SearchStrategy[Any]],
) -> None:
    model = botocore_models(service).operation_model(operation)
    shapes = SERVICES[service].operation(operation)
    assert shapes is not None
    # JSON timestamps lose their fraction in botocore; the other protocols keep it.
    parameters: st.SearchStrategy[dict[str, Any]] = st.just({})
    if model.input_shape is not None:
        parameters = shape_values(model.input_shape, millis=protocol == "query", hollow=protocol != "query")

    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(st.just({}) if parameters.is_empty else parameters)
    def check(given_parameters: dict[str, Any]) -> None:
        wire = PROTOCOLS[protocol]
        read = wire.parse(shapes, wire.decode(written_by_botocore(protocol, model, given_parameters)))
        assert read == given_parameters

    check()


@pytest.mark.parametrize(("protocol", "service", "operation"), CASES)
def test_what_is_written_botocore_reads(
    protocol: str,
    service: str,
    operation: str,
    botocore_models: Models,
    read_by_botocore: Read,
    shape_values: Callable[..., st.SearchStrategy[Any]],
) -> None:
    model = botocore_models(service).operation_model(operation)
    shapes = SERVICES[service].operation(operation)
    assert shapes is not None
    results: st.SearchStrategy[dict[str, Any]] = st.just({})
    if model.output_shape is not None:
        results = shape_values(model.output_shape, millis=True, hollow=protocol != "query")

    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(st.just({}) if results.is_empty else results)
    def check(result: dict[str, Any]) -> None:
        answer = PROTOCOLS[protocol].answer(SERVICES[service], shapes, result, "id-1")
        assert answer.status == 200
        headers = {**answer.headers, "content-type": answer.content_type or ""}
        read = read_by_botocore(protocol, model, answer.status, answer.body, headers)
        metadata = read.pop("ResponseMetadata")
        assert protocol != "query" or metadata["RequestId"] == "id-1"
        assert read == result

    check()


def parse(protocol: WireProtocol, operation: str, body: bytes) -> dict[str, object]:
    shapes = CLOUDWATCH.operation(operation)
    assert shapes is not None
    return protocol.parse(shapes, protocol.decode(body))


def refusal(protocol: WireProtocol, operation: str, body: bytes) -> AwsError:
    with pytest.raises(AwsError) as refused:
        parse(protocol, operation, body)
    return refused.value


MOMENT = datetime(2026, 1, 1, 0, 0, 5, 250000, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-01T00:00:05.250000Z",
        "2026-01-01T00:00:05.250Z",
        "2026-01-01T00:00:05.250",
        "2026-01-01 00:00:05.250+00:00",
        "2026-01-01T01:00:05.250+0100",
        "20260101T000005.250Z",
        "1767225605.25",
        "1.76722560525E9",
    ],
)
def test_every_form_of_timestamp_is_understood(written: str) -> None:
    form = f"Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Timestamp={written.replace('+', '%2B')}"
    document = orjson.dumps({"Namespace": "N", "MetricData": [{"MetricName": "M", "Timestamp": written}]})
    for read in (parse(QUERY, "PutMetricData", form.encode()), parse(JSON_1_0, "PutMetricData", document)):
        assert read == {"Namespace": "N", "MetricData": [{"MetricName": "M", "Timestamp": MOMENT}]}


def test_rfc_822_timestamp_is_understood() -> None:
    body = orjson.dumps(
        {"Namespace": "N", "MetricName": "M", "StartTime": "Thu, 01 Jan 2026 00:00:05 GMT", "EndTime": 0, "Period": 60}
    )
    assert parse(JSON_1_1, "GetMetricStatistics", body)["StartTime"] == MOMENT.replace(microsecond=0)


@pytest.mark.parametrize("seconds", [1767225605.25, cbor2.CBORTag(1, 1767225605.25)])
def test_cbor_timestamps_may_be_tagged_or_bare(seconds: object) -> None:
    body = cbor2.dumps({"Namespace": "N", "MetricData": [{"MetricName": "M", "Timestamp": seconds}]})
    assert parse(CBOR, "PutMetricData", body)["MetricData"] == [{"MetricName": "M", "Timestamp": MOMENT}]


@pytest.mark.parametrize("number", [2, 2.0, -1, 10**30])
def test_integers_stand_for_doubles(number: float) -> None:
    document = {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": number}]}
    read = parse(
        JSON_1_0,
        "PutMetricData",
        orjson.dumps({"Namespace": "N", "MetricData": []}) if number > 2**64 else orjson.dumps(document),
    )
    if number <= 2**64:
        assert read["MetricData"] == [{"MetricName": "M", "Value": float(number)}]
        assert parse(CBOR, "PutMetricData", cbor2.dumps(document))["MetricData"] == read["MetricData"]


@pytest.mark.parametrize("half", ["f93c00", "fa3f800000", "fb3ff0000000000000", "01"])
def test_every_width_of_cbor_number_is_understood(half: str) -> None:
    body = bytes.fromhex("bf") + cbor2.dumps("Namespace") + cbor2.dumps("N") + cbor2.dumps("MetricData")
    body += bytes.fromhex("9fbf") + cbor2.dumps("MetricName") + cbor2.dumps("M")
    body += cbor2.dumps("Value") + bytes.fromhex(half) + bytes.fromhex("ffffff")
    read = parse(CBOR, "PutMetricData", body)
    assert read == {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1.0}]}


def test_text_of_indefinite_length_is_understood() -> None:
    body = bytes.fromhex("a1") + cbor2.dumps("Namespace") + bytes.fromhex("7f61416142ff")
    assert parse(CBOR, "ListMetrics", body) == {"Namespace": "AB"}


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (JSON_1_0, orjson.dumps({"Namespace": "N", "MetricName": None, "Surprise": {"a": [1]}})),
        (CBOR, cbor2.dumps({"Namespace": "N", "MetricName": None, "Dimensions": cbor2.undefined, "Surprise": [1]})),
        (QUERY, b"Action=ListMetrics&Version=2010-08-01&Namespace=N&Surprise.member.1.A=1"),
    ],
)
def test_null_members_are_absent_and_unknown_ones_ignored(protocol: WireProtocol, body: bytes) -> None:
    assert parse(protocol, "ListMetrics", body) == {"Namespace": "N"}


@pytest.mark.parametrize(("protocol", "body"), [(JSON_1_0, b""), (JSON_1_0, b" \n"), (CBOR, b""), (QUERY, b"")])
def test_no_body_means_no_parameters(protocol: WireProtocol, body: bytes) -> None:
    assert parse(protocol, "ListMetrics", body) == {}


def test_empty_list_of_a_form_is_an_empty_list() -> None:
    assert parse(QUERY, "DescribeAlarms", b"AlarmNames=&AlarmTypes.member=") == {"AlarmNames": [], "AlarmTypes": []}


def test_members_of_a_form_are_ordered_by_number_not_by_text() -> None:
    body = "&".join(f"AlarmNames.member.{number}=a{number}" for number in (10, 9, 100, 1))
    assert parse(QUERY, "DescribeAlarms", body.encode()) == {"AlarmNames": ["a1", "a9", "a10", "a100"]}


def test_form_is_decoded_as_browsers_encode_it() -> None:
    assert parse(QUERY, "DescribeAlarms", b"AlarmNamePrefix=a+b%20c%2B%C3%A9") == {"AlarmNamePrefix": "a b c+\u00e9"}


MALFORMED: dict[str, tuple[WireProtocol, bytes]] = {
    "not JSON": (JSON_1_0, b"{"),
    "JSON of another encoding": (JSON_1_0, b'{"Namespace": "\xff"}'),
    "lone surrogate": (JSON_1_0, b'{"Namespace": "\\ud800"}'),
    "NaN literal": (JSON_1_0, b'{"Limit": NaN}'),
    "deep nesting": (JSON_1_0, b"[" * 100_000),
    "a list for a structure": (JSON_1_0, b"[]"),
    "a number for a text": (JSON_1_0, b'{"Namespace": 1}'),
    "a text for a list": (JSON_1_0, b'{"Dimensions": "x"}'),
    "a structure for a text": (JSON_1_0, b'{"Namespace": {}}'),
    "truncated CBOR": (CBOR, b"\xa1\x61"),
    "more after the CBOR": (CBOR, b"\xa0\xa0"),
    "a value that contains itself": (CBOR, bytes.fromhex("d81c81d81d00")),
    "deep CBOR": (CBOR, b"\x81" * 1000 + b"\x01"),
    "huge CBOR list": (CBOR, bytes.fromhex("9b7fffffffffffffff")),
    "huge CBOR text": (CBOR, bytes.fromhex("7b7fffffffffffffff")),
    "big number": (CBOR, bytes.fromhex("c249010000000000000000")),
    "CBOR list for a map": (CBOR, b"\x80"),
    "bad percent encoding": (QUERY, b"Namespace=%ff"),
    "not ASCII": (QUERY, "Namespace=\u00e9".encode()),
    "leaf and branch": (QUERY, b"Dimensions=x&Dimensions.member.1.Name=y"),
    "branch and leaf": (QUERY, b"Dimensions.member.1.Name=y&Dimensions=x"),
    "structure with a value": (QUERY, b"Dimensions.member.1=x"),
    "list without numbers": (QUERY, b"Dimensions.member.x.Name=y"),
    "endless name": (QUERY, b"." * 5000 + b"=1"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_body_is_malformed_input(name: str) -> None:
    protocol, body = MALFORMED[name]
    assert refusal(protocol, "ListMetrics", body).aws_code == "MalformedInput"


@pytest.mark.parametrize("text", ["", "x", "1_000", "0x10", "1e", "--1"])
def test_number_of_a_form_must_be_one(text: str) -> None:
    body = f"Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Value={text}"
    assert refusal(QUERY, "PutMetricData", body.encode()).aws_code == "MalformedInput"
    body = f"AlarmName=A&EvaluationPeriods={text}&ComparisonOperator=GreaterThanThreshold"
    assert refusal(QUERY, "PutMetricAlarm", body.encode()).aws_code == "MalformedInput"


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1.5, True, "1"])
def test_whole_number_beyond_its_range_is_malformed(value: object) -> None:
    body = orjson.dumps({"AlarmName": "A", "EvaluationPeriods": value, "ComparisonOperator": "GreaterThanThreshold"})
    assert refusal(JSON_1_0, "PutMetricAlarm", body).aws_code == "MalformedInput"


def test_special_numbers_are_read_and_written() -> None:
    body = b"Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Value=NaN"
    data: Any = parse(QUERY, "PutMetricData", body)["MetricData"]
    assert math.isnan(data[0]["Value"])
    shapes = CLOUDWATCH.operation("GetMetricData")
    assert shapes is not None
    result = {"MetricDataResults": [{"Id": "a", "Values": [math.nan, math.inf, -math.inf, 1]}]}
    written = orjson.loads(JSON_1_0.answer(CLOUDWATCH, shapes, result, "i").body)
    assert written["MetricDataResults"][0]["Values"] == ["NaN", "Infinity", "-Infinity", 1.0]
    assert b"<member>-Infinity</member><member>1.0</member>" in QUERY.answer(CLOUDWATCH, shapes, result, "i").body


def test_text_that_xml_cannot_carry_is_replaced() -> None:
    shapes = CLOUDWATCH.operation("DescribeAlarms")
    assert shapes is not None
    result = {"MetricAlarms": [{"AlarmName": 'a\x00<b>&"\r\ufffe'}]}
    assert b'<AlarmName>a\xef\xbf\xbd&lt;b&gt;&amp;"&#13;\xef\xbf\xbd</AlarmName>' in (
        QUERY.answer(CLOUDWATCH, shapes, result, "i").body
    )


def test_unset_members_of_a_result_are_left_out() -> None:
    shapes = CLOUDWATCH.operation("DescribeAlarms")
    assert shapes is not None
    result = {"MetricAlarms": [{"AlarmName": "a", "AlarmDescription": None}], "NextToken": None}
    assert orjson.loads(JSON_1_0.answer(CLOUDWATCH, shapes, result, "i").body) == {"MetricAlarms": [{"AlarmName": "a"}]}


def test_operation_without_result_answers_as_its_protocol_says() -> None:
    shapes = CLOUDWATCH.operation("PutMetricData")
    assert shapes is not None
    assert JSON_1_0.answer(CLOUDWATCH, shapes, None, "i").body == b"{}"
    bare = CBOR.answer(CLOUDWATCH, shapes, None, "i")
    assert (bare.body, bare.content_type, bare.headers) == (b"", None, {"smithy-protocol": "rpc-v2-cbor"})
    assert b"Result" not in QUERY.answer(CLOUDWATCH, shapes, None, "i").body


def test_cbor_timestamps_are_answered_as_tagged_doubles() -> None:
    shapes = CLOUDWATCH.operation("GetMetricData")
    assert shapes is not None
    body = CBOR.answer(CLOUDWATCH, shapes, {"MetricDataResults": [{"Timestamps": [MOMENT]}]}, "i").body
    assert bytes.fromhex("c1fb") in body
