"""Faults in a pool: targets fail, workers are killed at random every second, and nothing is lost or done twice.

``STORM`` says how many executions, ``KILL_EVERY_S`` how often a worker is killed on a quick machine; on a slower one it
is as much rarer, since a worker needs as much longer to begin. The full storm has 5,000.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter

from localstack.receiver import Arrival, Reply
from tests.support.machine import slowness
from tests.support.polling import Patience, until
from tests.support.pool_workers import PoolWorkers, pool_workers
from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.values import format_instant, from_ms

EXECUTIONS = int(os.environ.get("STORM", "240"))
KILL_EVERY_MS = int(float(os.environ.get("KILL_EVERY_S", "1")) * 1_000)
JOBS_A_PRIORITY = 5
PRIORITIES = ("critical", "high", "normal", "low")
INSTANTS = EXECUTIONS // (JOBS_A_PRIORITY * len(PRIORITIES))
WORKERS, SLOTS, MOST = 6, 6, 8
LEAD_MS = 10_000
PAGE = 100
SEED = 4


def instants(begin_ms):
    """Of one job, from a time (ms) on: each job has its own, taken when those before it exist."""
    begin, end = (format_instant(from_ms(at_ms)) for at_ms in (begin_ms, begin_ms + INSTANTS * 1_000))
    return {"schedule": {"every": "1s", "anchor": begin}, "start": begin, "end": end}


class Ward:
    """Targets that fail at random and keep their effects by idempotency key, as a good receiver does."""

    def __init__(self) -> None:
        self.rng = random.Random(SEED)
        self.lock = threading.Lock()
        self.effects: Counter[str] = Counter()
        self.repeats = 0
        self.stale = 0
        self.newest: Counter[str] = Counter()
        self.attempts: Counter[tuple[str, int]] = Counter()

    def answer(self, arrival: Arrival) -> Reply:
        """A tenth fail before their effect, a twentieth after it."""
        with self.lock:
            chance, delay_ms = self.rng.random(), self.rng.randrange(0, 200)
            self.attempts[arrival.key, arrival.attempt] += 1
            self.stale += arrival.attempt < self.newest[arrival.key]
            self.newest[arrival.key] = max(arrival.attempt, self.newest[arrival.key])
            if chance < 0.1:
                return Reply(500, delay_ms)
            if arrival.key in self.effects:
                self.repeats += 1
                return Reply(200, delay_ms)
            self.effects[arrival.key] += 1
        return Reply(503 if chance < 0.15 else 200, delay_ms)


class Reaper:
    """Kills a worker every now and then, and starts another."""

    def __init__(self, workers: PoolWorkers, clock) -> None:
        self.workers, self.clock = workers, clock
        self.rng, self.killed = random.Random(SEED), 0

    def until(self, done, progress) -> None:
        """Goes on until there is nothing left to do, or nothing is done any more."""
        patience = Patience(60)
        while not (done() or patience.over()):
            patience.saw(progress())
            self.clock.sleep(round(KILL_EVERY_MS * slowness()))
            self.workers.kill(self.rng.choice(self.workers.alive))
            self.killed += 1
            self.workers.start(SLOTS)


def test_nothing_is_lost_and_nothing_is_done_twice(stack, client, jobs, all_targets, clock, tmp_path):
    answers = Ward()
    target = all_targets.answering(answers.answer)
    lead_ms = jobs.lead_ms(1, LEAD_MS)
    made = [
        jobs.create(
            **instants(clock.now_ms() + lead_ms),
            target=target.spec(),
            pool="fargate",
            priority=priority,
            misfire={"policy": "all", "limit": 1_000},
            timeout="20s",
            retry={"max_attempts": MOST, "strategy": "fixed", "base": "500ms"},
        )
        for priority in PRIORITIES
        for _ in range(JOBS_A_PRIORITY)
    ]
    wanted = INSTANTS * len(made)

    over: list[ExecutionAnswer] = []

    def ended() -> list[ExecutionAnswer]:
        found = [one for job in made for one in client.executions(job.id, page=PAGE)]
        over[:] = [one for one in found if one.finished_at is not None]
        return over if len(over) >= wanted else []

    with pool_workers(stack.outputs.endpoint, "fargate", tmp_path) as workers:
        for _ in range(WORKERS):
            workers.start(SLOTS)
        until(lambda: answers.attempts, "the first call")
        reaper = Reaper(workers, clock)
        reaper.until(lambda: len(answers.effects) >= wanted, lambda: len(answers.effects))
        until(ended, f"the end of {wanted} executions", within_s=150, progress=lambda: len(over))
    states = Counter(one.state for one in over)
    told = {
        "executions": len(over),
        "states": states,
        "killed": reaper.killed,
        "calls": sum(answers.attempts.values()),
        "attempts lost": sum(one.result == "lost" for run in over for one in run.attempts),
        "effects refused by their key": answers.repeats,
        "calls with an older token": answers.stale,
        "most attempts": max(one.attempt for one in over),
    }
    print(json.dumps(told))  # noqa: T201
    assert len(over) == wanted
    assert set(states) <= {"succeeded", "dead"}
    assert {one.id for one in over if one.state == "succeeded"} <= set(answers.effects)
    assert max(one.attempt for one in over) <= MOST
    assert set(answers.attempts.values()) == {1}, "an attempt was called twice"
    assert max(answers.effects.values()) == 1
    for job in made:
        assert client.ledger(job.id).missing == 0
