from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from wakeless.app.settings import LOCAL_TARGET, Settings, examine, load_settings
from wakeless.app.settings.values import Address
from wakeless.aws.settings import AssumeRole
from wakeless.channels.settings import ConsoleSettings, SmtpSettings, WebhookSettings
from wakeless.core.errors import InvalidInput
from wakeless.core.secret import Secret
from wakeless.execution import ports
from wakeless.remediation import target
from wakeless.remediation.plan import Limits, Policy, VerifyPolicy
from wakeless.remediation.schedule import Once, Weekly
from wakeless.targets.settings import LocalSettings, SshSettings, Sudo

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wakeless.yaml"


def load(file: Path, text: str, **env: str) -> Settings:
    file.write_text(text)
    return load_settings(file, env)


def refused(file: Path, text: str, **env: str) -> list[str]:
    """Return the problems as `line:column path: message (hint)`."""
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_settings(file, env)
    assert str(file) in str(caught.value)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def test_no_file_at_all_is_a_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, {})
    assert settings.listen == Address("127.0.0.1", 4747)
    assert settings.public_url == "http://127.0.0.1:4747"
    assert settings.data_dir == tmp_path / "wakeless-data"
    assert (settings.account, settings.region) == ("000000000000", "us-east-1")
    assert settings.remediations.store == str(tmp_path / "remediations")
    assert [one.name for one in settings.all_targets] == [LOCAL_TARGET]
    assert list(settings.all_channels) == ["console"]
    assert settings.default_policy() == Policy()
    assert settings.connections() == (LocalSettings(name="local", runs_root=tmp_path / "wakeless-data" / "runs"),)


def test_a_file_in_the_working_directory_is_read_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wakeless.yaml").write_text("region: eu-west-1\n")
    assert load_settings(None, {}).region == "eu-west-1"


@pytest.mark.parametrize("name", ["wakeless.yaml", "full.yaml"])
def test_the_examples_are_valid(name: str) -> None:
    assert examine(EXAMPLES / name, {}).problems == ()


def test_the_full_example_uses_every_section() -> None:
    settings = load_settings(EXAMPLES / "full.yaml", {})
    assert set(Settings.model_fields) == settings.model_fields_set


def test_paths_start_at_the_files_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    empty = load(file, "region: eu-west-1\n")
    assert empty.data_dir == file.parent / "wakeless-data"
    assert empty.remediations.store == str(file.parent / "remediations")
    given = load(file, "data_dir: ../data\nremediations: {store: /srv/scripts}\n")
    assert given.data_dir == file.parent / "../data"
    assert given.remediations.store == "/srv/scripts"
    assert load(file, "remediations: {store: 's3://bucket-1/a/b/'}\n").remediations.store == "s3://bucket-1/a/b"


def test_an_unknown_key_names_the_nearest_known_one_and_its_place(file: Path) -> None:
    found = refused(file, "regoin: x\ntargets:\n  - name: web\n    ssh: {hots: h, host: h}\nlog: {colour: red}\n")
    assert found == [
        "1:1: regoin: is not a setting (did you mean region?)",
        "4:11: targets[0].ssh.hots: is not a setting (did you mean host?)",
        "5:7: log.colour: is not a setting (known here: format, level)",
    ]


