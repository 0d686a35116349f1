"""The host engine's own venv, where it is installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localstack import processes
from localstack.places import Places

PYTHON = Places().host_python
needs_host = pytest.mark.skipif(
    not PYTHON.exists(), reason="LocalStack is not installed: make setup ENGINE=localstack-host"
)


def in_venv(program: str, folder: Path, *arguments: str) -> Any:
    """What a program prints as JSON, run by the engine's interpreter."""
    command = [str(PYTHON), "-P", "-c", program, str(folder), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return pid not in {row.pid for row in processes.process_table() if row.alive}
