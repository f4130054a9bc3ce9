"""Run by old clients in their own environments: what a monitor and an operator do; prints what came back as JSON."""

import datetime
import json
import os
import sys
from typing import Any

import boto3
import botocore
from botocore.exceptions import ClientError

endpoint = os.environ["WAKELESS_ENDPOINT"]
name = sys.argv[1]
cloudwatch = boto3.client("cloudwatch", endpoint_url=endpoint)
sts = boto3.client("sts", endpoint_url=endpoint)
now = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
before = now - datetime.timedelta(minutes=2)
dimensions = [{"Name": "InstanceId", "Value": "i-0abc1234def567890"}]


def code(call: Any, **parameters: Any) -> Any:
    try:
        call(**parameters)
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return None


seen: dict[str, Any] = {"botocore": botocore.__version__, "caller": sts.get_caller_identity()["Arn"]}
cloudwatch.put_metric_data(
    Namespace=name,
    MetricData=[
        {"MetricName": "webapp-uptime", "Dimensions": dimensions, "Timestamp": before, "Value": 0.0, "Unit": "None"}
    ],
)
cloudwatch.put_metric_data(
    Namespace=name,
    MetricData=[
        {
            "MetricName": "many",
            "Dimensions": [{"Name": "n", "Value": str(number)}],
            "Value": number / 2,
            "Timestamp": before,
        }
        for number in range(300)
    ],
)
cloudwatch.put_metric_alarm(
    AlarmName=name,
    Namespace=name,
    MetricName="webapp-uptime",
    Dimensions=dimensions,
    Statistic="Minimum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=1,
    ComparisonOperator="LessThanThreshold",
    TreatMissingData="breaching",
    AlarmActions=["arn:aws:sns:us-east-1:000000000000:topic"],
)
cloudwatch.put_composite_alarm(AlarmName=name + "-all", AlarmRule=f'ALARM("{name}")')
cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
seen["alarm"] = [
    alarm["StateValue"],
    alarm["StateReason"],
    alarm["Threshold"],
    alarm["AlarmActions"],
    alarm["OKActions"],
]
seen["moment is aware"] = alarm["StateUpdatedTimestamp"].tzinfo is not None
seen["composite"] = [
    each["StateValue"]
    for each in cloudwatch.describe_alarms(AlarmNames=[name + "-all"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
]
seen["history"] = [
    item["HistorySummary"]
    for page in cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=name, HistoryItemType="StateUpdate", PaginationConfig={"PageSize": 1}
    )
    for item in page["AlarmHistoryItems"]
]
points = cloudwatch.get_metric_statistics(
    Namespace=name,
    MetricName="webapp-uptime",
    Dimensions=dimensions,
    StartTime=before,
    EndTime=now,
    Period=60,
    Statistics=["Minimum", "SampleCount"],
)["Datapoints"]
seen["points"] = [[point["Timestamp"] == before, point["Minimum"], point["SampleCount"]] for point in points]
stat = {
    "Metric": {"Namespace": name, "MetricName": "webapp-uptime", "Dimensions": dimensions},
    "Period": 60,
    "Stat": "Sum",
}
data = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "a", "MetricStat": stat}], StartTime=before, EndTime=now)
seen["data"] = [[each["Id"], each["Values"], each["StatusCode"]] for each in data["MetricDataResults"]]
seen["metrics"] = sum(
    len(page["Metrics"])
    for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=name, MetricName="many")
)
seen["tags"] = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
seen["errors"] = {
    "ghost": code(cloudwatch.set_alarm_state, AlarmName=name + "-ghost", StateValue="OK", StateReason="r"),
    "bad state": code(cloudwatch.set_alarm_state, AlarmName=name, StateValue="BAD", StateReason="r"),
    "both": code(
        cloudwatch.put_metric_data, Namespace=name, MetricData=[{"MetricName": "m", "Value": 1.0, "Values": [1.0]}]
    ),
    "unit": code(
        cloudwatch.put_metric_data, Namespace=name, MetricData=[{"MetricName": "m", "Value": 1.0, "Unit": "x"}]
    ),
    "token": code(cloudwatch.describe_alarms, NextToken="nonsense"),
    "child": code(cloudwatch.delete_alarms, AlarmNames=[name]),
    "unserved": code(cloudwatch.list_dashboards),
}
cloudwatch.disable_alarm_actions(AlarmNames=[name])
cloudwatch.delete_alarms(AlarmNames=[name + "-all"])
cloudwatch.delete_alarms(AlarmNames=[name])
seen["left"] = len(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"])
json.dump(seen, sys.stdout)