def test_every_problem_is_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    found = refused(
        file,
        """\
listen: everywhere
account: 12
region: Frankfurt
remediations: {store: "gs://bucket", by_name: perhaps}
rules:
  - name: a
    attempts: 0
    pause: 5 parsecs
    parameters: {1st: x}
  - match: {metric: []}
channels:
  pager: {kind: pigeon}
  mail: {kind: smtp, host: h, from: a@example.org, to: []}
  "bad name!": {kind: console}
principals:
  - {name: bob, may: [reed]}
maintenance:
  - {name: m, days: [someday], time: 25:00-26:00}
log: {level: loud}
targets: {name: x}
""",
    )
    assert [one.partition(": ")[0] for one in found] == sorted(
        (one.partition(": ")[0] for one in found), key=lambda place: tuple(map(int, place.split(":")))
    )
    paths = [one.split(": ")[1] for one in found]
    assert paths == [
        "listen",
        "account",
        "region",
        "remediations.store",
        "remediations.by_name",
        "rules[0].attempts",
        "rules[0].pause",
        "rules[0].parameters.1st",
        "rules[1].name",
        "channels.pager.kind",
        "channels.mail.to",
        "channels.bad name!",
        "principals[0].may[0]",
        "maintenance[0].days",
        "maintenance[0].time",
        "log.level",
        "targets",
    ]
    assert "must be one of send, read, operate, approve, admin (did you mean read?)" in " ".join(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "must be keys and values"),
        ("just text\n", "must be keys and values"),
        ("a: [\n", "is not YAML"),
        ("targets: [{name: a}]\n", "needs exactly one of `local` and `ssh`"),
        ("targets: [{name: a, local: {}, ssh: {host: h}}]\n", "needs exactly one of `local` and `ssh`"),
        ("targets: [{name: a, local: {}}, {name: b, local: {}}]\n", "is the same machine as targets[0]"),
        ("targets: [{name: a, local: {}}, {name: a, ssh: {host: h}}]\n", "is the name of targets[0] already"),
        ("targets: [{name: a, ssh: {host: h, sudo: 'x; y'}}]\n", "must be true, false or the name of a user"),
        ("default_target: web\n", "names no target"),
        ("escalate_to: [consol]\n", "names no channel (did you mean console?)"),
        ("rules: [{name: a, escalate_to: pager}]\n", "names no channel"),
        ("rules: [{name: a, target: web}]\n", "names no target"),
        ("rules: [{name: a, script: ../x.sh}]\n", "begins with a dot"),
        ("rules: [{name: a, target: '{{ alarm.nope }}'}]\n", "there is no alarm.nope"),
        ("rules: [{name: a, parameters: {p: '{{ x }}'}}]\n", "only {{ alarm.… }} can be used"),
        ("rules: [{name: a, parameters: {p: x, P: y}}]\n", "only by its case"),
        ("rules: [{name: a}, {name: b}]\n", "ambiguous"),
        ("rules: [{name: a, match: {metric: x}}, {name: a}]\n", "is the name of rules[0] already"),
        ("rules: [{name: a, approval: {approvers: x, auto_approve_after: 1m, auto_deny_after: 1m}}]\n", "silence"),
        ("rules: [{name: a, approval: {}}]\n", "approvers: is required"),
        ("access_keys: [{id: AKIAIOSFODNN7EXAMPLE, secret: s, principal: bob}]\n", "names no principal"),
        ("access_keys: [{id: short, secret: s}]\n", "16 to 128"),
        ("principals: [{name: a, token: t}, {name: b, token: t}]\n", "another principal's token"),
        ("maintenance: [{name: m}]\n", "needs either both"),
        ("maintenance: [{name: m, from: 2026-01-02, to: 2026-01-01}]\n", "must end after it begins"),
        ("maintenance: [{name: m, from: soon, to: 2026-01-01}]\n", "must be a date and time"),
        ("maintenance: [{name: m, days: [mon], time: 1:00-2:00, timezone: Mars/Base}]\n", "must be a time zone"),
        ("base_url: ftp://x\n", "must be a URL"),
        ("base_url: https://user:hunter2@x\n", "must be a URL"),
        ("channels: {x: {}}\n", "needs a kind"),
        ("channels: {x: }\n", ""),
        ("monitoring: {evaluation_delay: -1}\n", "must be a duration"),
        ("defaults: {verify: {within: 0}}\n", "must be more than 0"),
        ("listen: 127.0.0.1:99999\n", "must be host:port"),
    ],
)
def test_what_does_not_fit_is_refused_in_plain_words(file: Path, text: str, words: str) -> None:
    found = refused(file, text)
    assert len(found) == 1
    assert words in found[0]


