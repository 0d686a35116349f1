"""How late runs are on a machine whose processors are taken: beside processes that spin, and without them.

Jobs of high precision fire 16 times a second, on a deployed stack of their own. Beside them two processes spin, at the
same priority; they go on until the last run has come. The same load without them is measured in the same run, before
each. ``python -m tests.bench.busy`` prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from localstack.bench.load import Load
from localstack.bench.main import machine
from localstack.demo.account import Account
from localstack.demo.jobs import Planned
from localstack.demo.stack import Bench
from localstack.receiver import Receiver
from tests.bench import cpu_time
from tests.bench.alone import stack_of_its_own, tell
from tests.bench.burst import count, on_stack
from tests.bench.systems import Tidewheel
from tests.e2e.stack import Stack
from tests.support.polling import Patience
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import SECOND_MS

QUIET, BUSY = "quiet", "busy"
_SPIN = "while True: pass"
_LEAST_LEAD_MS = 10 * SECOND_MS
_SETTLE_MS = 2 * SECOND_MS
_LOOK_MS = 50


@dataclass(frozen=True)
class Wanted:
    """What is measured.

    Args:
        rate: Jobs, each of which fires every second.
        seconds: For how long.
        spinners: How many processes spin.
        precision: The jobs' tier.
        rounds: How often, without and with them by turns.
    """

    rate: int
    seconds: int
    spinners: int
    precision: str
    rounds: int


@contextmanager
def spinning(many: int) -> Iterator[None]:
    """Meanwhile so many processes do nothing but use the processor."""
    running = [subprocess.Popen([sys.executable, "-I", "-S", "-c", _SPIN]) for _ in range(many)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def caught_up(job: Planned) -> Planned:
    """The job, every instant of which is run however late it is."""
    return Planned(job.promise, {**job.body, "misfire": {"policy": "all", "limit": 1_000}})


def figures(account: Account) -> dict[str, Any]:
    """Lateness in ms, and what should not be."""
    return {
        "lateness_ms": asdict(account.lateness()),
        "missing": len(account.missing),
        "early": len(account.early),
        "doubled": account.duplicate,
        "unexpected": len(account.unexpected),
    }


def phase(stack: Stack, system: Tidewheel, wanted: Wanted, spinners: int) -> dict[str, Any]:
    """The load beside so many spinning processes; the jobs are created before and deleted after."""
    with Receiver(reach=stack.reach) as receiver, contextlib.ExitStack() as after:
        clock = SystemClock()
        bench = Bench(system.client, receiver, clock)
        lead_ms = _LEAST_LEAD_MS + round(2 * wanted.rate * system.each_ms)
        begin_ms = -(-(clock.now_ms() + lead_ms) // SECOND_MS) * SECOND_MS
        load = Load(wanted.precision, wanted.rate, wanted.seconds)
        planned = [caught_up(job) for job in load.planned(receiver.url, begin_ms)]
        after.callback(bench.delete, bench.create(planned))
        promises = [job.promise for job in planned]
        with spinning(spinners):
            clock.sleep_until(begin_ms)
            before = cpu_time.read(system.roles())
            clock.sleep_until(begin_ms + wanted.seconds * SECOND_MS)
            patience = Patience(60)
            while (left := len(Account.of(promises, receiver.arrivals()).missing)) and not patience.over():
                patience.saw(left)
                clock.sleep(_LOOK_MS)
            used = cpu_time.Used.between(before, cpu_time.read(system.roles()))
        clock.sleep(_SETTLE_MS)  # what comes twice would come by then
        account = Account.of(promises, receiver.arrivals())
    return {**figures(account), "cpu_ms_a_run": used.each(account.received), "processes_started": used.started}


def measure(stack: Stack, wanted: Wanted) -> dict[str, Any]:
    """All rounds, without and with the spinning processes by turns."""
    found: dict[str, list[Any]] = {QUIET: [], BUSY: []}
    with on_stack(stack) as (_, system):
        for _ in range(wanted.rounds):
            for name, spinners in ((QUIET, 0), (BUSY, wanted.spinners)):
                found[name].append(phase(stack, system, wanted, spinners))
    return {**asdict(wanted), **found}


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.busy", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--rate", type=count, default=16, help="fires a second (16)")
    parser.add_argument("--seconds", type=count, default=60, help="for how long (60)")
    parser.add_argument("--spinners", type=count, default=2, help="how many processes spin (2)")
    parser.add_argument("--precision", default="high", help="the jobs' tier (high)")
    parser.add_argument("--rounds", type=count, default=1, help="how often, both by turns (1)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr."""
    given = options(arguments)
    with stack_of_its_own("busy", given.engine) as (stack, _):
        before = machine()
        found = measure(stack, Wanted(given.rate, given.seconds, given.spinners, given.precision, given.rounds))
    tell({"engine": given.engine, "machine": before, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
