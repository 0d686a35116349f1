"""Python tasks in a fleet of which not every worker has imported them, as while it is replaced."""

from __future__ import annotations

import pytest

from tests.support.polling import until
from tests.support.pool_workers import pool_workers

TASKS = """
from tidewheel.tasks import current, task

@task(name="e2e.greet")
def greet(name):
    return {"hello": name, "attempt": current().attempt}
"""


@pytest.fixture
def workers(stack, tmp_path):
    with pool_workers(stack.outputs.endpoint, "fargate", tmp_path) as started:
        yield started


def test_a_task_that_a_worker_lacks_is_left_to_one_that_has_it(client, jobs, workers, tmp_path):
    tasks = tmp_path / "e2e_tasks.py"
    tasks.write_text(TASKS)
    workers.start()
    target = {"kind": "python", "function": "e2e.greet", "arguments": {"name": "Zoë"}}
    job = jobs.create(target=target, pool="fargate", retry={"max_attempts": 1})
    until(lambda: any("waits for a worker" in run.reason for run in client.executions(job.id)), "that it is left")
    workers.start(tasks=tasks)
    (run,) = jobs.ended(job.id, within_s=120)
    assert (run.state, run.attempt, run.output) == ("succeeded", 1, '{"hello": "Zoë", "attempt": 1}')
    assert [(one.attempt, one.detail) for one in run.timeline if one.event == "left"] == [
        (None, "a worker without the task 'e2e.greet'")
    ]
