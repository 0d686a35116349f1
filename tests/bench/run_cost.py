"""What a run costs its worker and the emulator: CPU of both processes, over the real handler and the real pool.

``ten a batch`` is the function's handler in a process of its own: ten records an invocation, one invocation after the
other, as Lambda has them. ``pool of 30`` is a pool's worker of 30 slots, which takes its messages from the queue.
Each run has a job of its own and calls a server that keeps connections open. What the messages cost before (sending
them) and after (Lambda's poller) is not in the figures; the pool's own receiving and deleting is. A first round, in
which connections and caches come to be, is not counted.

``python -m tests.bench.run_cost --rounds 7`` prints a line of JSON for each round. With ``--paced`` each begins when a
line comes on stdin, so that the rounds of several checkouts can be had by turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from localstack import processes
from localstack.places import Places
from localstack.receiver import Receiver
from localstack.settings import CREDENTIALS, REGION
from tests.bench.starts import spread
from tests.support.engines import private_process
from tests.support.guardian import Ward, guardian
from tests.support.polling import until
from tests.support.run_settings import WORKER_ENVIRONMENT
from tests.support.world import Backend, ministack_world
from tests.support.world_examples import TENANT, a_job
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS, WRITES_AT_ONCE
from tidewheel.names import FARGATE_POOL, Env
from tidewheel.ports import SEND_BATCH, Received

RUNS, ROUNDS = 100, 7
SLOTS = 30
WAYS = ("ten a batch", f"pool of {SLOTS}")
_ROOT = Path(__file__).parents[2]
_HIDDEN_MS = 10 * MINUTE_MS
_DELAY_S = 2
_END_S = 5.0
_QUEUE = (
    *("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"),
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Round:
    """What a round used, ms of CPU in all."""

    worker_ms: float
    emulator_ms: float


class Worker(Protocol):
    """A way to work."""

    def round(self, dispatches: Sequence[Dispatch]) -> Round:
        """Handles all of them."""


@dataclass(frozen=True)
class Site:
    """What the ways share.

    Args:
        backend: The tables and queues.
        receiver: Whom the runs call.
        emulator: Its process.
        endpoint: Its URL.
        clock: The system's.
    """

    backend: Backend
    receiver: Receiver
    emulator: int
    endpoint: str
    clock: SystemClock

    def environment(self) -> dict[str, str]:
        """A worker's: the tables and queues, and no AWS settings of this machine's user."""
        cloud = self.backend.cloud
        assert cloud is not None
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        tables = {f"TIDEWHEEL_{name.upper()}_TABLE": table for name, table in vars(cloud.tables).items()}
        own = {
            Env.QUEUES.value: json.dumps({str(route): url for route, url in cloud.urls.items()}),
            Env.ALLOWED_NETWORKS.value: "127.0.0.0/8",
            Env.LOGS_BUCKET.value: cloud.bucket,
            Env.WRITES_TOGETHER.value: str(WRITES_AT_ONCE),
            Env.LEAN_TRANSPORT.value: "true",
            "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "shared")]),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }
        return {
            **kept,
            **CREDENTIALS,
            **{env.value: value for env, value in WORKER_ENVIRONMENT.items()},
            **tables,
            **own,
        }

    def emulator_ms(self) -> int:
        """The CPU time that the emulator has used."""
        used = processes.cpu_ms(self.emulator)
        assert used is not None, "the emulator has ended"
        return used

    def called(self) -> int:
        """How many calls have come."""
        return len(self.receiver.arrivals())

    def send(self, route: Route, dispatches: Sequence[Dispatch], delay_s: int = 0) -> None:
        """Sends them in full batches."""
        for ten in tens(dispatches):
            assert all(self.backend.queue.send(route, ten, [delay_s] * len(ten)))


def tens(items: Sequence[Any]) -> list[Sequence[Any]]:
    """In batches, as a queue takes them."""
    return [items[start : start + SEND_BATCH] for start in range(0, len(items), SEND_BATCH)]


def event(route_queue: str, messages: Sequence[Received]) -> dict[str, Any]:
    """The invocation that hands over these messages."""
    records = [
        {
            "messageId": one.id,
            "receiptHandle": one.receipt,
            "body": one.body,
            "attributes": {"ApproximateReceiveCount": str(one.times), "SentTimestamp": str(one.sent_ms)},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:{route_queue}",
        }
        for one in messages
    ]
    return {"Records": records}


@dataclass(frozen=True)
class OnLambda:
    """The function's handler in a process of its own."""

    site: Site
    child: subprocess.Popen[str]
    route: ClassVar = Route("lambda", "normal")

    def round(self, dispatches: Sequence[Dispatch]) -> Round:
        """Receives the messages as Lambda's poller does, has them handled, and deletes them."""
        queue = self.site.backend.queue
        self.site.send(self.route, dispatches)
        batches: list[Sequence[Received]] = []
        while sum(map(len, batches)) < len(dispatches):
            batches.append(queue.receive(self.route, SEND_BATCH, _HIDDEN_MS))
        assert self.site.backend.cloud is not None
        name = self.site.backend.cloud.urls[self.route].rpartition("/")[2]
        called, before_ms = self.site.called(), self.site.emulator_ms()
        worker_ms = self._handled([event(name, batch) for batch in batches])
        found = Round(worker_ms, self.site.emulator_ms() - before_ms)
        assert self.site.called() == called + len(dispatches), "a run did not call its target"
        for batch in batches:
            queue.delete(self.route, [one.receipt for one in batch])
        return found

    def _handled(self, events: Sequence[Any]) -> float:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps(events) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        assert answer, "the worker ended: see above"
        return float(json.loads(answer))


