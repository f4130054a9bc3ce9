"""Run by a boto3 of any age in its own environment: one call of CloudWatch a line, and a line of JSON for each answer.

In:  {"call": "put_metric_data", "arguments": {...}}     out: {"answer": {...}} or {"error": "..."}
"""

import json
import os
import sys
from typing import Any

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

cloudwatch = boto3.client("cloudwatch", endpoint_url=os.environ["WAKELESS_ENDPOINT"])
print(json.dumps({"answer": botocore.__version__}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    said: dict[str, Any]
    try:
        said = {"answer": getattr(cloudwatch, order["call"])(**order["arguments"])}
    except (BotoCoreError, ClientError) as error:
        said = {"error": str(error)}
    print(json.dumps(said, default=str), flush=True)
