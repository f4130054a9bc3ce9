from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from wakeless.doors.aws_api.cloudwatch import cloudwatch
from wakeless.doors.aws_api.sts import sts
from wakeless.monitoring.service import Monitoring

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "aws-api.md"
SERVED = [*cloudwatch(cast(Monitoring, Monitoring)).operations, *sts().operations]


@pytest.mark.parametrize("operation", SERVED)
def test_served_operation_is_documented(operation: str) -> None:
    assert f"`{operation}`" in PAGE.read_text()


def test_operations_that_are_served_exist_in_the_models() -> None:
    for service in (cloudwatch(cast(Monitoring, Monitoring)), sts()):
        assert all(service.shapes.has(operation) for operation in service.operations)
