"""The overload drill: the API is flooded while jobs fire, then switched to read-only and back, on a stack of its own.

``python -m tests.bench.overload`` prints, as JSON: how the flood's requests were answered, whether what was accepted
ran, the lateness of the jobs' runs before and during the flood, the states of health that were seen, and what the
switch refused and let go on. The load is bounded by the number of clients, each of which sends one request at a time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from localstack.bench.main import machine
from localstack.demo.jobs import instant
from localstack.receiver import Receiver, Reply
from tests.bench.alone import due_in, stack_of_its_own, tell
from tests.bench.neighbours import services
from tests.e2e.stack import Stack
from tests.support.machine import slowness
from tests.support.polling import Patience
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import Client
from tidewheel.client.transport import headers
from tidewheel.domain.limits import HEALTH_FRESH_MS, SECOND_MS
from tidewheel.engine.api.health.service import HealthService

DUE, FLOOD = "due", "flood"
_WARM_S, _SWITCHED_S = 15, 6
_LOOK_MS = 2_000


@dataclass(frozen=True)
class Wanted:
    """What is measured.

    Args:
        rate: Jobs, each of which fires every second.
        clients: How many send requests side by side.
        seconds: How long before the flood, and for how long it goes on.
        slow_ms: How long the target of what the flood creates takes to answer: workers are busy so long.
        priority: Of the jobs that fire every second; the flood's is normal.
    """

    rate: int
    clients: int
    seconds: int
    slow_ms: int
    priority: str


@dataclass
class Drill:
    """The drill on one stack.

    Args:
        client: Of the API.
        http: The same, by which nothing is sent again.
        receiver: Whom all runs call.
        clock: The system's.
        health: Sets the switch, as whoever has the role for it does by the API.
    """

    client: Client
    http: httpx.Client
    receiver: Receiver
    clock: SystemClock
    health: HealthService

    def due_jobs(self, count: int, priority: str, begin_ms: int) -> list[str]:
        """Jobs that fire every second."""
        return [
            self.client.create_job(
                {
                    "name": f"{DUE} {number}",
                    "schedule": {"every": "1s", "anchor": instant(begin_ms + number * SECOND_MS // count)},
                    "target": {"kind": "http", "url": self.receiver.url(DUE)},
                    "priority": priority,
                }
            ).id
            for number in range(count)
        ]

    def flood(self, clients: int, until_ms: int) -> tuple[Counter[str], int]:
        """Creates jobs that run at once until a time (ms); the answers by status, and how many were accepted."""

        def one(_number: int) -> Counter[str]:
            answers: Counter[str] = Counter()
            body = {"name": FLOOD, "target": {"kind": "http", "url": self.receiver.url(FLOOD)}}
            while self.clock.now_ms() < until_ms:
                try:
                    answer = self.http.post("v1/jobs", json=body)
                except httpx.TimeoutException:
                    answers["no answer"] += 1
                    continue
                kind = answer.json().get("type", "").rpartition(":")[2]
                answers[f"{answer.status_code} {kind}".strip()] += 1
            return answers

        with ThreadPoolExecutor(clients) as threads:
            found = sum(threads.map(one, range(clients)), Counter[str]())
        return found, found["201"]

    def arrived(self, tag: str) -> int:
        """How many runs of a tag have come."""
        return len({one.key for one in self.receiver.arrivals() if one.tag == tag})

    def settle(self, accepted: int) -> None:
        """Until all that was accepted has run, or nothing more comes."""
        patience = Patience(60)
        while (came := self.arrived(FLOOD)) < accepted and not patience.over():
            patience.saw(came)
            self.clock.sleep(_LOOK_MS)

    def switched(self) -> dict[str, Any]:
        """Read-only and back: what is refused, what goes on."""
        self.health.switch(read_only=True, by="drill", reason="drill")
        self.clock.sleep(HEALTH_FRESH_MS)
        before = self.arrived(DUE)
        refused = self.http.post(
            "v1/jobs", json={"name": FLOOD, "target": {"kind": "http", "url": "https://a.example"}}
        )
        read = self.http.get("v1/jobs")
        self.clock.sleep(_SWITCHED_S * SECOND_MS)
        went_on = self.arrived(DUE) - before
        self.health.switch(read_only=False, by="drill", reason="")
        self.clock.sleep(HEALTH_FRESH_MS)
        return {
            "refused": refused.status_code,
            "kind": refused.json()["type"].rpartition(":")[2],
            "retry_after_s": refused.headers.get("Retry-After"),
            "read": read.status_code,
            "runs_meanwhile": went_on,
            "state_after": self.client.health().state,
        }


def measure(stack: Stack, wanted: Wanted) -> dict[str, Any]:
    """The whole drill."""
    clock, timeout_s = SystemClock(), 30 * slowness()
    url = stack.outputs.api_url.rstrip("/") + "/"
    with (
        Receiver(lambda one: Reply(delay_ms=wanted.slow_ms if one.tag == FLOOD else 0), stack.reach) as receiver,
        Client(stack.outputs.api_url, stack.outputs.api_key, timeout=timeout_s) as client,
        httpx.Client(base_url=url, headers=headers(stack.outputs.api_key), timeout=timeout_s) as http,
        ThreadPoolExecutor(1) as watcher,
    ):
        drill = Drill(client, http, receiver, clock, services(stack).health)
        begin_ms = clock.now_ms() + 5 * SECOND_MS
        ids = drill.due_jobs(wanted.rate, wanted.priority, begin_ms)
        clock.sleep_until(begin_ms + (_WARM_S + wanted.seconds) * SECOND_MS)
        flood_ms = clock.now_ms()
        states: list[str] = []

        def watch() -> None:
            until_ms = flood_ms + (wanted.seconds + 30) * SECOND_MS
            while clock.now_ms() < until_ms:
                states.append(client.health().state)
                clock.sleep(_LOOK_MS)

        watching = watcher.submit(watch)
        answers, accepted = drill.flood(wanted.clients, flood_ms + wanted.seconds * SECOND_MS)
        end_ms = clock.now_ms()
        drill.settle(accepted)
        watching.result()
        switch = drill.switched()
        arrivals = list(receiver.arrivals())
        for id in ids:
            client.delete_job(id)

    ran = len({one.key for one in arrivals if one.tag == FLOOD})
    return {
        **asdict(wanted),
        "answers": dict(answers),
        "accepted": accepted,
        "ran": ran,
        "lost": max(0, accepted - ran),
        "due_before": due_in(arrivals, flood_ms - wanted.seconds * SECOND_MS, flood_ms, DUE),
        "due_during": due_in(arrivals, flood_ms, end_ms, DUE),
        "states": [state for state, _ in itertools.groupby(states)],
        "switch": switch,
    }


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overload", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--rate", type=int, default=5, help="jobs that fire each second (5)")
    parser.add_argument("--clients", type=int, default=4, help="clients that send side by side (4)")
    parser.add_argument("--seconds", type=int, default=30, help="how long before the flood, and of it (30)")
    parser.add_argument("--slow-ms", type=int, default=0, help="how long the flood's target takes to answer (0)")
    parser.add_argument("--priority", default="normal", help="of the jobs that fire each second (normal)")
    wanted = parser.parse_args(arguments)
    with stack_of_its_own("overload", wanted.engine) as (stack, _):
        before = machine()
        found = measure(stack, Wanted(wanted.rate, wanted.clients, wanted.seconds, wanted.slow_ms, wanted.priority))
    tell({"engine": wanted.engine, "machine": before, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
