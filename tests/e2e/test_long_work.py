"""A command that works for long, in a pool: its worker drains, is killed, or is told to cancel it.

``COMMAND_S`` says for how many seconds it works.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.support.polling import until
from tests.support.pool_workers import pool_workers

SECONDS = int(os.environ.get("COMMAND_S", "20"))
PATIENCE_S = 3 * SECONDS + 120
# Counts to the number given, a step each second, from where the last attempt left off.
PROGRAM = """
import os, sys, time
path, most = os.environ["TIDEWHEEL_STATE_FILE"], int(sys.argv[1])
text = open(path).read()
done = int(text) if text else 0
print("begins at", done, flush=True)  # noqa: T201
while done < most:
    time.sleep(1)
    done += 1
    with open(path + ".new", "w") as state:
        state.write(str(done))
    os.replace(path + ".new", path)
    print("step", done, flush=True)  # noqa: T201
print("done", flush=True)  # noqa: T201
"""


@pytest.fixture
def workers(stack, tmp_path):
    with pool_workers(stack.outputs.endpoint, "fargate", tmp_path) as started:
        yield started


@pytest.fixture
def begin(client, jobs, workers):
    """Begins the command in a worker; gives its job, its execution's id, and the worker."""

    def started(seconds=SECONDS):
        worker = workers.start(concurrency=2, drain_s=1)
        job = jobs.create(
            target={"kind": "command", "command": [sys.executable, "-c", PROGRAM, str(seconds)]},
            pool="fargate",
            timeout="10m",
            retry={"max_attempts": 3, "strategy": "fixed", "base": "100ms"},
        )
        (execution,) = until(lambda: list(client.executions(job.id)), "its execution")
        until(lambda: "step" in log_of(client, execution.id), "its first steps in the log")
        return job, execution.id, worker

    return started


def log_of(client, execution, attempt=None):
    """What an attempt (else the newest) has written so far, as far as it is stored."""
    return client.logs_page(execution, attempt=attempt).text


def told(run):
    print(json.dumps({"state": run.state, "attempts": [(one.number, one.result) for one in run.attempts]}))  # noqa: T201
    return run.state, [one.result for one in run.attempts]


def test_a_worker_that_has_to_end_hands_over_with_its_checkpoint(client, jobs, workers, begin):
    job, execution, worker = begin()
    workers.start(concurrency=2)
    worker.terminate()
    assert worker.wait(60) == 0
    (run,) = jobs.ended(job.id, within_s=PATIENCE_S)
    assert told(run) == ("succeeded", ["handed_over", "succeeded"])
    assert "begins at 0\n" not in log_of(client, execution, 2)


def test_a_worker_that_is_killed_is_taken_over(client, jobs, workers, begin):
    job, _, worker = begin()
    workers.start(concurrency=2)
    workers.kill(worker)
    (run,) = jobs.ended(job.id, within_s=PATIENCE_S)
    assert told(run) == ("succeeded", ["lost", "succeeded"])
    assert run.attempts[1].number == 2


def test_a_run_that_is_cancelled_ends_while_it_works(client, jobs, begin):
    job, execution, _ = begin(seconds=10 * SECONDS)
    asked = client.cancel(execution)
    assert asked.state == "running"
    (run,) = jobs.ended(job.id, within_s=PATIENCE_S)
    assert told(run) == ("cancelled", ["cancelled"])
