"""Everything that ``wakeless.yaml`` may say: one class a section, one field a key.

The descriptions here are what docs/reference/settings.md prints; a test keeps the two alike.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from wakeless.app.settings.channels import ChannelSettings, ConsoleChannel
from wakeless.app.settings.policy import DefaultsSettings, MatchSettings, RuleSettings, policy
from wakeless.app.settings.targets import TargetSettings
from wakeless.app.settings.values import (
    Address,
    FilePath,
    GlobList,
    ListenAddress,
    Moment,
    Name,
    NameList,
    Seconds,
    SecretText,
    Section,
    Store,
    Text,
    TimeZone,
    Url,
    WallHours,
    WeekDays,
    listed,
    shaped,
    utc,
)
from wakeless.aws.settings import AssumeRole
from wakeless.aws.settings import AwsSettings as AwsConnection
from wakeless.remediation.plan import Policy
from wakeless.remediation.rule import Rule
from wakeless.remediation.schedule import Once, Weekly, Window
from wakeless.remediation.target import Inventory
from wakeless.targets.settings import LocalSettings, SshSettings

#: The machine Wakeless runs on, where no target of the inventory is.
LOCAL_TARGET = "local"


class RemediationsSettings(Section):
    """Where the scripts are."""

    store: Store = Field(
        default="./remediations",
        validate_default=True,
        description="A folder, or `s3://bucket/prefix`. A relative folder starts at the settings file's.",
    )
    by_name: bool = Field(
        default=True,
        description="Whether a script named `<metric>#<namespace>.sh`, `.ps1` or `.py` is found without any rule.",
    )


class Permission(StrEnum):
    """What a principal may do."""

    SEND = "send"
    READ = "read"
    OPERATE = "operate"
    APPROVE = "approve"
    ADMIN = "admin"


class PrincipalSettings(Section):
    """Somebody, or some program, that may use Wakeless."""

    name: Name = Field(description="The name that decisions are recorded under.")
    token: SecretText | None = Field(default=None, description="What it sends as `Authorization: Bearer …`.")
    groups: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        default=(), description="Groups it belongs to; rules name them as approvers."
    )
    may: Annotated[tuple[Permission, ...], BeforeValidator(listed)] = Field(
        default=(Permission.READ,),
        description="`send`: send alarms. `read`: look. `operate`: retry, cancel and close, look and send. `approve`: "
        "decide approvals it is named for, and look. `admin`: all of these, and the kill switch.",
    )


class AccessKeySettings(Section):
    """A pair that AWS clients sign their requests with."""

    id: Annotated[str, shaped("[A-Za-z0-9_]{16,128}", "must be 16 to 128 letters, digits or underscores")] = Field(
        description="The access key id: 16 to 128 letters, digits or underscores."
    )
    secret: SecretText = Field(description="The secret access key.")
    principal: Name | None = Field(default=None, description="Whose it is: the name of one of the `principals`.")


class SnsSettings(Section):
    """Alarms from CloudWatch by way of an SNS topic."""

    topics: GlobList = Field(
        default=(),
        description="Topic ARNs or globs whose messages are accepted. Empty: every topic while `listen` is a loopback "
        "address, none otherwise.",
    )
    path_secret: SecretText | None = Field(
        default=None,
        description="A word that must end the subscription's URL (`/v1/sns/<word>`); needed for raw message delivery.",
    )


class EventBridgeSettings(Section):
    """Alarms from CloudWatch by way of an EventBridge API destination."""

    token: SecretText | None = Field(
        default=None, description="What EventBridge must send as `Authorization: Bearer …`."
    )


class AlertmanagerSettings(Section):
    """Alerts from Prometheus Alertmanager."""

    token: SecretText | None = Field(
        default=None, description="What Alertmanager must send as `Authorization: Bearer …`."
    )
    url: Url | None = Field(
        default=None,
        description="Its API, asked whether an alert still fires. Unset: only its resolve message ends an incident.",
    )
    username: Text | None = Field(default=None, description="For the API, when it asks for a name.")
    password: SecretText | None = Field(default=None, description="For the API, when it asks for a password.")


class SourcesSettings(Section):
    """Where alarms come from, besides Wakeless's own evaluator."""

    sns: SnsSettings = Field(default=SnsSettings(), description="CloudWatch alarms through SNS.")
    eventbridge: EventBridgeSettings = Field(
        default=EventBridgeSettings(), description="CloudWatch alarms through EventBridge."
    )
    alertmanager: AlertmanagerSettings = Field(
        default=AlertmanagerSettings(), description="Prometheus Alertmanager's webhook."
    )


