"""Critical work goes first in a pool, however much of low priority waits; and low work is never forgotten.

``WAITING`` says how many low executions wait.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import quantiles
from threading import Event

from localstack.receiver import Reply
from tests.support.polling import until
from tests.support.pool_workers import pool_workers

WAITING = int(os.environ.get("WAITING", "120"))
CRITICAL = max(20, WAITING // 20)
LOW_MS = 1_000
"""How long low work takes while critical work comes, so that some of it still waits at the end on a slow machine."""
SLOTS = 8


def queue_ms(run) -> int:
    """How long the message of a run's last attempt waited for a worker."""
    last = run.attempts[-1]
    return round((last.received_at - last.sent_at).total_seconds() * 1_000)


def test_critical_work_does_not_wait_for_low_work(stack, client, jobs, new_target, tmp_path):
    measured = Event()
    low_target = new_target(answer=lambda _: Reply(delay_ms=0 if measured.is_set() else LOW_MS))
    critical_target = new_target()
    low = jobs.create(target=low_target.spec(), pool="fargate", priority="low", schedule={"at": "2099-01-01T00:00:00Z"})
    critical = jobs.create(
        target=critical_target.spec(), pool="fargate", priority="critical", schedule={"at": "2099-01-01T00:00:00Z"}
    )
    with ThreadPoolExecutor(8) as side_by_side:
        list(side_by_side.map(lambda _: client.run_job(low.id), range(WAITING)))
    with pool_workers(stack.outputs.endpoint, "fargate", tmp_path) as workers:
        workers.start(SLOTS)
        low_target.await_count(SLOTS)
        runs = []
        for _ in range(CRITICAL):
            asked = client.run_job(critical.id)
            runs.append(until(partial(_ended, client, asked.id), "a critical run's end"))
        meanwhile = len(low_target.arrivals())
        measured.set()
        times = sorted(map(queue_ms, runs))
        told = {
            "critical": len(times),
            "queue_ms_p50": times[len(times) // 2],
            "queue_ms_p95": round(quantiles(times, n=20)[-1]),
            "queue_ms_most": times[-1],
            "low_waiting_at_first": WAITING,
            "low_called_meanwhile": meanwhile,
        }
        print(json.dumps(told))  # noqa: T201
        assert {run.state for run in runs} == {"succeeded"}
        assert SLOTS <= meanwhile < WAITING, "low work went on, and did not go first"
        low_target.await_count(WAITING)


def _ended(client, id):
    run = client.execution(id)
    return run if run.finished_at is not None else None
