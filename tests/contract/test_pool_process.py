"""A pool's worker as a process of its own, on the local cloud: it works, it ends by a signal, it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from localstack.receiver import Arrival, Receiver, Reply
from tests.support.guardian import Ward, guardian
from tests.support.polling import until
from tests.support.run_settings import WORKER_ENVIRONMENT
from tests.support.world import Backend, ministack_world
from tests.support.world_examples import TENANT, a_job
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Target
from tidewheel.names import Env
from tidewheel.wire.targets import MODELS

pytestmark = pytest.mark.ministack
ROUTE = Route("fargate", "normal")
SHARED = Path(__file__).parents[2] / "shared"


@dataclass
class Bench:
    """Tables and queues on the local cloud, a target, and processes that work there."""

    world: Backend
    environ: Mapping[str, str]
    receiver: Receiver
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    sent: int = 0

    def worker(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tidewheel.wiring.pool", "--pool", "fargate", "--concurrency", "4", *options]
        child = subprocess.Popen(
            command, env=dict(self.environ), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        guardian().look_after(Ward(child.pid, (" ".join(command[1:]),), 0))
        self.running.append(child)
        return child

    def send(self, target: Target | None = None) -> str:
        """A job that is due now, and the message of its run; gives the execution's id."""
        self.sent += 1
        now = SystemClock().now_ms()
        plain = a_job(self.sent)
        target = target or Target("http", {"method": "POST", "url": self.receiver.url(f"n{self.sent}")})
        definition = replace(plain.definition, target=target, pool=ROUTE.pool, priority=ROUTE.priority)
        job = replace(plain, definition=definition, effective_from_ms=now, created_ms=now, updated_ms=now)
        self.world.jobs.create(job, None, None)
        id = str(ExecutionId(job.id, now, Origin.RUN, "0abc"))
        self.world.queue.send(ROUTE, [Dispatch(TENANT, id, 1, 1, now, recorded=False)])
        return id

    def ended(self, id: str, state: State) -> Execution:
        return until(
            lambda: (found := self.world.executions.get(TENANT, id)) and found.state is state and found,
            f"{id} to be {state}",
            within_s=90,
        )


@pytest.fixture
def bench(ministack_endpoint: str) -> Iterator[Bench]:
    def slow_at_first(arrival: Arrival) -> Reply:
        return Reply(delay_ms=60_000 if arrival.tag == "n2" and arrival.attempt == 1 else 0)

    with ministack_world(ministack_endpoint) as world, Receiver(slow_at_first) as receiver:
        assert world.cloud is not None
        tables, urls = world.cloud.tables, world.cloud.urls
        environ = {
            **os.environ,
            **WORKER_ENVIRONMENT,
            Env.ALLOWED_NETWORKS: "127.0.0.0/8",
            Env.LEAN_TRANSPORT: "true",
            Env.PROGRAM_USER: "same",
            "AWS_ENDPOINT_URL": ministack_endpoint,
            "PYTHONPATH": str(SHARED),
            Env.JOBS_TABLE: tables.jobs,
            Env.WHEEL_TABLE: tables.wheel,
            Env.EXECUTIONS_TABLE: tables.executions,
            Env.CONTROL_TABLE: tables.control,
            Env.ACCESS_TABLE: tables.access,
            Env.QUEUES: json.dumps({str(route): url for route, url in urls.items()}),
        }
        made = Bench(world, environ, receiver)
        yield made
        for child in made.running:
            child.kill()
            child.communicate()


def test_a_worker_runs_what_is_sent_survives_a_kill_and_hands_over_on_a_signal(bench: Bench) -> None:
    first, done = bench.worker(), bench.send()
    bench.ended(done, State.SUCCEEDED)
    assert bench.world.queue.waiting(ROUTE) == 0

    held = bench.send()
    bench.ended(held, State.RUNNING)
    first.kill()
    second = bench.worker("--drain", "0")
    record = bench.ended(held, State.SUCCEEDED)
    assert [attempt.result for attempt in record.attempts] == [Result.WORKER_LOST, Result.SUCCEEDED]

    second.send_signal(signal.SIGTERM)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    notes = [line["message"] for line in lines if "message" in line]
    assert notes == ["the worker begins", "the worker drains", "the worker ends"]
    assert {line.get("outcome") for line in lines if "message_handled" in line} == {"succeeded"}


TASKS = """
from tidewheel.tasks import current, task

@task
def double(number):
    return {"twice": 2 * number, "run": current().execution}
"""
PROGRAM = """
import os, signal, sys
state, started = os.environ["TIDEWHEEL_STATE_FILE"], sys.argv[1]
if before := open(state).read():
    print("from", before)
    sys.exit()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
open(started, "w").close()
signal.sigwait([signal.SIGTERM])
open(state, "w").write("half way")
"""


def of_kind(kind: str, **written: Any) -> Target:
    return Target(kind, MODELS[kind].model_validate({"kind": kind, **written}).model_dump(mode="json"))


def test_functions_and_programs_run_and_a_program_hands_its_checkpoint_over(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "own_tasks.py").write_text(TASKS)
    bench.environ = {**bench.environ, "PYTHONPATH": f"{SHARED}{os.pathsep}{tmp_path}"}
    first = bench.worker("--import", "own_tasks", "--drain", "0")
    id = bench.send(of_kind("python", function="own_tasks.double", arguments={"number": 21}))
    assert json.loads(bench.ended(id, State.SUCCEEDED).output) == {"twice": 42, "run": id}

    started = tmp_path / "started"
    held = bench.send(of_kind("command", command=[sys.executable, "-c", PROGRAM, str(started)]))
    until(started.exists, "the program to start")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    handed = bench.ended(held, State.RETRYING)
    assert handed.checkpoint == "half way"
    bench.world.queue.send(ROUTE, [Dispatch(TENANT, held, 2, 1, handed.due_ms, recorded=True)])  # as the wheel will
    bench.worker()
    record = bench.ended(held, State.SUCCEEDED)
    assert [attempt.result for attempt in record.attempts] == [Result.HANDED_OVER, Result.SUCCEEDED]
    assert record.output == "from half way\n"
