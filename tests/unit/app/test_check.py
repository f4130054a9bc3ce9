from __future__ import annotations

from pathlib import Path

import pytest

from wakeless.app.check import check
from wakeless.aws.clients import AwsClients
from wakeless.remediation.ports import RemediationStore, StoreUnreachable
from wakeless.store.remediations.folder import FolderStore

SCRIPT = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "remediations").mkdir()
    return tmp_path


def found(root: Path, settings: str = "") -> list[str]:
    (root / "wakeless.yaml").write_text(settings)
    problems = check(root / "wakeless.yaml", {})
    return [str(problem).replace(str(root), "").replace("file:///remediations/", "store") for problem in problems]


def put(root: Path, name: str, content: str | bytes = SCRIPT) -> None:
    path = root / "remediations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_good_settings_and_scripts_have_no_problem(root: Path) -> None:
    put(root, "webapp-uptime#CustomNamespace.sh")
    put(root, "CPUUtilization#AWS/EC2.sh")
    put(root, "disk#N.ps1", b"\xef\xbb\xbfWrite-Host hi\r\n")
    put(root, "disk#N.sh")
    put(root, "restart.py", "print()\n")
    put(root, "README.md", "")
    put(root, ".gitkeep", "")
    assert found(root, "rules: [{name: a, script: restart}]\n") == []


def test_everything_is_told_at_once_each_with_its_place(root: Path) -> None:
    put(root, "m#N.sh")
    put(root, "m#N.py", "print()\n")
    put(root, "lost.sh")
    put(root, "typo#N.bash")
    put(root, "a'b#N.sh")
    put(root, "empty#N.sh", "\n")
    put(root, "dos#N.sh", "#!/bin/sh\r\nexit 0\r\n")
    put(root, "bom#N.py", b"\xef\xbb\xbf#!/usr/bin/python3\n")
    put(root, "binary#N.sh", b"\x7fELF\0\0")
    problems = found(root, "rgion: x\nrules:\n  - {name: a, script: gone.sh}\nlog: {level: loud}\n")
    assert problems == [
        "/wakeless.yaml:1:1: rgion: is not a setting (did you mean region?)",
        "/wakeless.yaml:3:23: rules[0].script: is not in store (looked for gone.sh)",
        "/wakeless.yaml:4:14: log.level: must be one of debug, info, warning, error",
        """store: a'b#N.sh: can never be run: the name "a'b#N.sh" has the character U+0027""",
        "store: binary#N.sh: has a NUL: it is not a script",
        "store: bom#N.py: begins with a byte order mark, so its #! line is not seen (save it as UTF-8 without BOM)",
        "store: dos#N.sh: has Windows line ends, so its interpreter is not found (save it with LF line ends)",
        "store: empty#N.sh: is empty",
        "store: lost.sh: is never used: no alarm is called so and no rule names it (call it <metric>#<namespace>)",
        "store: m#N.py: is ambiguous beside m#N.sh: both would run on the same platform",
        "store: typo#N.bash: is called like a remediation but has no known ending (.sh, .ps1, .py)",
    ]


def test_a_rule_that_can_never_decide_is_named(root: Path) -> None:
    put(root, "a.sh")
    (problem,) = found(
        root,
        """\
rules:
  - {name: wide, match: {namespace: "AWS/*"}, script: a.sh}
  - {name: narrow, match: {namespace: AWS/EC2, metric: CPUUtilization}, script: a.sh}
""",
    )
    assert "rules[1].match: can never decide: rules[0] (wide)" in problem


def test_channels_and_key_files_are_looked_at(root: Path) -> None:
    problems = found(
        root,
        """\
targets:
  - {name: web, ssh: {host: h, key_file: missing}}
channels:
  hook: {kind: webhook, url: "http://example.org/hunter2", secret: nonsense}
""",
    )
    assert any("targets[0].ssh.key_file" in problem for problem in problems)
    assert any("channels.hook" in problem for problem in problems)
    assert "hunter2" not in " ".join(problems)


def test_a_store_that_is_not_there_is_a_problem_of_the_setting(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "remediations:\n  store: ./nowhere\n")
    assert problem.startswith("/wakeless.yaml:2:10: remediations.store: the folder")


def test_a_store_that_does_not_answer_is_one_problem_among_the_others(root: Path) -> None:
    class Down(FolderStore):
        async def keys(self) -> list[str]:
            raise StoreUnreachable("timed out")

    def opener(location: str, clients: object) -> RemediationStore:
        return Down(Path(location))

    (root / "wakeless.yaml").write_text("rgion: x\n")
    problems = [str(problem) for problem in check(root / "wakeless.yaml", {}, opener=opener)]
    assert len(problems) == 2
    assert "remediations.store: timed out" in " ".join(problems)


def test_s3_is_asked_with_the_settings_clients(root: Path) -> None:
    made: list[AwsClients] = []

    def opener(location: str, clients: object) -> RemediationStore:
        assert location == "s3://bucket/prefix"
        assert callable(clients)
        made.append(clients())
        return FolderStore(root / "remediations")

    (root / "wakeless.yaml").write_text("remediations: {store: s3://bucket/prefix}\naws: {region: eu-west-1}\n")
    assert check(root / "wakeless.yaml", {}, opener=opener) == []
    assert len(made) == 1


def test_broken_yaml_does_not_hide_the_rest(root: Path) -> None:
    put(root, "lost.sh")
    problems = found(root, "a: [\n")
    assert any("is not YAML" in problem for problem in problems)
    assert any("lost.sh" in problem for problem in problems)


def test_a_broken_store_setting_is_told_once_and_no_other_place_is_searched(root: Path) -> None:
    (problem,) = found(root, "remediations: {store: 'gs://x'}\n")
    assert "remediations.store: must be a folder or s3://bucket/prefix" in problem


def test_the_examples_have_no_problem_but_their_key_files_and_bucket(tmp_path: Path) -> None:
    examples = Path(__file__).parents[3] / "examples"

    def opener(location: str, clients: object) -> RemediationStore:
        (tmp_path / "clean-disk.sh").write_text(SCRIPT)
        (tmp_path / "restart-service.sh").write_text(SCRIPT)
        return FolderStore(tmp_path)

    paths = [problem.path for problem in check(examples / "full.yaml", {}, opener=opener)]
    assert set(paths) <= {
        "targets[0].ssh.key_file",
        "targets[0].ssh.known_hosts",
    }, paths


def test_the_minimal_example_has_no_problem() -> None:
    assert check(Path(__file__).parents[3] / "examples" / "wakeless.yaml", {}) == []
