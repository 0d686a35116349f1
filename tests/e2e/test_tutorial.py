"""The tutorial's shell blocks, in order and in one shell, on what is deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.support.machine import slowness
from tests.support.markdown import ROOT, blocks

TUTORIAL = ROOT / "shared" / "docs" / "tutorial.md"
WITHIN_S = 180


def _script() -> str:
    """All blocks but those that start and stop the local stack: here it is the tier's own."""
    return "\n".join(block for block in blocks(TUTORIAL.read_text()) if not block.startswith("make "))


def test_the_tutorial_works(stack, tmp_path):
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "outputs.json").write_text(json.dumps(asdict(stack.outputs)))
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    run = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", _script()],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S * slowness(),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "the run ended without success" in run.stdout
    assert "1 redriven" in run.stdout
