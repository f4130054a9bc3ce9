"""A rule of the settings: which alarms it is for, and what is to be done about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wakeless.remediation.plan import Policy

#: Globs of which one must match. Empty means: not asked.
Globs = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """What an alarm must look like; every condition that is given must hold.

    A condition is a tuple of globs (``*``, ``?``, ``[abc]``, case-sensitive, ``*`` crosses ``/``) of which one must
    match the whole value. A condition on something the alarm does not have fails.
    """

    #: ``embedded``, ``cloudwatch``, ``alertmanager``, ….
    source: Globs = ()
    namespace: Globs = ()
    metric: Globs = ()
    #: The alarm's name.
    alarm: Globs = ()
    #: The source's own words for why it is in this state.
    reason: Globs = ()
    dimensions: Mapping[str, Globs] = field(default_factory=dict)
    labels: Mapping[str, Globs] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing and so matches every alarm."""
        return not (
            self.source or self.namespace or self.metric or self.alarm or self.reason or self.dimensions or self.labels
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What is to be done about the alarms that match; rules are tried in order and the first that matches decides."""

    name: str
    match: Match
    #: Key in the remediation store, with or without its ending; None finds the script by the alarm's name.
    script: str | None = None
    #: Name to text or template, for example ``{{ alarm.dimensions.InstanceId }}``.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: Inventory name or template; None asks the inventory which target the alarm is about.
    target: str | None = None
    policy: Policy = field(default_factory=Policy)
