from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.target import Chosen, Inventory, InventoryTarget, Unplaced, choose, choose_named


def alarm(dimensions: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> Alarm:
    return Alarm(
        source="embedded",
        fingerprint="f",
        dedup_key="d",
        state=AlarmState.ALARM,
        name="n",
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
        dimensions=dimensions or {},
        labels=labels or {},
    )


INVENTORY = Inventory(
    targets=(
        InventoryTarget(name="local"),
        InventoryTarget(name="web-1", match=("i-0abc", "web-1.example.org", "10.0.0.1", "fe80::1")),
        InventoryTarget(name="web-2", match=("i-0def", "web-2*")),
        InventoryTarget(name="any-web", match=("web-*", "i-9*")),
        InventoryTarget(name="db", match=("db-*:5432",)),
    )
)


@pytest.mark.parametrize(
    ("dimensions", "labels", "name"),
    [
        ({"InstanceId": "i-0abc"}, {}, "web-1"),
        ({"InstanceId": "I-0ABC"}, {}, "web-1"),
        ({"InstanceId": "i-999"}, {}, "any-web"),
        ({}, {"instance": "web-1.example.org:9100"}, "web-1"),
        ({}, {"instance": "WEB-1.Example.org"}, "web-1"),
        ({}, {"instance": "10.0.0.1:9100"}, "web-1"),
        ({}, {"instance": "[fe80::1]:9100"}, "web-1"),
        ({}, {"instance": "fe80::1"}, "web-1"),
        ({}, {"instance": "db-7:5432"}, "db"),
        ({}, {"host": "web-77"}, "any-web"),
        ({"Host": "i-0def"}, {}, "web-2"),
        # The surest identity decides.
        ({"InstanceId": "i-0abc"}, {"instance": "web-77:9100"}, "web-1"),
        ({"InstanceId": "i-unknown"}, {"instance": "web-77:9100"}, "any-web"),
    ],
)
def test_the_alarm_names_its_machine(dimensions: dict[str, str], labels: dict[str, str], name: str) -> None:
    found = choose(alarm(dimensions, labels), INVENTORY)
    assert isinstance(found, Chosen)
    assert found.target.name == name
    assert name in found.because


def test_two_targets_that_match_equally_well_are_both_named() -> None:
    found = choose(alarm(labels={"instance": "web-22:9100"}), INVENTORY)
    assert isinstance(found, Unplaced)
    assert found.code == "ambiguous"
    assert "web-2, any-web" in found.because


def test_no_target_says_what_it_looked_for() -> None:
    found = choose(alarm({"InstanceId": "i-5"}, {"instance": "mail:25"}), INVENTORY)
    assert isinstance(found, Unplaced)
    assert found.code == "no_target"
    assert "'i-5'" in found.because
    assert "'mail:25'" in found.because


def test_an_alarm_that_names_no_machine_has_no_target_and_hears_where_we_looked() -> None:
    found = choose(alarm({"path": "/"}), INVENTORY)
    assert isinstance(found, Unplaced)
    assert "dimension InstanceId" in found.because


def test_the_default_target_takes_what_the_inventory_does_not_know() -> None:
    inventory = Inventory(targets=INVENTORY.targets, default="local")
    for one in (alarm(), alarm({"InstanceId": "i-5"})):
        found = choose(one, inventory)
        assert isinstance(found, Chosen)
        assert found.target.name == "local"
    # Two candidates are not "unknown".
    assert isinstance(choose(alarm(labels={"instance": "web-22"}), inventory), Unplaced)


def test_a_rule_names_a_target_or_a_machine() -> None:
    for name, expected in (("db", "db"), ("local", "local"), ("i-0abc", "web-1"), ("10.0.0.1:9100", "web-1")):
        found = choose_named(name, INVENTORY)
        assert isinstance(found, Chosen)
        assert found.target.name == expected
    for name, code in (("mail", "no_target"), ("web-22", "ambiguous"), ("", "no_target"), ("*", "no_target")):
        missing = choose_named(name, INVENTORY)
        assert isinstance(missing, Unplaced)
        assert missing.code == code


def test_globs_are_the_inventorys_alone() -> None:
    assert isinstance(choose(alarm({"InstanceId": "*"}), INVENTORY), Unplaced)
    assert isinstance(choose(alarm({"InstanceId": "i-0ab?"}), INVENTORY), Unplaced)
