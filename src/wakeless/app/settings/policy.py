"""The ``rules`` and ``defaults`` sections: what to do about which alarms, and how carefully."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

from pydantic import Field, model_validator

from wakeless.app.settings.values import GlobList, NameList, PositiveSeconds, Seconds, Section, Text, shaped
from wakeless.remediation.plan import Approval, Limits, Policy, VerifyPolicy
from wakeless.remediation.rule import Match, Rule

_ParameterName = Annotated[
    str,
    shaped(
        "[A-Za-z_][A-Za-z0-9_]{0,127}",
        "must be the name of a parameter: letters, digits and underscores, not beginning with a digit",
    ),
]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]


class MatchSettings(Section):
    """What an alarm must look like. Each value is a glob or a list of globs; every key that is given must match."""

    source: GlobList = Field(default=(), description="`embedded`, `cloudwatch`, `alertmanager`.")
    namespace: GlobList = Field(default=(), description="The metric's namespace.")
    metric: GlobList = Field(default=(), description="The metric's name.")
    alarm: GlobList = Field(default=(), description="The alarm's name; Alertmanager's `alertname`.")
    reason: GlobList = Field(default=(), description="The source's own words for why.")
    dimensions: dict[Text, GlobList] = Field(default={}, description="Dimension name to globs over its value.")
    labels: dict[Text, GlobList] = Field(default={}, description="Label name to globs over its value.")

    def record(self) -> Match:
        """Return what `wakeless.remediation` matches with."""
        return Match(
            source=self.source,
            namespace=self.namespace,
            metric=self.metric,
            alarm=self.alarm,
            reason=self.reason,
            dimensions=self.dimensions,
            labels=self.labels,
        )


class ApprovalSettings(Section):
    """Who must agree before anything runs."""

    approvers: NameList = Field(
        description="Principals or groups that may decide. An empty list asks nobody, against the defaults."
    )
    quorum: _Count = Field(default=1, description="How many of them must approve; one denial denies.")
    auto_approve_after: PositiveSeconds | None = Field(
        default=None, description="Silence of that long approves. Unset: never."
    )
    auto_deny_after: PositiveSeconds | None = Field(
        default=None, description="Silence of that long denies. Unset: never."
    )

    @model_validator(mode="after")
    def _one_meaning_of_silence(self) -> ApprovalSettings:
        if self.auto_approve_after is not None and self.auto_deny_after is not None:
            raise ValueError("silence either approves or denies: set one of `auto_approve_after` and `auto_deny_after`")
        return self

    def record(self) -> Approval | None:
        """Return what the pipeline asks by, or None when nobody is asked."""
        if not self.approvers:
            return None
        return Approval(
            approvers=self.approvers,
            quorum=self.quorum,
            auto_approve_after=self.auto_approve_after,
            auto_deny_after=self.auto_deny_after,
        )


class VerifySettings(Section):
    """When the alarm counts as fixed."""

    within: PositiveSeconds | None = Field(
        default=None, description="How soon after an attempt the alarm must be OK again."
    )
    steady_for: Seconds | None = Field(default=None, description="How long it must stay OK.")
    every: PositiveSeconds | None = Field(
        default=None, description="Time between questions to the source; its own OK message counts at once."
    )


class LimitsSettings(Section):
    """What automation may do at most."""

    cooldown: Seconds | None = Field(
        default=None,
        description="Least time between the beginnings of two remediations of the same alarm in different incidents.",
    )
    target_cooldown: Seconds | None = Field(default=None, description="The same for one target, whatever the alarm.")
    per_hour: _Count | None = Field(
        default=None, description="Attempts begun in an hour under this rule, over all alarms."
    )
    concurrent: _Count | None = Field(default=None, description="Attempts of this rule running at the same moment.")
    per_target: _Count | None = Field(
        default=None, description="Attempts running at the same moment on one target, whatever the rule."
    )
    flapping: _Count | None = Field(
        default=None,
        description="Incidents of the same alarm within `flapping_window` from which on a person is asked instead.",
    )
    flapping_window: PositiveSeconds | None = Field(default=None, description="The window for `flapping`.")
    max_hold: Seconds | None = Field(
        default=None, description="How long an incident may be held before somebody is told."
    )


class PolicySettings(Section):
    """How carefully a remediation is run; a rule inherits each value it does not give from `defaults`."""

    attempts: Annotated[int, Field(ge=1, le=100)] | None = Field(default=None, description="How often it is tried.")
    pause: Seconds | None = Field(default=None, description="Time between a failed attempt and the next.")
    timeout: PositiveSeconds | None = Field(
        default=None, description="How long one attempt may run; then it is killed."
    )
    approval: ApprovalSettings | None = Field(default=None, description="Who must agree first. Unset: nobody.")
    verify: VerifySettings = Field(default=VerifySettings(), description="When the alarm counts as fixed.")
    limits: LimitsSettings = Field(default=LimitsSettings(), description="What automation may do at most.")


class DefaultsSettings(PolicySettings):
    """The policy of scripts found by name, and of rules where they say nothing."""


class RuleSettings(PolicySettings):
    """What to do about the alarms that match."""

    name: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="Its name in plans, incidents and logs."
    )
    match: MatchSettings = Field(default=MatchSettings(), description="Which alarms it is for. Unset: all.")
    script: Text | None = Field(
        default=None,
        description="Key of the script in the store. Without an ending, the target's platform picks `.sh` or `.ps1`, "
        "or it is `.py`. Unset: the script is found by the alarm's name.",
    )
    parameters: dict[_ParameterName, str] = Field(
        default={}, description="Passed as `WAKELESS_PARAM_<NAME>`; may hold `{{ alarm.… }}`."
    )
    target: Text | None = Field(
        default=None, description="Name of a target; may hold `{{ alarm.… }}`. Unset: the inventory decides."
    )
    escalate_to: NameList = Field(default=(), description="Channels to tell. Unset: the top-level `escalate_to`.")

    def record(self, defaults: PolicySettings) -> Rule:
        """Return the rule with everything it inherits."""
        return Rule(
            name=self.name,
            match=self.match.record(),
            script=self.script,
            parameters=self.parameters,
            target=self.target,
            policy=policy((self, defaults), self.escalate_to),
        )


def policy(layers: Sequence[PolicySettings], escalate_to: tuple[str, ...] = ()) -> Policy:
    """Return the policy of the first layer that says something, value by value; then the built-in one."""
    approvals = [layer.approval for layer in layers if layer.approval is not None]
    return Policy(
        **_given(layers, ("attempts", "pause", "timeout")),
        approval=approvals[0].record() if approvals else None,
        verify=VerifyPolicy(**_given([layer.verify for layer in layers], [one.name for one in fields(VerifyPolicy)])),
        limits=Limits(**_given([layer.limits for layer in layers], [one.name for one in fields(Limits)])),
        escalate_to=escalate_to,
    )


def _given(layers: Sequence[Section], names: Sequence[str]) -> dict[str, Any]:
    """Return the first value that is not None for each name; names that nobody gives are left out."""
    given: dict[str, Any] = {}
    for name in names:
        for layer in layers:
            value = getattr(layer, name)
            if value is not None:
                given[name] = value
                break
    return given
