"""Many runs that are due at one instant: when the first, the median and the last start, and what CPU each costs.

N one-time jobs are created ahead, on a deployed stack of their own. All of them call one receiver, by whose clock their
starts are counted; what arrives early, twice or not at all is counted too. CPU is that of every process involved, from
ten seconds before until a second after the last start, for one run; ``beyond_idle`` leaves out what the stack uses by
itself. ``--beside celery,apscheduler`` puts the same burst on others in the same run, by turns: see ``peers``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstack.bench.main import machine
from localstack.demo.stack import Bench, slow_when_warming
from localstack.receiver import Receiver
from localstack.show import say
from tests.bench import cpu_time, starts
from tests.bench.alone import stack_of_its_own, tell
from tests.bench.peers.peers import PEERS, started
from tests.bench.systems import System, Tidewheel, TooSlow, Wanted
from tests.e2e.stack import Stack
from tests.support.machine import slowness
from tests.support.polling import Patience
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import Client
from tidewheel.domain.limits import SECOND_MS

TIERS = ("high", "normal")
RECEIVER = "receiver"
_WARM = 40
_IDLE_MS = 10 * SECOND_MS
_LEAST_AHEAD_MS = 3 * SECOND_MS
_LEADS = (1, 3, 9)
_BEFORE_MS = 10 * SECOND_MS
"""CPU is read so long before the runs are due, so that what is made ready ahead is in it, and little else."""
_SETTLE_MS = SECOND_MS  # what a run writes after its call
_LOOK_MS = 50


@dataclass
class BurstBench:
    """The receiver, and the bursts that were put on it so far.

    Args:
        receiver: Whom all runs call.
        clock: The system's.
    """

    receiver: Receiver
    clock: SystemClock
    bursts: int = 0

    def burst(self, system: System, count: int, precision: str | None) -> dict[str, Any]:
        """A small burst that warms the system up, a rest, and the burst itself.

        Args:
            system: What runs it.
            count: How many runs.
            precision: The tier; None for a system that has none.

        Raises:
            TooSlow: It could not be created ahead.
        """
        self._put(system, min(_WARM, count), precision)
        system.clear()
        idle = cpu_time.while_idle(system.roles, self.clock, _IDLE_MS)
        found = self._put(system, count, precision)
        system.clear()
        kind = {"system": system.name, "precision": precision, "burst": count}
        say(f"{' '.join(str(one) for one in kind.values() if one)}: {found['samples']} runs, {found['starts_ms']} ms")
        return {**kind, **found, **self._beyond(found, idle)}

    @staticmethod
    def _beyond(found: dict[str, Any], idle: Any) -> dict[str, Any]:
        if not found["samples"]:
            return {"idle_cpu_ms_a_second": idle}
        each = cpu_time.beyond(found["cpu_ms_a_run"], idle, found["window_s"], found["samples"])
        return {"cpu_ms_a_run_beyond_idle": each, "idle_cpu_ms_a_second": idle}

    def _put(self, system: System, count: int, precision: str | None) -> dict[str, Any]:
        """One burst, from its creation to its end; begun again, and earlier, if it was not created ahead."""
        lead_ms = system.lead_ms(count)
        for more in _LEADS[:-1]:
            try:
                return self._once(system, count, precision, more * lead_ms)
            except TooSlow:
                system.clear()
        return self._once(system, count, precision, _LEADS[-1] * lead_ms)

    def _once(self, system: System, count: int, precision: str | None, lead_ms: int) -> dict[str, Any]:
        self.bursts += 1
        tag = f"burst-{self.bursts}"
        due_ms = -(-(self.clock.now_ms() + lead_ms) // SECOND_MS) * SECOND_MS
        wanted = Wanted(count, due_ms, self.receiver.url(tag), tag, precision or "")
        system.create(wanted)
        ahead_ms = due_ms - self.clock.now_ms()
        if ahead_ms < _LEAST_AHEAD_MS:
            raise TooSlow(f"{system.name}: the last of {count} runs was created {ahead_ms} ms before all were due")
        self.clock.sleep_until(due_ms - _BEFORE_MS)
        before, began_ms = self._read(system), self.clock.monotonic_ms()
        self.clock.sleep_until(due_ms)
        self._await(wanted)
        used = cpu_time.Used.between(before, self._read(system))
        found = starts.figures(self._arrivals(wanted), count, due_ms)
        return {
            "created_ahead_ms": ahead_ms,
            **found,
            "cpu_ms_a_run": used.each(found["samples"]),
            "window_s": round((self.clock.monotonic_ms() - began_ms) / 1_000, 2),
            "processes_started": used.started,
            "processes_ended": used.ended,
        }

    def _read(self, system: System) -> cpu_time.Reading:
        return cpu_time.read({**system.roles(), os.getpid(): RECEIVER})

    def _arrivals(self, wanted: Wanted) -> list[Any]:
        return [one for one in self.receiver.arrivals() if one.tag == wanted.tag]

    def _await(self, wanted: Wanted) -> None:
        """Until all have come, or none comes any more; and a little longer, for what comes twice."""
        patience = Patience(60)
        while (came := len({one.key for one in self._arrivals(wanted)})) < wanted.count and not patience.over():
            patience.saw(came)
            self.clock.sleep(_LOOK_MS)
        self.clock.sleep(_SETTLE_MS)


@contextmanager
def on_stack(stack: Stack) -> Iterator[tuple[BurstBench, Tidewheel]]:
    """The bench on a deployed stack, whose functions have been warmed up."""
    clock = SystemClock()
    with (
        Receiver(slow_when_warming, stack.reach) as receiver,
        Client(stack.outputs.api_url, stack.outputs.api_key, timeout=30 * slowness()) as client,
    ):
        each_ms = Bench(client, receiver, clock).warm()
        yield BurstBench(receiver, clock), Tidewheel(stack, client, each_ms)


def measure(stack: Stack, wanted: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All rounds, the systems by turns."""
    found = []
    with on_stack(stack) as (bench, tidewheel):
        for count in wanted.burst:
            for _ in range(wanted.rounds):
                found += [bench.burst(tidewheel, count, precision) for precision in wanted.precision]
                for name in wanted.beside:
                    with started(name, folder) as peer:
                        found.append(bench.burst(peer, count, None))
    return {"bursts": starts.summary(found), "rounds": found}


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.burst", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--burst", type=counts, default=[1_000], help="how many runs: one number or several (1000)")
    parser.add_argument("--precision", type=tiers, default=list(TIERS), help="the jobs' tiers (high,normal)")
    parser.add_argument("--rounds", type=count, default=1, help="of each burst, by turns (1)")
    parser.add_argument("--beside", type=peers, default=[], help=f"others, apart by commas: {', '.join(PEERS)}")
    return parser.parse_args(arguments)


def count(text: str) -> int:
    """A number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def counts(text: str) -> list[int]:
    """Numbers, apart by commas."""
    return [count(one) for one in text.split(",")]


def tiers(text: str) -> list[str]:
    """Tiers, apart by commas."""
    return _of(text, (*TIERS, "low"), "precision")


def peers(text: str) -> list[str]:
    """Names of peers, apart by commas."""
    return _of(text, tuple(PEERS), "peer")


def _of(text: str, known: Sequence[str], what: str) -> list[str]:
    for one in text.split(","):
        if one not in known:
            raise argparse.ArgumentTypeError(f"there is no {what} {one!r}: it is one of {', '.join(known)}")
    return text.split(",")


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr. The exit status is 1 if a run was missing or early."""
    wanted = options(arguments)
    with stack_of_its_own("burst", wanted.engine) as (stack, folder):
        before = machine()
        found = measure(stack, wanted, folder)
    tell({"engine": wanted.engine, "machine": before, **found})
    return 0 if all(map(starts.sound, found["rounds"])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