def test_a_quorum_that_nobody_can_reach_is_refused(file: Path) -> None:
    principals = "principals: [{name: a, groups: [ops], may: [approve]}, {name: b, groups: [ops]}]\n"
    (found,) = refused(file, principals + "rules: [{name: r, approval: {approvers: [ops], quorum: 2}}]\n")
    assert "can never be reached" in found
    (found,) = refused(file, principals + "defaults: {approval: {approvers: [opps]}}\n".replace("opps", "a, opps"))
    assert "names no principal and no group" in found
    assert load(file, principals + "defaults: {approval: {approvers: ops}}\n").default_policy().approval is not None


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_problem_and_not_a_traceback(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(tmp_path / name, {})
    assert "cannot be read" in str(caught.value.problems[0])


def test_bytes_that_are_not_text_are_a_problem(file: Path) -> None:
    file.write_bytes(b"region: \xff\xfe")
    with pytest.raises(InvalidInput) as caught:
        load_settings(file, {})
    assert "UTF-8" in str(caught.value.problems[0])
    file.write_bytes(b"\xef\xbb\xbfregion: eu-west-1\n")
    assert load_settings(file, {}).region == "eu-west-1"


def test_defaults_are_inherited_value_by_value(file: Path) -> None:
    settings = load(
        file,
        """\
defaults: {attempts: 3, pause: 10s, verify: {within: 1m, every: 1s}, limits: {cooldown: 0}, approval: {approvers: ops}}
rules:
  - {name: a, match: {metric: a}, attempts: 1, verify: {within: 2m}, limits: {per_hour: 7}}
  - {name: b, match: {metric: b}, approval: {approvers: []}, escalate_to: console}
""",
    )
    first, second = settings.remediation_rules()
    assert (first.policy.attempts, first.policy.pause, first.policy.timeout) == (1, 10.0, 300.0)
    assert first.policy.verify == VerifyPolicy(within=120.0, steady_for=0.0, every=1.0)
    assert (first.policy.limits.cooldown, first.policy.limits.per_hour, first.policy.limits.concurrent) == (0.0, 7, 5)
    assert first.policy.approval is not None
    assert second.policy.approval is None
    assert second.policy.escalate_to == ("console",)
    assert settings.default_policy().attempts == 3


def test_every_value_of_a_policy_can_be_set(file: Path) -> None:
    from wakeless.app.settings.policy import LimitsSettings, RuleSettings, VerifySettings

    assert set(LimitsSettings.model_fields) == {one.name for one in fields(Limits)}
    assert set(VerifySettings.model_fields) == {one.name for one in fields(VerifyPolicy)}
    assert {one.name for one in fields(Policy)} <= set(RuleSettings.model_fields)


def test_targets_become_connections_and_an_inventory(file: Path) -> None:
    settings = load(
        file,
        """\
targets:
  - {name: here, local: }
  - name: web
    match: i-1
    ssh: {host: h, port: 2222, user: u, key_file: k, agent: no, host_key: SHA256:x, sudo: yes, jump: {host: j}}
  - {name: win, match: [i-2, "win-*"], platform: windows, ssh: {host: w, sudo: deploy, known_hosts: ~/hosts}}
""",
    )
    here, web, win = settings.connections()
    assert isinstance(here, LocalSettings)
    assert isinstance(web, SshSettings)
    assert isinstance(win, SshSettings)
    assert (web.server.host, web.server.port, web.server.user, web.server.agent) == ("h", 2222, "u", False)
    assert web.server.key_files == (file.parent / "k",)
    assert web.jump is not None
    assert web.sudo == Sudo(user="root")
    assert win.sudo == Sudo(user="deploy")
    assert win.platform is ports.Platform.WINDOWS
    assert win.server.known_hosts == Path("~/hosts").expanduser()
    inventory = settings.inventory()
    assert [one.name for one in inventory.targets] == ["here", "web", "win"]
    assert inventory.targets[2].match == ("i-2", "win-*")


def test_the_platforms_of_planning_and_of_running_are_the_same() -> None:
    assert [one.value for one in target.Platform] == [one.value for one in ports.Platform]


def test_channels_become_what_they_are_built_from(file: Path) -> None:
    settings = load(
        file,
        """\
channels:
  mail: {kind: smtp, host: h, from: a@example.org, to: "x@example.org, y@example.org", security: tls, password: p}
  hook: {kind: webhook, url: https://example.org/h, secret: whsec_a, secrets: [whsec_b], headers: {X-Key: k}}
""",
    )
    records = {name: channel.record() for name, channel in settings.all_channels.items()}
    assert records["console"] == ConsoleSettings()
    mail, hook = records["mail"], records["hook"]
    assert isinstance(mail, SmtpSettings)
    assert isinstance(hook, WebhookSettings)
    assert mail.to == ("x@example.org", "y@example.org")
    assert mail.password == Secret("p")
    assert hook.secrets == (Secret("whsec_a"), Secret("whsec_b"))
    assert hook.headers == {"X-Key": Secret("k")}


def test_aws_becomes_a_connection(file: Path) -> None:
    settings = load(
        file, "aws: {role_arn: r, external_id: e, endpoints: {s3: 'http://127.0.0.1:9000/'}, ca_bundle: ca}\n"
    )
    record = settings.aws.record()
    assert record.assume_role == AssumeRole(arn="r", external_id=Secret("e"))
    assert record.endpoints == {"s3": "http://127.0.0.1:9000"}
    assert record.ca_bundle == str(file.parent / "ca")


def test_maintenance_becomes_windows(file: Path) -> None:
    settings = load(
        file,
        """\
maintenance:
  - {name: once, from: 2026-03-07T22:00, to: "2026-03-08T02:00+00:00", timezone: Europe/Berlin, targets: db-*}
  - {name: weekly, days: "Sat, sunday", time: 22:00-24:00, match: {metric: cpu}}
""",
    )
    once, weekly = settings.windows()
    assert once.when == Once(
        begins_at=datetime(2026, 3, 7, 21, tzinfo=UTC), ends_at=datetime(2026, 3, 8, 2, tzinfo=UTC)
    )
    assert once.targets == ("db-*",)
    assert weekly.when == Weekly(days=frozenset({5, 6}), begins=time(22), ends=time(0), timezone="UTC")
    assert weekly.match.metric == ("cpu",)


def test_a_secret_may_stand_in_a_file(file: Path) -> None:
    (file.parent / "token").write_text("s3cret\n")
    settings = load(file, "principals: [{name: a, token_file: token}]\n")
    assert settings.principals[0].token == Secret("s3cret")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("principals: [{name: a, token_file: missing}]\n", "missing cannot be read: No such file"),
        ("principals: [{name: a, token_file: .}]\n", "cannot be read: Is a directory"),
        ("principals: [{name: a, token_file: empty}]\n", "must not be empty"),
        ("principals: [{name: a, token_file: binary}]\n", "it is not text"),
        ("principals: [{name: a, token_file: [x]}]\n", "must be the path of a file"),
        ("principals: [{name: a, token: x, token_file: empty}]\n", "is given twice"),
        ("principals: [{name: a, token: ''}]\n", "must not be empty"),
        ("principals: [{name: a, token: [hunter2]}]\n", "must be text"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named(file: Path, text: str, words: str) -> None:
    (file.parent / "empty").write_text("\n")
    (file.parent / "binary").write_bytes(b"\xff\xfe")
    (found,) = refused(file, text)
    assert words in found
    assert "hunter2" not in found


def test_no_secret_is_ever_printed(file: Path) -> None:
    settings = load(
        file,
        """\
principals: [{name: a, token: hunter2}]
access_keys: [{id: AKIAIOSFODNN7EXAMPLE, secret: hunter2}]
channels:
  mail: {kind: smtp, host: h, from: a@example.org, to: b@example.org, username: u, password: hunter2}
  hook: {kind: webhook, url: "https://example.org/hunter2", secrets: [hunter2], headers: {X: hunter2}}
sources: {sns: {path_secret: hunter2}, alertmanager: {token: hunter2, password: hunter2}}
targets: [{name: w, ssh: {host: h, passphrase: hunter2}}]
aws: {external_id: hunter2}
""",
    )
    for text in (str(settings), repr(settings), repr(settings.model_dump()), repr(settings.connections())):
        assert "hunter2" not in text
        assert "***" in text
    for channel in settings.channels.values():
        assert "hunter2" not in repr(channel.record())


SLIPS = [
    "principals: [{name: a, token: hunter2, tokn: hunter2}]\n",
    "principals: hunter2\n",
    "principals: [hunter2]\n",
    "log: {level: hunter2}\n",
    "listen: hunter2\n",
    "targets: [{name: a, ssh: {host: h, port: hunter2}}]\n",
    "channels: {x: hunter2}\n",
    "channels: {x: {kind: hunter2}}\n",
    "defaults: {pause: hunter2, attempts: hunter2}\n",
    "account: hunter2\n",
    "hunter3: hunter2\n",
    "maintenance: [{name: m, days: hunter2, time: hunter2, from: hunter2, timezone: hunter2}]\n",
]


@pytest.mark.parametrize("text", SLIPS)
def test_a_secret_in_the_wrong_place_is_not_repeated(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_settings(file, {})
    error: Any = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__
    assert all("hunter2" not in str(problem) for problem in caught.value.problems)


def test_settings_cannot_be_changed(file: Path) -> None:
    settings = load(file, "region: eu-west-1\n")
    with pytest.raises(ValueError, match="frozen"):
        settings.region = "eu-west-2"
