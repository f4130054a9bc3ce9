"""A plan: which remediation, on which target, under which policy, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ScriptLanguage(StrEnum):
    """What a script is written in, by its file name's ending."""

    SHELL = "sh"
    POWERSHELL = "ps1"
    PYTHON = "py"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptRef:
    """One version of one script in a remediation store."""

    #: Key in the store, for example ``webapp-uptime#CustomNamespace.sh``.
    key: str
    language: ScriptLanguage
    #: Where it is, for people: ``file:///…`` or ``s3://bucket/key``.
    uri: str
    #: The store's version of it (S3 VersionId, or ``sha256:…`` for a folder).
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """Who must agree before anything runs."""

    #: Principals or groups that may decide.
    approvers: tuple[str, ...]
    #: How many of them must approve; one denial denies.
    quorum: int = 1
    #: Seconds of silence after which it counts as approved / denied; at most one of the two is set.
    auto_approve_after: float | None = None
    auto_deny_after: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyPolicy:
    """When the alarm counts as fixed."""

    #: Seconds after an attempt in which the alarm must be OK again.
    within: float = 300.0
    #: Seconds it must stay OK.
    steady_for: float = 0.0
    #: Seconds between questions to the source; its own OK message counts at once.
    every: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What automation may do at most; on by default."""

    #: Seconds between the beginnings of two remediations of the same alarm in different incidents.
    cooldown: float = 300.0
    #: The same for one target, whatever the alarm.
    target_cooldown: float = 0.0
    #: Attempts begun per hour under this rule, over all alarms.
    per_hour: int = 20
    #: Attempts of this rule running at the same moment: the blast radius.
    concurrent: int = 5
    #: Attempts running at the same moment on one target, whatever the rule.
    per_target: int = 1
    #: Incidents of the same alarm within `flapping_window` seconds from which on a person is asked instead.
    flapping: int = 5
    flapping_window: float = 3600.0
    #: Seconds that an incident may be held before somebody is told.
    max_hold: float = 900.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Everything that decides how a remediation is run; kept with the incident, so that an edit does not change it."""

    attempts: int = 2
    #: Seconds between a failed attempt and the next.
    pause: float = 60.0
    #: Seconds that one attempt may run.
    timeout: float = 300.0
    approval: Approval | None = None
    verify: VerifyPolicy = field(default_factory=VerifyPolicy)
    limits: Limits = field(default_factory=Limits)
    #: Channel names, told in this order at once; empty means the settings' default channels.
    escalate_to: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done about one alarm."""

    script: ScriptRef
    #: Inventory name of the machine it runs on.
    target: str
    #: The rule's name, or ``by name`` when the file name decided.
    rule: str
    #: Parameters of the rule with values from the alarm; passed as ``WAKELESS_PARAM_<NAME>``.
    parameters: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    #: Why this and nothing else, one sentence each, for `wakeless plan` and the timeline.
    because: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NoPlan:
    """Nothing can be done about the alarm by itself, and why."""

    #: ``not_found``, ``ambiguous``, ``no_target``, ``wrong_platform``, ``unsafe_name``, ``store_unreachable``,
    #: ``store_refused``, ``invalid_parameters``.
    code: str
    reason: str
    #: Every name that was looked for.
    looked_for: tuple[str, ...] = ()
    #: True when looking again later may help (the store did not answer).
    retryable: bool = False
    #: Who is to be told: the matched rule's channels, or empty for the default ones.
    escalate_to: tuple[str, ...] = ()
