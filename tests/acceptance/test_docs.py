"""What the docs say is true: links lead somewhere, references are complete, and the README's commands run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from wakeless.app.settings import examine

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("library/*.md")])
SOURCE = ROOT / "src" / "wakeless"


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", without_code(page.read_text()))
        waiting += [(page.parent / link).resolve() for link in links if not re.match(r"[a-z]+:", link)]
    decisions = set((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert set(PAGES) - seen - decisions == set()


def test_the_picture_is_well_formed_and_says_what_it_shows() -> None:
    picture = ET.parse(ROOT / "docs" / "how-it-works.svg").getroot()  # our own file
    assert picture.find("{http://www.w3.org/2000/svg}desc") is not None


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def test_every_script_that_the_readme_names_is_there_and_can_be_run() -> None:
    named = {
        word for line in shell_lines(ROOT / "README.md") for word in line.split()[:1] if word.startswith("script/")
    }
    assert {"script/demo", "script/test"} <= named
    for name in named:
        assert (ROOT / name).stat().st_mode & 0o111, name
        subprocess.run(["sh", "-n", name], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_wakeless_command_in_a_page_is_one_that_there_is(page: Path) -> None:
    """Each is asked for its help, and every option that the page gives it must be in there."""
    for line in shell_lines(page):
        if not re.match(r"\S*\bwakeless ", line):
            continue
        words = shlex.split(line, comments=True)
        names = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
        options = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
        while names:
            command = [sys.executable, "-m", "wakeless", *names, "--help"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
            names.pop()  # the last word was an argument
        else:
            command = [sys.executable, "-m", "wakeless", "--help"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert options, line
        said = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))
        assert options <= said, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_piece_of_settings_in_a_page_is_accepted(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```|^cat > wakeless\.yaml <<'END'\n(.*?)^END$", page.read_text(), re.M | re.S)
    for number, block in enumerate(first or second for first, second in blocks):
        if block.startswith("# alertmanager.yml"):
            continue
        for name in re.findall(r"/etc/wakeless/([\w.-]+)", block):
            (tmp_path / name).write_text("a secret")
        file = tmp_path / f"{number}.yaml"
        file.write_text(block.replace("/etc/wakeless", str(tmp_path)))
        # Pages show parts of a file: a rule may name a target that stands elsewhere. All else must be right.
        examined = examine(file, {})
        assert examined.settings is not None, examined.problems


def test_every_exit_status_is_in_the_reference() -> None:
    from wakeless.doors.cli.exits import Exit

    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == set(Exit)


def test_every_command_is_in_the_reference() -> None:
    from typer.main import get_command

    from wakeless.doors.cli.main import app

    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    root = get_command(app)
    for name, command in getattr(root, "commands").items():  # noqa: B009 - a group has it, a command has not
        for inner in getattr(command, "commands", {"": None}):
            words = f"{name} {inner}".strip().replace("alarms send", "alarm send")
            assert words in page or words == "alarm list", words


def test_every_kind_of_timeline_entry_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "timeline.md").read_text()
    listed = set(re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", page, re.MULTILINE))
    noted: set[str] = set()
    for path in [SOURCE / "pipeline" / "machine.py", *(SOURCE / "app").glob("*.py")]:
        noted |= set(re.findall(r"(?:draft\.note\(\s*|kind=)\"([a-z]+\.[a-z]+)\"", path.read_text()))
    noted |= {"message.failed", "message.delayed"} & set(
        re.findall(r"message\.\w+", (SOURCE / "app/courier.py").read_text())
    )
    assert len(noted) > 15
    assert listed == noted


def test_every_address_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "http-api.md").read_text()
    routes = (SOURCE / "doors" / "http_api" / "routes.py").read_text()
    for path in re.findall(r"route\(\"(/[^\"]*)\"", routes):
        shown = re.sub(r"\{\w*secret\}", "SECRET", path)
        assert f" {re.sub(r'{[^}]*}', 'ID', shown)}`" in page, path


def test_every_variable_that_a_script_gets_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "environment.md").read_text()
    code = (SOURCE / "remediation" / "environment.py").read_text()
    facts = re.findall(r"^        \"([A-Z_]+)\": ", code, re.MULTILINE)
    assert len(facts) > 12
    for name in [*facts, *re.findall(r"_family\(\"([A-Z_]+_)\"", code)]:
        assert f"WAKELESS_{name}" in page, name
