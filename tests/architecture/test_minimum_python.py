"""What came within a minor version of Python, so that type checker and linter do not miss it in the oldest we run on.

They know Python by its minor version alone; Debian 12 has 3.11.2.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.markdown import ROOT

ROOMS = ("functions", "infra", "localstack", "shared", "tests")
ARGUMENTS = {
    "extractall": {"filter"},  # 3.11.4
    "extract": {"filter"},
    "unpack_archive": {"filter"},
    "TarFile": {"extraction_filter"},
    "getaddresses": {"strict"},  # 3.11.10
    "parseaddr": {"strict"},
    "EmailPolicy": {"verify_generated_headers"},
}
NAMES = {
    "data_filter",  # 3.11.4
    "tar_filter",
    "fully_trusted_filter",
    "extraction_filter",
    "SetReparseDeferralEnabled",  # 3.11.9
    "GetReparseDeferralEnabled",
}


def too_new(tree: ast.AST) -> Iterator[str]:
    """What a module uses that 3.11.2 lacks."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), keywords=given):
                newer = ARGUMENTS.get(name, set()) & {one.arg for one in given}
                yield from (f"{name}({argument}=)" for argument in newer)
            case ast.Attribute(attr=name) | ast.alias(name=name) if name in NAMES:
                yield name


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from (file for file in (ROOT / room).rglob("*.py") if "node_modules" not in file.parts)


def test_nothing_uses_what_the_oldest_supported_python_lacks() -> None:
    found = {str(file): names for file in _modules() if (names := list(too_new(ast.parse(file.read_text()))))}
    assert found == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('packed.extractall(folder, filter="data")', "extractall(filter=)"),
        ('shutil.unpack_archive(a, b, filter="data")', "unpack_archive(filter=)"),
        ("from tarfile import data_filter", "data_filter"),
        ("tarfile.data_filter(entry, folder)", "data_filter"),
        ("getaddresses(lines, strict=False)", "getaddresses(strict=)"),
    ],
)
def test_what_is_too_new_is_found(text: str, found: str) -> None:
    assert list(too_new(ast.parse(text))) == [found]


def test_what_is_old_enough_is_left_alone() -> None:
    assert list(too_new(ast.parse("archive.extractall(folder)\nfilter(None, zip(a, b, strict=True))"))) == []


def test_the_oldest_python_is_the_one_that_is_promised() -> None:
    assert re.search(r'^requires-python = ">=3\.11"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
