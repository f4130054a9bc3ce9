"""`wakeless check`: everything wrong with the settings and the remediations, at once, starting nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from wakeless.app.settings import Settings, examine
from wakeless.app.settings.load import Examined, Places
from wakeless.app.settings.model import AwsSettings, RemediationsSettings
from wakeless.app.settings.yaml_text import Raw
from wakeless.aws.clients import AwsClients
from wakeless.channels import build as channels
from wakeless.core.errors import WakelessError
from wakeless.core.problems import Problem
from wakeless.remediation.catalogue import UnsafeName, candidates, check_key, language_of, lint
from wakeless.remediation.match import covers
from wakeless.remediation.plan import ScriptLanguage, ScriptRef
from wakeless.remediation.ports import RemediationStore
from wakeless.store.remediations.choose import open_store

#: Scripts that are read at the same moment.
_AT_ONCE = 8

StoreOpener = Callable[[str, Callable[[], AwsClients]], RemediationStore]


def check(path: Path | None, env: Mapping[str, str], *, opener: StoreOpener = open_store) -> list[Problem]:
    """Return everything wrong with the settings at ``path`` (None: as `load_settings`) and with their remediations.

    Lists the store and reads its scripts, also from S3; connects to nothing else. Call it outside of an event loop.
    """
    examined = examine(path, env)
    problems = list(examined.problems)
    if examined.settings is not None:
        problems += _channels(examined.settings, examined.places)
        problems += _targets(examined.settings, examined.places)
        problems += _shadowed(examined.settings, examined.places)
    source = _store_settings(examined)
    if source is not None:
        problems += asyncio.run(_store(source, examined.places, opener))
    return sorted(set(problems))


def _channels(settings: Settings, places: Places) -> Iterator[Problem]:
    for name, channel in settings.channels.items():
        for problem in channels.check(name, channel.record()):
            field = problem.path.removeprefix(name).removeprefix(".").partition("[")[0]
            yield places.problem(("channels", name, *([field] if field else [])), problem.message, problem.hint)


def _targets(settings: Settings, places: Places) -> Iterator[Problem]:
    for position, target in enumerate(settings.targets):
        if target.ssh is None:
            continue
        path = ("targets", position, "ssh")
        files = [("key_file", file) for file in target.ssh.key_file]
        if target.ssh.known_hosts is not None:
            files.append(("known_hosts", target.ssh.known_hosts))
        for key, file in files:
            if not os.access(file, os.R_OK):
                yield places.problem((*path, key), f"{file} cannot be read")


def _shadowed(settings: Settings, places: Places) -> Iterator[Problem]:
    rules = settings.remediation_rules()
    for position, rule in enumerate(rules):
        for earlier, before in enumerate(rules[:position]):
            if before.match != rule.match and covers(before.match, rule.match):
                message = f"can never decide: rules[{earlier}] ({before.name}) matches all its alarms and comes first"
                yield places.problem(("rules", position, "match"), message, "put the narrower rule first")
                break


@dataclass(frozen=True, slots=True)
class _StoreSettings:
    """What can be known of the store, even when other settings are wrong."""

    remediations: RemediationsSettings
    aws: AwsSettings
    #: Each rule's script, by the rule's position.
    scripts: Mapping[int, str]


def _store_settings(examined: Examined) -> _StoreSettings | None:
    raw = examined.raw
    context = {"base": examined.base}
    try:
        return _StoreSettings(
            RemediationsSettings.model_validate(raw.get("remediations") or {}, context=context),
            AwsSettings.model_validate(raw.get("aws") or {}, context=context),
            _scripts(raw.get("rules")),
        )
    except ValidationError:
        # Named already, with its place.
        return None


def _scripts(rules: Raw) -> dict[int, str]:
    listed = enumerate(rules if isinstance(rules, list) else [])
    named = {position: rule.get("script") for position, rule in listed if isinstance(rule, dict)}
    return {position: script for position, script in named.items() if isinstance(script, str) and script}


async def _store(source: _StoreSettings, places: Places, opener: StoreOpener) -> list[Problem]:
    clients: list[AwsClients] = []

    def make_clients() -> AwsClients:
        clients.append(AwsClients(source.aws.record()))
        return clients[0]

    try:
        store = opener(source.remediations.store, make_clients)
        keys = await store.keys()
        problems = [
            Problem(store.root, 0, 0, finding.key, finding.message, finding.hint)
            for finding in lint(keys, source.scripts.values(), by_name=source.remediations.by_name)
        ]
        problems += _missing(source, places, keys, store.root)
        problems += await _contents(store, [key for key in keys if language_of(key) is not None and _is_safe(key)])
    except WakelessError as error:
        problems = [places.problem(("remediations", "store"), str(error))]
    finally:
        for one in clients:
            one.close()
    return problems


def _missing(source: _StoreSettings, places: Places, keys: Sequence[str], root: str) -> Iterator[Problem]:
    there = frozenset(keys)
    for position, script in source.scripts.items():
        try:
            wanted = candidates(script)
        except UnsafeName:
            continue  # named already
        if not there.intersection(wanted):
            yield places.problem(("rules", position, "script"), f"is not in {root}", f"looked for {', '.join(wanted)}")


async def _contents(store: RemediationStore, keys: Sequence[str]) -> list[Problem]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> list[Problem]:
        async with turns:
            try:
                found = await store.find([key])
                words = [word for script in found for word in _script_words(script, await store.read(script))]
            except WakelessError as error:
                words = [(str(error), "")]
        return [Problem(store.root, 0, 0, key, message, hint) for message, hint in words]

    return [problem for found in await asyncio.gather(*(one(key) for key in keys)) for problem in found]


def _is_safe(key: str) -> bool:
    try:
        check_key(key)
    except UnsafeName:
        return False  # named already
    return True


def _script_words(script: ScriptRef, content: bytes) -> Iterator[tuple[str, str]]:
    if not content.strip():
        yield "is empty", ""
    if b"\0" in content:
        yield "has a NUL: it is not a script", ""
    if script.language is not ScriptLanguage.POWERSHELL:
        if content.startswith(b"\xef\xbb\xbf"):
            yield "begins with a byte order mark, so its #! line is not seen", "save it as UTF-8 without BOM"
        if b"\r\n" in content.partition(b"\n")[0] + b"\n":
            yield "has Windows line ends, so its interpreter is not found", "save it with LF line ends"
