"""The SDK guide's programs, in order, each in a process of its own, on what is deployed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict

from tests.support.machine import slowness
from tests.support.markdown import ROOT, blocks

GUIDE = ROOT / "shared" / "docs" / "guides" / "sdk.md"
CALLED = '"method": "GET", "url": "http://127.0.0.1:8000/"'
"""What the guide has called; the receiver of the tests takes POST alone."""
WITHIN_S = 150
"""A job of each minute fires once."""


def test_the_guides_programs_work(stack, client, all_targets, tmp_path):
    client.health()  # the first request starts a Lambda; the guide's client does not wait so long on a busy machine
    target = all_targets.new()
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "outputs.json").write_text(json.dumps(asdict(stack.outputs)))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'shared'}:{tmp_path}", "NO_PROXY": "*"}
    said = []
    try:
        for program in blocks(GUIDE.read_text(), "python"):
            if named := re.match(r"# (\w+\.py)\n", program):
                (tmp_path / named[1]).write_text(program)
                continue
            run = subprocess.run(
                [sys.executable, "-W", "error", "-c", program.replace(CALLED, f'"url": "{target.url}"')],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=WITHIN_S * slowness(),
            )
            assert run.returncode == 0, program + run.stdout + run.stderr
            said.append(run.stdout)
        assert {job.name for job in client.jobs(name_prefix="daily-")} == {"daily-eu", "daily-us"}
    finally:
        for job in client.jobs():
            if job.name in {"hello", "daily-eu", "daily-us"}:
                client.delete_job(job.id)
    created = [one for one in client.audit(operation="createJob") if one.changes]
    names = {change.after["name"]: one.status for one in created for change in one.changes}
    assert names.items() >= {"hello": 201, "daily-eu": 201, "daily-us": 201}.items()
    assert all(one.principal.startswith("key:") for one in created)
    first, _, waited, together, registered = said
    assert re.fullmatch(r"\S+ \S+ succeeded \d+\n(?:.*\n)*", first)
    assert waited.startswith("succeeded")
    assert together == "['succeeded', 'succeeded', 'succeeded']\nhello\n"
    assert registered == "created daily-eu\ncreated daily-us\n"
