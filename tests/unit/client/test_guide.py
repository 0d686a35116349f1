"""The SDK guide: its first program is short, and its programs pass a strict type checker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.markdown import ROOT, blocks

GUIDE = ROOT / "shared" / "docs" / "guides" / "sdk.md"
WRONG = """
from tidewheel.client import AsyncClient, Client

def late(client: Client, other: AsyncClient) -> None:
    client.jobs(colour="red")
    client.job(3)
    other.job("a").state
    client.wait("a", timeout="soon")
"""


def test_from_nothing_to_a_cron_job_with_its_history_takes_less_than_ten_lines() -> None:
    first = blocks(GUIDE.read_text(), "python")[0]
    assert "cron" in first
    assert "executions" in first
    assert len([line for line in first.splitlines() if line.strip()]) < 10


def test_users_are_typed_in_strict_mode(tmp_path: Path) -> None:
    names = []
    for index, program in enumerate(blocks(GUIDE.read_text(), "python")):
        named = re.match(r"# (\w+)\.py\n", program)
        names.append(named[1] if named else f"program_{index}")
        (tmp_path / f"{names[-1]}.py").write_text(program)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {ROOT / 'shared'}\nfollow_imports = silent\n"
    )
    modules = [part for name in (*names, "wrong") for part in ("-m", name)]
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "users"), *modules]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = [line for line in said.splitlines() if ": error:" in line]
    assert [line.partition(":")[0] for line in found] == ["wrong.py"] * 4, said
