from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from wakeless.app.settings import Settings
from wakeless.app.settings.reference import _sections_in, render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def every_section() -> Iterator[type[BaseModel]]:
    seen: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [Settings]
    while waiting:
        section = waiting.pop()
        if section not in seen:
            seen.add(section)
            yield section
            for field in section.model_fields.values():
                waiting.extend(_sections_in(field.annotation))


def test_the_page_is_what_the_program_writes() -> None:
    hint = "run: python -m wakeless.app.settings.reference > docs/reference/settings.md"
    assert PAGE.read_text() == render(), hint


@pytest.mark.parametrize("section", list(every_section()), ids=lambda section: section.__name__)
def test_every_setting_says_what_it_means(section: type[BaseModel]) -> None:
    page = PAGE.read_text()
    for name, field in section.model_fields.items():
        assert field.description, f"{section.__name__}.{name} has no description"
        assert field.description.replace("|", "\\|") in page
        assert f"| `{field.alias or name}`" in page


def test_defaults_that_are_inherited_are_shown_with_their_unit() -> None:
    page = PAGE.read_text()
    for row in (
        "| `attempts` | number | `2` |",
        "| `pause` | duration | `1m` |",
        "| `within` | duration | `5m` |",
        "| `cooldown` | duration | `5m` |",
        "| `listen` | host:port | `127.0.0.1:4747` |",
        "| `token`, `token_file` | secret |",
    ):
        assert row in page


def test_every_link_leads_to_a_heading() -> None:
    import re

    page = PAGE.read_text()
    headings = {
        "".join(one for one in line[3:].lower() if one.isalnum() or one in " -_").replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings
