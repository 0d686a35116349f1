"""The tutorial's shell blocks, in order and in one shell, on what is deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from localstack import pool
from localstack.places import Places
from tests.support.machine import slowness
from tests.support.markdown import ROOT, blocks

TUTORIAL = ROOT / "shared" / "docs" / "tutorial.md"
WITHIN_S = 360


MAKE = """#!/bin/sh
# What `make up TASKS=...` does to a stack that runs: the pool's worker is started with these settings.
[ "$1" = up ] || exit 1
shift
exec env "$@" PYTHONPATH={root}:{root}/shared {python} -c 'if True:
    from pathlib import Path
    from localstack import pool
    from localstack.places import Places
    pool.ensure(Places(own=Path("{folder}")), "{endpoint}")'
"""


def _script() -> str:
    """All blocks but those that start and stop the local stack: here it is the tier's own."""
    return "\n".join(block for block in blocks(TUTORIAL.read_text()) if block.strip() not in {"make up", "make down"})


@pytest.fixture
def path(stack, tmp_path):
    """Where the tutorial's programs are found; the worker that it starts ends with the test."""
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text(MAKE.format(root=ROOT, python=sys.executable, folder=stack.folder, endpoint=stack.outputs.endpoint))
    make.chmod(0o755)
    yield os.pathsep.join([str(make.parent), os.environ["PATH"]])
    pool.stop(Places(own=stack.folder))


def test_the_tutorial_works(stack, tmp_path, path):
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "outputs.json").write_text(json.dumps(asdict(stack.outputs)))
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    run = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", _script()],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S * slowness(),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "the run ended without success" in run.stdout
    assert "1 redriven" in run.stdout
    assert "writing the report of eu" in run.stdout
    assert "Set tutorial: 1 unchanged." in run.stdout