@dataclass(frozen=True)
class InPool:
    """A pool's worker, as ``tidewheel worker`` starts it."""

    site: Site
    child: subprocess.Popen[str]
    route: ClassVar = Route(FARGATE_POOL, "normal")

    def round(self, dispatches: Sequence[Dispatch]) -> Round:
        """Lets all messages become visible at once, and waits until all are handled and deleted."""
        wanted = self.site.called() + len(dispatches)
        self.site.send(self.route, dispatches, _DELAY_S)
        before = self._used()
        until(lambda: self.site.called() >= wanted, "the runs", progress=self.site.called)
        until(self._empty, "an empty queue")
        worker_ms, emulator_ms = (after - was for after, was in zip(self._used(), before, strict=True))
        return Round(worker_ms, emulator_ms)

    def _used(self) -> tuple[int, int]:
        worker_ms = processes.cpu_ms(self.child.pid)
        assert worker_ms is not None, "the pool's worker has ended: see above"
        return worker_ms, self.site.emulator_ms()

    def _empty(self) -> bool:
        cloud = self.site.backend.cloud
        assert cloud is not None
        answer = cloud.sqs.get_queue_attributes(QueueUrl=cloud.urls[self.route], AttributeNames=list(_QUEUE))
        return not any(int(answer["Attributes"][name]) for name in _QUEUE)


_COMMANDS: Mapping[str, tuple[Sequence[str], type[OnLambda | InPool]]] = {
    WAYS[0]: (("tests.bench.run_cost_worker",), OnLambda),
    WAYS[1]: (("tidewheel.wiring.pool", "--pool", FARGATE_POOL, "--concurrency", str(SLOTS), "--drain", "1"), InPool),
}


@contextmanager
def _working(way: str, site: Site) -> Iterator[Worker]:
    """A worker of one way, which ends with the block."""
    module, kind = _COMMANDS[way]
    lambda_only = kind is OnLambda
    child = subprocess.Popen(
        [sys.executable, "-m", *module],
        env=site.environment(),
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if lambda_only else subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    guardian().look_after(Ward(child.pid, (module[0],), _END_S))
    try:
        yield kind(site, child)
    finally:
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        processes.end_child(child)


@contextmanager
def _site() -> Iterator[Site]:
    os.environ |= {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}
    with (
        tempfile.TemporaryDirectory(prefix="tidewheel-", ignore_cleanup_errors=True) as folder,
        private_process("ministack", Places(own=Path(folder))) as (engine, pid),
        Receiver() as receiver,
        ministack_world(engine.endpoint) as backend,
    ):
        yield Site(backend, receiver, pid, engine.endpoint, SystemClock())


def rounds(ways: Sequence[str], count: int, runs: int, pace: Callable[[], object]) -> Iterator[dict[str, Any]]:
    """The figures of each round, ms of CPU a run; a way's rounds follow each other.

    Args:
        ways: How to work.
        count: How many rounds of each.
        runs: How many runs in a round.
        pace: Called before each round that counts.
    """
    with _site() as site:
        body = {"method": "POST", "url": site.receiver.url("run"), "headers": {}, "body": {"kind": "bench"}}
        jobs = [a_job(number, target=Target("http", body)) for number in range(runs)]
        for job in jobs:
            assert site.backend.jobs.create(job, None, None)
        for way in ways:
            with _working(way, site) as worker:
                for number in range(count + 1):
                    if number:
                        pace()
                    due_ms = site.clock.now_ms() // SECOND_MS * SECOND_MS
                    ids = [str(ExecutionId(job.id, due_ms)) for job in jobs]
                    used = worker.round([Dispatch(TENANT, id, 1, 1, due_ms, recorded=False) for id in ids])
                    if number:
                        yield {"way": way, "round": number, "runs": runs, **each(used, runs)}


def _at_once() -> None:
    """The pace of who does not wait."""


def each(used: Round, runs: int) -> dict[str, float]:
    """Of one run."""
    return {"worker_ms": round(used.worker_ms / runs, 3), "emulator_ms": round(used.emulator_ms / runs, 3)}


def measure(count: int, runs: int) -> dict[str, Any]:
    """Medians of some rounds, with the least and the most, by way."""
    found = list(rounds(WAYS, count, runs, _at_once))
    return {
        way: {
            "runs_a_round": runs,
            **{name: spread(one[name] for one in found if one["way"] == way) for name in ("worker_ms", "emulator_ms")},
        }
        for way in WAYS
    }


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each way ({ROUNDS})")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"in a round ({RUNS})")
    parser.add_argument("--paced", action="store_true", help="begin each round when a line comes on stdin")
    parser.add_argument("--way", choices=WAYS, action="append", help="one way alone, or several; else all")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measures; each round's JSON goes to stdout as soon as it is over."""
    wanted = options(arguments)
    pace = sys.stdin.readline if wanted.paced else _at_once
    for found in rounds(wanted.way or WAYS, wanted.rounds, wanted.runs, pace):
        print(json.dumps(found), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
