from __future__ import annotations

from pathlib import Path

import pytest

from wakeless.app.settings import Settings, load_settings
from wakeless.core.errors import InvalidInput
from wakeless.core.secret import Secret
from wakeless.remediation.environment import is_script_variable

FILE = """\
region: eu-west-1
remediations: {store: ./scripts}
targets:
  - {name: web-1, ssh: {host: h}}
channels:
  on-call: {kind: smtp, host: h, from: a@example.org, to: b@example.org, password: old}
principals:
  - {name: alice, token_file: /nowhere}
  - {name: bob, token: t}
access_keys:
  - {id: AKIAIOSFODNN7EXAMPLE, secret: s}
rules:
  - {name: restart, script: a.sh}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "wakeless.yaml"
    path.write_text(FILE)
    return path


def load(file: Path, **env: str) -> Settings:
    return load_settings(file, {"WAKELESS_PRINCIPALS__ALICE__TOKEN": "a"} | env)


def refused(file: Path, **env: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(file, **env)
    return [str(problem) for problem in caught.value.problems]


def test_the_environment_is_stronger_than_the_file(file: Path) -> None:
    assert load(file).region == "eu-west-1"
    assert load(file, WAKELESS_REGION="us-west-2").region == "us-west-2"
    assert load(file, WAKELESS_REGION="").region == "eu-west-1"
    assert load(file, WAKELESS_LISTEN="0.0.0.0:80").listen.port == 80


def test_two_underscores_go_one_level_deeper(file: Path) -> None:
    settings = load(file, WAKELESS_REMEDIATIONS__BY_NAME="no", WAKELESS_AWS__ENDPOINTS__S3="http://127.0.0.1:9000")
    assert not settings.remediations.by_name
    assert settings.remediations.store.endswith("scripts")
    assert settings.aws.endpoints == {"s3": "http://127.0.0.1:9000"}


def test_entries_are_named_by_position_or_name(file: Path) -> None:
    settings = load(
        file,
        WAKELESS_TARGETS__0__SSH__PORT="2222",
        WAKELESS_TARGETS__WEB_1__SSH__USER="deploy",
        WAKELESS_CHANNELS__ON_CALL__HOST="smtp",
        WAKELESS_RULES__RESTART__ATTEMPTS="5",
        WAKELESS_ACCESS_KEYS__AKIAIOSFODNN7EXAMPLE__SECRET="new",
        WAKELESS_PRINCIPALS__2__NAME="carol",
        WAKELESS_PRINCIPALS__2__MAY="read,operate",
    )
    ssh = settings.targets[0].ssh
    assert ssh is not None
    assert (ssh.port, ssh.user) == (2222, "deploy")
    assert settings.channels["on-call"].record() is not None
    assert settings.rules[0].attempts == 5
    assert settings.access_keys[0].secret == Secret("new")
    assert settings.principals[2].name == "carol"


def test_lists_and_mappings_are_written_as_json_or_yaml(file: Path) -> None:
    settings = load(
        file,
        WAKELESS_TARGETS='[{"name": "db", "match": ["i-9"], "ssh": {"host": "d"}}]',
        WAKELESS_ESCALATE_TO="console, on-call",
        WAKELESS_RULES__RESTART__MATCH="{metric: [cpu, disk]}",
    )
    assert [one.name for one in settings.targets] == ["db"]
    assert settings.escalate_to == ("console", "on-call")
    assert settings.rules[0].match.metric == ("cpu", "disk")


def test_new_sections_and_entries_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "wakeless.yaml"
    path.write_text("")
    settings = load_settings(
        path,
        {
            "WAKELESS_CHANNELS__PAGER__KIND": "webhook",
            "WAKELESS_CHANNELS__PAGER__URL": "https://example.org/h",
            "WAKELESS_TARGETS__0__NAME": "web",
            "WAKELESS_TARGETS__0__SSH__HOST": "h",
            "WAKELESS_SOURCES__SNS__TOPICS": "arn:aws:sns:eu-west-1:1:t",
        },
    )
    assert list(settings.channels) == ["pager"]
    assert settings.targets[0].name == "web"
    assert settings.sources.sns.topics == ("arn:aws:sns:eu-west-1:1:t",)


def test_a_secret_comes_as_text_or_from_a_file_and_replaces_either(file: Path) -> None:
    secret = file.parent / "secret"
    secret.write_text("from-file\n")
    settings = load(
        file,
        WAKELESS_CHANNELS__ON_CALL__PASSWORD_FILE=str(secret),
        WAKELESS_PRINCIPALS__BOB__TOKEN_FILE="secret",
    )
    assert settings.principals[0].token == Secret("a")
    assert settings.principals[1].token == Secret("from-file")
    both = refused(file, WAKELESS_PRINCIPALS__BOB__TOKEN="x", WAKELESS_PRINCIPALS__BOB__TOKEN_FILE="secret")
    assert "given twice" in both[0]


def test_a_secret_that_looks_like_a_list_stays_text(file: Path) -> None:
    settings = load(file, WAKELESS_PRINCIPALS__BOB__TOKEN="[x]", WAKELESS_CHANNELS__ON_CALL__PASSWORD="{y: z}")
    assert settings.principals[1].token == Secret("[x]")


def test_a_problem_names_the_variable(file: Path) -> None:
    assert refused(file, WAKELESS_LOG__LEVEL="loud", WAKELESS_RULES__RESTART__PAUSE="soon") == [
        "environment variable WAKELESS_LOG__LEVEL: log.level: must be one of debug, info, warning, error",
        "environment variable WAKELESS_RULES__RESTART__PAUSE: rules[0].pause: must be a duration such as 30s, 5m, "
        "1h30m, PT10M, or a number of seconds",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WAKELESS_LISTN", "WAKELESS_LISTEN"),
        ("WAKELESS_LOG_LEVEL", "WAKELESS_LOG__LEVEL"),
        ("WAKELESS_REMEDIATIONS_STORE", "WAKELESS_REMEDIATIONS__STORE"),
        ("WAKELESS_LOGS__LEVEL", "WAKELESS_LOG__LEVEL"),
    ],
)
def test_a_slip_of_the_pen_is_told(file: Path, name: str, hint: str) -> None:
    (found,) = refused(file, **{name: "x"})
    assert f"{name}: is not a setting" in found
    assert f"did you mean {hint}?" in found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("WAKELESS_LOG__COLOUR", "log.colour: is not a setting"),
        ("WAKELESS_PRINCIPALS__ZOE__TOKEN", "names no entry"),
        ("WAKELESS_PRINCIPALS__7__TOKEN", "names no entry"),
        ("WAKELESS_REGION__X", "region: must be text"),
        ("WAKELESS_TARGETS", "targets: must be a list"),
    ],
)
def test_a_variable_that_leads_nowhere_is_told(file: Path, name: str, words: str) -> None:
    assert words in " ".join(refused(file, **{name: "x"}))


@pytest.mark.parametrize(
    "name",
    [
        "WAKELESS_SERVICE_HOST",
        "WAKELESS_PORT",
        "WAKELESS_PORT_4747_TCP_ADDR",
        "WAKELESS_TOKEN",
        "WAKELESS_TOKEN_FILE",
        "WAKELESS_SERVER",
        "WAKELESS_CONFIG",
        "WAKELESS_RULE",
        "WAKELESS_TARGET",
        "WAKELESS_DIMENSION__X",
        "WAKELESS_ALARM_REGION",
        "PATH",
    ],
)
def test_what_other_programs_and_scripts_are_told_is_left_alone(file: Path, name: str) -> None:
    assert load(file, **{name: "tcp://10.0.0.1:4747"}).region == "eu-west-1"


def test_no_setting_is_called_like_what_a_script_is_told() -> None:
    assert not [name for name in Settings.model_fields if is_script_variable(f"WAKELESS_{name.upper()}")]


@pytest.mark.parametrize("value", ["[hunter2", "{a: !hunter2 x}", "{a: *hunter2}", "[" * 5000])
def test_broken_yaml_in_a_variable_is_told_and_not_repeated(file: Path, value: str) -> None:
    found = refused(file, WAKELESS_ESCALATE_TO=value)
    assert found[0].startswith("environment variable WAKELESS_ESCALATE_TO")
    assert "hunter2" not in found[0]
