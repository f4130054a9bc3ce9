"""What every store of remediations does."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from wakeless.remediation.plan import ScriptLanguage
from wakeless.remediation.ports import ScriptChanged, StoreRefused
from wakeless.store.remediations.script import MAX_SCRIPT

KEYS = ("webapp-uptime#CustomNamespace.sh", "webapp-uptime#CustomNamespace.ps1", "webapp-uptime#CustomNamespace.py")
HELLO = b"#!/bin/sh\necho hello\n"


async def test_an_empty_store_has_nothing(shelf: Any) -> None:
    assert list(await shelf.store.find(KEYS)) == []
    assert list(await shelf.store.keys()) == []


async def test_it_finds_those_keys_that_are_there_and_says_what_they_are(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    shelf.put(KEYS[2], b"print('hello')")
    found = await shelf.store.find(KEYS)
    assert [(script.key, script.language) for script in found] == [
        (KEYS[0], ScriptLanguage.SHELL),
        (KEYS[2], ScriptLanguage.PYTHON),
    ]
    assert found[0].sha256 == hashlib.sha256(HELLO).hexdigest()
    assert found[0].uri.startswith(shelf.store.root)
    assert found[0].version


async def test_it_reads_what_it_found(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    (script,) = await shelf.store.find(KEYS)
    assert await shelf.store.read(script) == HELLO


async def test_names_with_folders_and_other_alphabets_work(shelf: Any) -> None:
    keys = ["CPUUtilization#AWS/EC2.sh", "größe#Мой/ストレージ.py", "a b#$(x);&.sh", "disk/used#N.ps1", "m#a+b%20c.sh"]
    for key in keys:
        shelf.put(key, key.encode())
    found = await shelf.store.find(keys)
    assert [script.key for script in found] == keys
    assert [await shelf.store.read(script) for script in found] == [key.encode() for key in keys]
    assert list(await shelf.store.keys()) == sorted(keys)


async def test_the_match_is_exact(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    for near in (
        "Webapp-Uptime#CustomNamespace.sh",
        "webapp-uptime#CustomNamespac.sh",
        "webapp-uptime#customnamespace.sh",
    ):
        assert list(await shelf.store.find([near])) == []


async def test_a_changed_script_is_another_version_and_the_planned_one_is_not_read_as_it(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    (planned,) = await shelf.store.find(KEYS)
    shelf.put(KEYS[0], b"#!/bin/sh\nreboot\n")
    (changed,) = await shelf.store.find(KEYS)
    assert changed.version != planned.version
    if shelf.kind == "s3-versioned":
        assert await shelf.store.read(planned) == HELLO
    else:
        with pytest.raises(ScriptChanged):
            await shelf.store.read(planned)


async def test_a_deleted_script_is_not_found(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    (planned,) = await shelf.store.find(KEYS)
    shelf.delete(KEYS[0])
    assert list(await shelf.store.find(KEYS)) == []
    if shelf.kind != "s3-versioned":
        with pytest.raises(ScriptChanged):
            await shelf.store.read(planned)


async def test_a_script_as_big_as_allowed_is_read_and_a_bigger_one_refused(shelf: Any) -> None:
    shelf.put(KEYS[0], b"#" * MAX_SCRIPT)
    (script,) = await shelf.store.find(KEYS[:1])
    assert len(await shelf.store.read(script)) == MAX_SCRIPT
    shelf.put(KEYS[1], b"#" * (MAX_SCRIPT + 1))
    with pytest.raises(StoreRefused, match="bigger"):
        await shelf.store.find(KEYS[1:2])


@pytest.mark.parametrize("key", ["../x.sh", "/etc/x.sh", "a/../../x.sh", "a\0b.sh", "a\\b.sh", "", ".x.sh", "x" * 2000])
async def test_a_key_that_could_leave_the_store_is_refused_even_if_nobody_checked_it(shelf: Any, key: str) -> None:
    with pytest.raises(StoreRefused):
        await shelf.store.find([key])


async def test_hidden_files_are_nobodys_keys(shelf: Any) -> None:
    shelf.put(".gitkeep", b"")
    shelf.put(".git/config", b"")
    shelf.put("m#N.sh", HELLO)
    assert list(await shelf.store.keys()) == ["m#N.sh"]


async def test_many_ask_at_once(shelf: Any) -> None:
    shelf.put(KEYS[0], HELLO)
    answers = await asyncio.gather(*(shelf.store.find(KEYS) for _ in range(20)))
    assert all([script.key for script in found] == [KEYS[0]] for found in answers)