class MonitoringSettings(Section):
    """Wakeless's own metrics and alarms, as CloudWatch has them."""

    evaluation_delay: Seconds = Field(
        default=10.0,
        description="How long after the end of a period an alarm is evaluated, so that late datapoints count.",
    )
    allow_aws_namespaces: bool = Field(
        default=False,
        description="Whether `PutMetricData` may write to namespaces that begin with `AWS/`; CloudWatch refuses it.",
    )


class AwsSettings(Section):
    """How Wakeless itself reaches AWS, or a stand-in for it."""

    region: Text | None = Field(
        default=None, description="Region of AWS calls. Unset: the SDK's own choice, else us-east-1."
    )
    profile: Text | None = Field(default=None, description="Profile of the shared AWS configuration.")
    role_arn: Text | None = Field(default=None, description="Role to assume before every other call.")
    external_id: SecretText | None = Field(default=None, description="External id for assuming the role.")
    endpoint_url: Url | None = Field(default=None, description="Address that stands in for all of AWS.")
    endpoints: dict[Text, Url] = Field(
        default={}, description="Address by service (`s3`, `ssm`, `sts`, …); stronger than `endpoint_url`."
    )
    ca_bundle: FilePath | None = Field(
        default=None, description="Certificates to trust instead of the usual authorities; PEM."
    )

    def record(self) -> AwsConnection:
        """Return what AWS clients are made from."""
        role = AssumeRole(arn=self.role_arn, external_id=self.external_id) if self.role_arn else None
        return AwsConnection(
            region=self.region,
            profile=self.profile,
            endpoint_url=self.endpoint_url,
            endpoints=self.endpoints,
            assume_role=role,
            ca_bundle=str(self.ca_bundle) if self.ca_bundle else None,
        )


class MaintenanceSettings(Section):
    """A time in which automation keeps its hands off: once (`from`, `to`) or every week (`days`, `time`)."""

    name: Text = Field(description="What it is for; shown on the incidents it holds.")
    begins: Moment | None = Field(default=None, alias="from", description="When a single window begins.")
    ends: Moment | None = Field(default=None, alias="to", description="When a single window ends.")
    days: WeekDays | None = Field(
        default=None, description="Days on which a weekly window begins, for example `[sat, sun]`."
    )
    time: WallHours | None = Field(
        default=None,
        description="Its hours by the wall clock, for example `22:00-04:00`; past midnight if the end is not later.",
    )
    timezone: TimeZone = Field(default="UTC", description="Time zone of all these, for example `Europe/Berlin`.")
    match: MatchSettings = Field(default=MatchSettings(), description="Alarms it is for, as in a rule. Unset: all.")
    targets: GlobList = Field(default=(), description="Targets (names or globs) it is for. Unset: all.")

    @model_validator(mode="after")
    def _once_or_weekly(self) -> MaintenanceSettings:
        once, weekly = (self.begins, self.ends), (self.days, self.time)
        if not (None not in once and weekly == (None, None)) and not (None not in weekly and once == (None, None)):
            raise ValueError("needs either both `from` and `to`, or both `days` and `time`")
        if self.begins and self.ends and utc(self.ends, self.timezone) <= utc(self.begins, self.timezone):
            raise ValueError("must end after it begins")
        return self

    def window(self) -> Window:
        """Return the record that the guard reads."""
        when: Once | Weekly
        if self.days is not None and self.time is not None:
            when = Weekly(days=self.days, begins=self.time.begins, ends=self.time.ends, timezone=self.timezone)
        else:
            assert self.begins is not None
            assert self.ends is not None
            when = Once(begins_at=utc(self.begins, self.timezone), ends_at=utc(self.ends, self.timezone))
        return Window(name=self.name, when=when, match=self.match.record(), targets=self.targets)


class LogSettings(Section):
    """What Wakeless says about itself, on stderr."""

    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`auto` is `text` on a terminal and `json` elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is said.")


