"""The command line, as a program, against what is deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.polling import until

PROGRAM = Path(sys.executable).with_name("tidewheel")


@pytest.fixture
def tidewheel(stack):
    def run(*arguments, code=0):
        environ = {**os.environ, "TIDEWHEEL_API_URL": stack.outputs.api_url, "TIDEWHEEL_TOKEN": stack.outputs.api_key}
        done = subprocess.run(
            [str(PROGRAM), *arguments], env=environ, cwd=stack.folder, check=False, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if "--json" in arguments and not code else done.stdout + done.stderr

    return run


def test_a_job_from_creation_to_deletion(tidewheel, jobs, new_target, client):
    target = new_target()
    job = tidewheel("jobs", "create", "--name", "by hand", "--every", "1h", "--url", target.url, "--json")
    jobs.made.append(job["id"])
    assert job["id"] in [one["id"] for one in tidewheel("jobs", "list", "--json")["items"]]
    assert tidewheel("jobs", "show", job["id"], "--json")["schedule"]["every"] == "PT1H"
    assert tidewheel("jobs", "edit", job["id"], "--every", "2h", "--json")["generation"] == 2
    run = tidewheel("jobs", "run", job["id"], "--json")
    until(lambda: client.execution(run["id"]).state == "succeeded", "the run")
    shown = tidewheel("executions", "show", run["id"], "--json")
    assert (shown["state"], target.arrivals()[-1].key) == ("succeeded", run["id"])
    assert run["id"] in [one["id"] for one in tidewheel("executions", "list", job["id"], "--json")["items"]]
    assert "by hand" in tidewheel("jobs", "list")
    tidewheel("jobs", "delete", job["id"])
    assert "no such thing" in tidewheel("jobs", "show", job["id"], code=3)


def test_a_refusal_is_told_in_words(tidewheel):
    told = tidewheel("jobs", "create", "--name", "x", "--cron", "61 * * * *", "--url", "https://example.com", code=1)
    assert "schedule.cron" in told
    assert "Traceback" not in told
