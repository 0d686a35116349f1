"""The guide to workflows: its definitions have no fault, and its program builds one and is well typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.markdown import ROOT, blocks
from tidewheel.cli.files.yaml_text import documents
from tidewheel.domain.workflows.checks.kinds import WORKS
from tidewheel.domain.workflows.data.conditions import COMPARISONS
from tidewheel.domain.workflows.data.functions import FUNCTIONS, LITERAL
from tidewheel.domain.workflows.rules import Rule
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.workflows.reading import DATA_FIELDS, read_workflow

GUIDE = (ROOT / "shared" / "docs" / "guides" / "workflows.md").read_text()


def test_its_definitions_have_no_fault() -> None:
    found = [document.value for text in blocks(GUIDE, "yaml") for document in documents(text)]
    assert [read_workflow(one).name for one in found] == ["nightly", "release"]


def test_its_program_builds_a_definition_that_can_be_put() -> None:
    (program,) = blocks(GUIDE, "python")
    space: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program, "guide.py", "exec"), space)
    assert len(read_workflow(space["reports"].document()).steps) == 4


def test_its_program_passes_a_strict_type_checker(tmp_path: Path) -> None:
    (program,) = blocks(GUIDE, "python")
    (tmp_path / "guide.py").write_text(program)
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {ROOT / 'shared'}\nfollow_imports = silent\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "guide.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_it_names_all_that_there_is() -> None:
    for name in (*WORKS, *COMPARISONS, *Rule):
        assert f"`{name}`" in GUIDE, name
    for name in (*FUNCTIONS, LITERAL):
        assert f"{{{name}: " in GUIDE, name
    for kind, fields in DATA_FIELDS.items():
        assert f"`{kind}`" in GUIDE
        assert all(f"`{name}`" in GUIDE for name in fields)


def test_it_says_that_nothing_starts_a_workflow_as_long_as_nothing_does() -> None:
    starts = [
        operation for operation in OPERATIONS if operation.path.endswith("/runs") and "workflows" in operation.path
    ]
    assert ("Nothing starts them yet" in GUIDE) == (not starts)
