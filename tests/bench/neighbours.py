"""What one tenant's flood costs another: the lateness of a quiet tenant's runs before and during it, in one run.

A quiet tenant's jobs fire each second. Then another tenant's jobs fire in the same seconds, a hundred times as many.
Both tenants' jobs go by one route. They are created as the API does it, by its services on the deployed tables, since
whoever has a key of one tenant makes no jobs of another. ``python -m tests.bench.neighbours`` prints the lateness of
both as JSON. MiniStack's queues share between tenants as those of Amazon SQS do, by
``localstack/engines/ministack_fair.py``; its one process and the machine's processors are shared too, which on AWS they
are not.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from localstack.bench.main import machine
from localstack.demo.jobs import instant
from localstack.receiver import Receiver
from localstack.settings import CREDENTIALS, REGION
from tests.bench.alone import due_in, stack_of_its_own, tell
from tests.e2e.stack import Stack
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.api.services import ApiServices
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, physical
from tidewheel.settings import ApiSettings
from tidewheel.wire.convert import builder_of
from tidewheel.wire.reading import read_job
from tidewheel.wiring.api.app import api_services

QUIET, FLOOD = "quiet", "flood"
_WARM_S, _AFTER_S = 15, 20


@dataclass(frozen=True)
class Wanted:
    """What is measured.

    Args:
        rate: The quiet tenant's runs in a second.
        times: How many times as many the other's are.
        seconds: How long each of both parts lasts.
        precision: The jobs' tier.
    """

    rate: int
    times: int
    seconds: int
    precision: str


def services(stack: Stack) -> ApiServices:
    """The API's services, with the settings of the deployed function."""
    function = physical(DEFAULT_DEPLOYMENT, Function.API)
    found = stack.client("lambda").get_function_configuration(FunctionName=function)
    os.environ |= {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": stack.outputs.endpoint}
    return api_services(ApiSettings.from_env(found["Environment"]["Variables"]))


def measure(stack: Stack, wanted: Wanted) -> dict[str, Any]:
    """Lets the quiet tenant's jobs run alone, then beside the other's."""
    clock, api = SystemClock(), services(stack)
    with Receiver(reach=stack.reach) as receiver:
        begin_ms = clock.now_ms() + (_WARM_S + wanted.rate * wanted.times // 20) * SECOND_MS
        begin_ms -= begin_ms % SECOND_MS
        flood_ms = begin_ms + (_WARM_S + wanted.seconds) * SECOND_MS
        end_ms = flood_ms + wanted.seconds * SECOND_MS

        def create(tenant: str, count: int, from_ms: int) -> None:
            for number in range(count):
                document = {
                    "name": f"{tenant} {number}",
                    "schedule": {"every": "1s", "anchor": instant(from_ms)},
                    "start": instant(from_ms),
                    "end": instant(end_ms),
                    "target": {"kind": "http", "url": receiver.url(tenant)},
                    "precision": wanted.precision,
                    "retry": {"max_attempts": 1},
                }
                api.jobs.create(tenant, builder_of(read_job(document)))

        create(QUIET, wanted.rate, begin_ms)
        create(FLOOD, wanted.rate * wanted.times, flood_ms)
        created_ahead_ms = begin_ms - clock.now_ms()
        clock.sleep_until(end_ms + _AFTER_S * SECOND_MS)
        arrivals = list(receiver.arrivals())

    keys = [one.key for one in arrivals]
    return {
        **asdict(wanted),
        "created_ahead_ms": created_ahead_ms,
        "quiet_before": due_in(arrivals, begin_ms + _WARM_S * SECOND_MS, flood_ms, QUIET),
        "quiet_during": due_in(arrivals, flood_ms, end_ms, QUIET),
        "flood": due_in(arrivals, flood_ms, end_ms, FLOOD),
        "expected": {QUIET: wanted.rate * wanted.seconds, FLOOD: wanted.rate * wanted.times * wanted.seconds},
        "doubled": len(keys) - len(set(keys)),
    }


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.neighbours", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--rate", type=int, default=1, help="the quiet tenant's runs in a second (1)")
    parser.add_argument("--times", type=int, default=100, help="how many times as many the other's are (100)")
    parser.add_argument("--seconds", type=int, default=40, help="how long each part lasts (40)")
    parser.add_argument("--precision", default="normal", help="the jobs' tier (normal)")
    wanted = parser.parse_args(arguments)
    with stack_of_its_own("neighbours", wanted.engine) as (stack, _):
        before = machine()
        found = measure(stack, Wanted(wanted.rate, wanted.times, wanted.seconds, wanted.precision))
    tell({"engine": wanted.engine, "machine": before, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
