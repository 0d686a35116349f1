"""What lies where: the top of the tree, the purity of the domain, the size of a handler."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "shared" / "tidewheel" / "domain"
TOP = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "cdk.json",
    "functions",
    "infra",
    "localstack",
    "pyproject.toml",
    "shared",
    "tests",
    "uv.lock",
}
IMPURE = {"asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "sys", "threading"}
IMPURE |= {"time", "uuid", "warnings", "concurrent", "multiprocessing"}
CLOCKS = {"now", "utcnow", "today"}
WORLDLY = {"open", "print", "input", "exec", "eval", "__import__"}
ALLOWED = {"croniter"}
"""The one package that the domain stands on: it walks cron fields, which nobody should write anew; what it reads
otherwise than Debian's cron the domain corrects or refuses."""

HANDLER_LINES = 60


def impurities(tree: ast.AST) -> Iterator[str]:
    """What a module does that depends on more than its arguments."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if not _pure(alias.name))
            case ast.ImportFrom(module=module, names=names, level=0):
                if not _pure(module or ""):
                    yield str(module)
            case ast.ImportFrom():
                yield "a relative import"
            case ast.Attribute(attr=attr, value=value) if attr in CLOCKS:
                yield f"{ast.unparse(value)}.{attr}"
            case ast.Name(id=name) if name in WORLDLY:
                yield name


def _pure(module: str) -> bool:
    top = module.partition(".")[0]
    if top == "tidewheel":
        return module == "tidewheel.domain" or module.startswith("tidewheel.domain.")
    return top in ALLOWED or (top in sys.stdlib_module_names and top not in IMPURE)


def test_the_top_level_holds_what_the_house_has_and_no_more() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {line.partition("/")[0] for line in tracked.splitlines()}
    assert found - TOP == set()
    assert {"cdk.json", "pyproject.toml", "infra", "functions", "shared", "localstack", "tests"} <= found


@pytest.mark.parametrize("path", sorted(DOMAIN.glob("**/*.py")), ids=lambda path: path.stem)
def test_the_domain_depends_on_its_arguments_alone(path: Path) -> None:
    assert list(impurities(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import os\nX = os.environ", "os"),
        ("from os import environ", "os"),
        ("import logging.handlers", "logging.handlers"),
        ("from time import monotonic", "time"),
        ("from datetime import datetime\ndatetime.now()", "datetime.now"),
        ("import datetime\ndatetime.date.today()", "datetime.date.today"),
        ("def f():\n    import random", "random"),
        ("import httpx", "httpx"),
        ("from tidewheel.ports import Clock", "tidewheel.ports"),
        ("from tidewheel import ports", "tidewheel"),
        ("from . import limits", "a relative import"),
        ("print(1)", "print"),
    ],
)
def test_an_impurity_would_be_seen(text: str, found: str) -> None:
    assert list(impurities(ast.parse(text))) == [found]


def test_handlers_are_thin() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in ROOT.glob("functions/*/handler.py")}
    assert len(sizes) >= 5
    assert [str(path) for path, lines in sizes.items() if lines >= HANDLER_LINES] == []