class Settings(Section):
    """Everything at the top of ``wakeless.yaml``."""

    listen: ListenAddress = Field(
        default=Address("127.0.0.1", 4747), description="Address that `wakeless serve` listens on, `host:port`."
    )
    base_url: Url | None = Field(
        default=None, description="How people and other programs reach it, for links. Unset: `http://` and `listen`."
    )
    data_dir: FilePath = Field(
        default=Path("wakeless-data"),
        validate_default=True,
        description="Folder of the journal, the metrics and the outputs. Relative: from the settings file's folder.",
    )
    account: Annotated[str, shaped("[0-9]{12}", "must be twelve digits")] = Field(
        default="000000000000", description="The account id in the ARNs of Wakeless's own alarms."
    )
    region: Annotated[str, shaped("[a-z]{2}(-[a-z]+)+-[0-9]+", "must be a region such as eu-central-1")] = Field(
        default="us-east-1", description="The region in the ARNs of Wakeless's own alarms."
    )
    remediations: RemediationsSettings = Field(
        default_factory=RemediationsSettings, description="Where the scripts are."
    )
    targets: tuple[TargetSettings, ...] = Field(
        default=(),
        description="The inventory: machines that remediations run on. Where none is this machine, `local` is.",
    )
    default_target: Name | None = Field(
        default=None,
        description="Target of alarms that name no machine of the inventory. Unset: such alarms go to people.",
    )
    rules: tuple[RuleSettings, ...] = Field(
        default=(), description="What to do about which alarms; the first that matches decides."
    )
    defaults: DefaultsSettings = Field(
        default=DefaultsSettings(), description="What rules do not say, and scripts found by name."
    )
    channels: dict[Name, ChannelSettings] = Field(
        default={}, description="Ways to reach people, by name. `console` is always there."
    )
    escalate_to: NameList = Field(default=("console",), description="Channels that are told when a rule names none.")
    principals: tuple[PrincipalSettings, ...] = Field(default=(), description="Who may use the HTTP API.")
    access_keys: tuple[AccessKeySettings, ...] = Field(
        default=(), description="Keys for AWS clients. With any, unsigned requests are refused."
    )
    sources: SourcesSettings = Field(default=SourcesSettings(), description="Where alarms come from.")
    monitoring: MonitoringSettings = Field(
        default=MonitoringSettings(), description="Wakeless's own metrics and alarms."
    )
    aws: AwsSettings = Field(default=AwsSettings(), description="How Wakeless reaches AWS.")
    maintenance: tuple[MaintenanceSettings, ...] = Field(
        default=(), description="Times in which nothing runs by itself."
    )
    log: LogSettings = Field(default=LogSettings(), description="What Wakeless says about itself.")

    @property
    def public_url(self) -> str:
        """Return `base_url`, or the address it listens on."""
        return self.base_url or f"http://{self.listen}"

    @property
    def all_targets(self) -> tuple[TargetSettings, ...]:
        """Return the targets, and `local` where none is this machine or has that name."""
        if any(target.local is not None or target.name == LOCAL_TARGET for target in self.targets):
            return self.targets
        return (*self.targets, TargetSettings.this_machine(LOCAL_TARGET))

    @property
    def all_channels(self) -> dict[str, ChannelSettings]:
        """Return the channels by name, and `console` where none has that name."""
        return {"console": ConsoleChannel(kind="console")} | self.channels

    def default_policy(self) -> Policy:
        """Return the policy of scripts that are found by name."""
        return policy((self.defaults,))

    def remediation_rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order, each with everything it inherits."""
        return tuple(rule.record(self.defaults) for rule in self.rules)

    def inventory(self) -> Inventory:
        """Return what `wakeless.remediation` knows of the targets."""
        return Inventory(targets=tuple(target.record() for target in self.all_targets), default=self.default_target)

    def connections(self) -> tuple[LocalSettings | SshSettings, ...]:
        """Return what the targets are built from; at most one of them is this machine."""
        return tuple(target.connection(self.data_dir) for target in self.all_targets)

    def windows(self) -> tuple[Window, ...]:
        """Return the maintenance windows that the guard reads."""
        return tuple(window.window() for window in self.maintenance)
