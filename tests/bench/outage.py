"""How long an outage is felt by what is due after it: measured from outside, on a stack of its own.

Jobs fire each second. Then all schedulers are killed, and nothing starts another one for a while; or, with ``--what
engine``, the engine is stopped and goes on later: to the schedulers a stall of the store, in which they let go of what
they hold. On return what was missed runs as well; the questions are when something fires again, and how late what was
missed makes what is due then. ``python -m tests.bench.outage`` prints that, with the lateness of what was due in each
minute after the return and in the minute before the outage.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from localstack import deploy, processes
from localstack.bench.main import machine
from localstack.demo.jobs import instant
from localstack.receiver import Arrival, Receiver
from tests.bench.alone import due_in, stack_of_its_own, tell
from tests.e2e.stack import Stack
from tests.support.machine import slowness
from tests.support.polling import until
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import Client
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, physical

SCHEDULER = physical(DEFAULT_DEPLOYMENT, Function.SCHEDULER)
_STRAGGLERS_MS = 30 * SECOND_MS


@dataclass(frozen=True)
class Wanted:
    """What is measured.

    Args:
        rate: Jobs, each of which fires every second.
        what: What has the outage: ``schedulers`` or ``engine``.
        down_s: How long (s).
        minutes: How many minutes after the return are looked at.
        precision: The jobs' tier.
    """

    rate: int
    what: str
    down_s: int
    minutes: int
    precision: str


@contextmanager
def asleep(stack: Stack) -> Iterator[None]:
    """Meanwhile the rule that wakes the watchdog has no target."""
    functions, rules = stack.client("lambda"), stack.client("events")
    watchdog = functions.get_function(FunctionName=stack.outputs.minute_function)["Configuration"]["FunctionArn"]
    (rule,) = rules.list_rule_names_by_target(TargetArn=watchdog)["RuleNames"]
    targets = rules.list_targets_by_rule(Rule=rule)["Targets"]
    rules.remove_targets(Rule=rule, Ids=[target["Id"] for target in targets])
    functions.invoke(FunctionName=watchdog, Payload=b"{}")  # one that was awake already has finished
    try:
        yield
    finally:
        rules.put_targets(Rule=rule, Targets=targets)
        deploy.wake(stack.outputs.endpoint, stack.outputs.minute_function)


def killed(stack: Stack, clock: SystemClock, down_s: int) -> tuple[int, int]:
    """Kills all schedulers and keeps them away; when that was, and when they were called again (ms)."""
    with asleep(stack):
        for pid in stack.pids(SCHEDULER):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not stack.pids(SCHEDULER), "the end of the fleet")
        down_ms = clock.now_ms()
        clock.sleep(down_s * SECOND_MS)
        assert stack.pids(SCHEDULER) == [], "a scheduler was started in the outage"
    return down_ms, clock.now_ms()


def stalled(stack: Stack, clock: SystemClock, down_s: int) -> tuple[int, int]:
    """Stops the engine, not the functions, which are in its process group; when that was, and when it went on (ms)."""
    table = processes.process_table()
    (engine,) = {row.group for row in table if row.pid in stack.pids(SCHEDULER)}
    down_ms = clock.now_ms()
    os.kill(engine, signal.SIGSTOP)
    try:
        clock.sleep(down_s * SECOND_MS)
    finally:
        up_ms = clock.now_ms()
        os.kill(engine, signal.SIGCONT)
    return down_ms, up_ms


OUTAGES: Mapping[str, Callable[[Stack, SystemClock, int], tuple[int, int]]] = {
    "schedulers": killed,
    "engine": stalled,
}


def figures(arrivals: Sequence[Arrival], down_ms: int, up_ms: int, minutes: int) -> dict[str, Any]:
    """Lateness in ms by when something was due, and how long what was missed took."""
    missed = [one.arrived_ms for one in arrivals if down_ms <= one.due_ms < up_ms]
    return {
        "first_after_return_ms": min((one.arrived_ms for one in arrivals if one.arrived_ms > up_ms), default=up_ms)
        - up_ms,
        "before": due_in(arrivals, down_ms - MINUTE_MS, down_ms),
        "missed": {"runs": len(missed), "last_after_return_s": (max(missed, default=up_ms) - up_ms) // SECOND_MS},
        "after": [due_in(arrivals, up_ms + n * MINUTE_MS, up_ms + (n + 1) * MINUTE_MS) for n in range(minutes)],
    }


def measure(stack: Stack, wanted: Wanted) -> dict[str, Any]:
    """Lets the jobs run, has the outage, and looks at what came."""
    clock = SystemClock()
    with (
        Receiver(reach=stack.reach) as receiver,
        Client(stack.outputs.api_url, stack.outputs.api_key, timeout=30 * slowness()) as client,
    ):
        begin_ms = clock.now_ms() + 20 * SECOND_MS
        ids = [
            client.create_job(
                {
                    "name": f"outage {n}",
                    "schedule": {"every": "1s", "anchor": instant(begin_ms + n * SECOND_MS // wanted.rate)},
                    "target": {"kind": "http", "url": receiver.url(f"outage-{n}")},
                    "precision": wanted.precision,
                    "misfire": {"policy": "all", "limit": 1_000},
                }
            ).id
            for n in range(wanted.rate)
        ]
        clock.sleep(begin_ms + 90 * SECOND_MS - clock.now_ms())
        down_ms, up_ms = OUTAGES[wanted.what](stack, clock, wanted.down_s)
        clock.sleep(wanted.minutes * MINUTE_MS + _STRAGGLERS_MS)
        arrivals = list(receiver.arrivals())
        for id in ids:
            client.delete_job(id)
    found = figures(arrivals, down_ms, up_ms, wanted.minutes)
    keys = [arrival.key for arrival in arrivals]
    return {**asdict(wanted), **found, "doubled": len(keys) - len(set(keys))}


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--rate", type=int, default=16, help="fires a second (16)")
    parser.add_argument(
        "--what", choices=sorted(OUTAGES), default="schedulers", help="what has the outage (schedulers)"
    )
    parser.add_argument("--down", type=int, default=60, help="how long, s (60)")
    parser.add_argument("--minutes", type=int, default=3, help="how many minutes after the return (3)")
    parser.add_argument("--precision", default="high", help="the jobs' tier (high)")
    wanted = parser.parse_args(arguments)
    with stack_of_its_own("outage", wanted.engine) as (stack, _):
        before = machine()
        found = measure(stack, Wanted(wanted.rate, wanted.what, wanted.down, wanted.minutes, wanted.precision))
    tell({"engine": wanted.engine, "machine": before, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
