"""Files of jobs, applied by the program to what is deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidewheel.client import Client

PROGRAM = Path(sys.executable).with_name("tidewheel")
JOBS = 60


@pytest.fixture
def tidewheel(stack: Any, client: Client, tmp_path: Path) -> Any:
    """Runs the program; what the test has applied is deleted after it."""
    client.health()  # with a patience that a program has not: the first request starts a Lambda

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        deployment = {"TIDEWHEEL_API_URL": stack.outputs.api_url, "TIDEWHEEL_TOKEN": stack.outputs.api_key}
        environ = {**os.environ, **deployment, "TIDEWHEEL_CONFIG": str(tmp_path / "none.yaml")}
        done = [str(PROGRAM), *arguments]
        return subprocess.run(done, env=environ, cwd=stack.folder, check=False, capture_output=True, text=True)

    yield run
    empty = tmp_path / "empty.json"
    empty.write_text('{"set": "e2e", "jobs": []}')
    run("apply", "-f", str(empty), "--prune", "--allow-empty", "--yes")


def test_files_are_applied_once_and_pruned(tidewheel: Any, tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    jobs = [
        {"name": f"applied {number}", "schedule": {"cron": "0 9 1 1 *"}, "target": {"kind": "lambda", "function": "f"}}
        for number in range(JOBS)
    ]
    path.write_text("".join(json.dumps(job) + "\n" for job in jobs))
    apply = ("apply", "-f", str(path), "--set", "e2e", "--prune", "--yes")
    first = tidewheel(*apply)
    assert (first.returncode, f"{JOBS} created." in first.stdout) == (0, True), first.stdout + first.stderr
    second = tidewheel(*apply)
    assert (second.returncode, second.stdout.splitlines()[-1]) == (0, f"{JOBS} unchanged.")
    exported = tmp_path / "exported.yaml"
    exported.write_text(tidewheel("export", "--set", "e2e").stdout)
    assert tidewheel("apply", "-f", str(exported), "--dry-run").returncode == 0
    path.write_text("".join(json.dumps({**job, "timeout": "2m"}) + "\n" for job in jobs[1:]))
    third = tidewheel(*apply)
    assert f"{JOBS - 1} changed, 1 deleted." in third.stdout, third.stdout + third.stderr
