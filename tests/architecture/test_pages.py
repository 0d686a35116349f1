"""The pages say what is so: links lead somewhere, generated pages follow the code, commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.support.markdown import ROOT, anchors, blocks, broken, links, pages
from tests.support.pages import PAGES, REFERENCE
from tidewheel.cli.app import app

DOCS = ROOT / "shared" / "docs"
README_LINES = 120
PACKAGE_ROOMS = ("domain", "ports", "engine", "adapters", "wire", "client", "cli", "wiring")
TREE_ROOMS = ("functions", "infra", "localstack", "shared", "tests")
PAGES_IN_TREE = pages()
IDS = [str(page.relative_to(ROOT)) for page in PAGES_IN_TREE]


@pytest.mark.parametrize("page", PAGES_IN_TREE, ids=IDS)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken([page])) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python -m tests.support.pages"


def test_the_index_names_every_page() -> None:
    named = {(ROOT / "shared" / link).resolve() for link in links((ROOT / "shared" / "README.md").read_text())}
    assert set(DOCS.rglob("*.md")) <= named


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES_IN_TREE, ids=IDS)
def test_make_targets_and_commands_exist(page: Path) -> None:
    assert list(unknown(page.read_text(encoding="utf-8"))) == []


def unknown(text: str) -> Iterator[str]:
    """The lines of shell blocks that name a make target, a command or an option that is not there."""
    for line in (line for block in blocks(text) for line in block.replace("\\\n", " ").splitlines()):
        for called in re.findall(r"(?:^|&& |\$\()((?:make|tidewheel) [^|)&]*)", line.strip()):
            words = shlex.split(called, comments=True)
            known = _is_target(words[1]) if words[0] == "make" else _is_command(words[1:])
            if not known:
                yield line


def _is_target(name: str) -> bool:
    return re.search(rf"^{re.escape(name)}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None


def _is_command(words: list[str]) -> bool:
    command: Any = typer.main.get_command(app)
    options = set(_options(command))
    for word in words:
        below = getattr(command, "commands", {})
        if word in below:
            command = below[word]
            options |= set(_options(command))
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    return not hasattr(command, "commands") and given <= options


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts


@pytest.mark.parametrize("page", PAGES_IN_TREE, ids=IDS)
def test_modules_that_a_page_names_exist(page: Path) -> None:
    assert list(unknown_modules(page.read_text(encoding="utf-8"), ROOT)) == []


def unknown_modules(text: str, root: Path) -> Iterator[str]:
    """What a page names, in code, as a file or folder of the tree, and that is not there."""
    tops = "|".join((*PACKAGE_ROOMS, *TREE_ROOMS))
    for name in re.findall(rf"`((?:{tops})/[\w/.]+)`", text):
        base = root / "shared" / "tidewheel" if name.partition("/")[0] in PACKAGE_ROOMS else root
        if not any((base / one).exists() for one in (name, f"{name}.py")):
            yield name


def test_an_unknown_module_is_found() -> None:
    text = "`domain/limits`, `engine/nowhere`, `tests/unit`, `shared/docs/gone.md`, domain/nothing, `wire/x.<kind>`"
    assert list(unknown_modules(text, ROOT)) == ["engine/nowhere", "shared/docs/gone.md"]


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A `b` heading, of 2\n\n## Again\n\n## Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[1](there.md#a-b-heading-of-2) [2](there.md#again-1) [3](gone.md) [4](there.md#gone) [5](#gone)\n"
        "[6](https://example.com/gone) `[7](gone)`\n\n```sh\n# [8](gone)\n```\n"
    )
    assert [found.removeprefix(f"{page}: ") for found in broken([page])] == [
        "gone.md: no such file",
        "there.md#gone: no such heading",
        "#gone: no such heading",
    ]


def test_headings_in_code_are_none() -> None:
    assert anchors("# One\n\n```sh\n# two\n```\n") == {"one"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("make up", False),
        ("ENGINE=x make nothing", False),  # only what the line begins with is looked at
        ("make nothing", True),
        ("tidewheel jobs list --json", False),
        ("tidewheel jobs", True),
        ("tidewheel jobs nothing", True),
        ("JOB=$(tidewheel jobs create --nothing x --json | field id)", True),
        ("tidewheel jobs edit J --every 1m && tidewheel jobs stop J", True),
        ("tidewheel --url x jobs create --file job.json", False),
        ("tidewheel logs E -f || echo no", False),
    ],
)
def test_an_unknown_command_is_found(line: str, *, found: bool) -> None:
    assert list(unknown(f"```sh\n{line}\n```\n")) == ([line] if found else [])
