"""Looks the packages of ``uv.lock`` up in a list of known vulnerabilities.

``python -m tests.support.dependency_audit``; the list is OSV's, asked by ``uv audit``. Exit status 1 if a package has
one that is known; 0 if none has, and also, with a line that says so, where the list cannot be asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = ROOT / ".local" / "uv" / "bin" / "uv"
WITHIN_S = 30
PATIENCE: Mapping[str, str] = {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "5"}
_FOUND = 1
_UNREACHABLE = "error sending request"


def audited(more: Sequence[str] = ()) -> int:
    """Asks for all packages of the lock, and prints what is known.

    Args:
        more: Further options of ``uv audit``.

    Returns:
        The exit status.
    """
    command = [UV, "audit", "--frozen", "--no-progress", "--preview-features", "audit-command", *more]
    environ = {**os.environ, **PATIENCE}
    try:
        asked = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=WITHIN_S
        )
    except subprocess.TimeoutExpired:
        _say(f"dependencies: not audited, OSV did not answer within {WITHIN_S} s")
        return 0
    if asked.returncode not in {0, _FOUND} and _UNREACHABLE in asked.stderr:
        _say(f"dependencies: not audited, OSV cannot be reached ({asked.stderr.strip().splitlines()[-1].strip()})")
        return 0
    _say((asked.stdout + asked.stderr).strip())
    return asked.returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(audited())
