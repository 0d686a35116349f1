"""The engine's part of ``make bench``: CPU, billed units, memory, cold starts and the price of an idle month.

It joins its figures to those of ``python -m localstack bench``, which is a user of the deployed product and may not
look inside; tests may, and so what drives the engine itself lies here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from localstack.bench.main import machine
from localstack.settings import REGION

ENTRIES, DEPLOYED, PROFILED, HELD = 100_000, 1_000, 20_000, 50_000
EXECUTED = 10_000
COST_ROUNDS = 3
SHARDS, ECONOMY_SHARDS = 16, 2


def _measure() -> dict[str, Any]:
    from tests.bench import cold_start, cpu, idle, memory, run_cost, units, worker  # noqa: PLC0415 - after the credentials have been set
    from tests.support.engines import ministack  # noqa: PLC0415

    with ministack() as endpoint:
        billed = units.per_fire(endpoint)
        month = idle.month(endpoint, SHARDS)
        economy = idle.economy(endpoint, ECONOMY_SHARDS)
    parts: dict[str, Callable[[], Any]] = {
        "own_code": lambda: cpu.own_code(ENTRIES, SHARDS),
        "with_boto3": lambda: cpu.as_deployed(DEPLOYED, SHARDS),
        "profile": lambda: cpu.profiled(PROFILED, SHARDS),
        "memory": lambda: memory.held(HELD),
        "worker": lambda: worker.per_execution(EXECUTED, DEPLOYED),
        "run_cost": lambda: run_cost.measure(COST_ROUNDS, run_cost.RUNS),
        "cold_start": cold_start.measure,
    }
    idle_months = {"idle_month": month, "idle_month_in_economy_mode": economy}
    return {**{name: part() for name, part in parts.items()}, "billed_per_fire": billed, **idle_months}


def main() -> int:
    """Measures; the JSON goes to ``.local/bench.json`` beside the lateness, the tables to stderr."""
    argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__).parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": REGION}
    os.environ.pop("AWS_ENDPOINT_URL", None)
    from tests.bench import show  # noqa: PLC0415
    from tests.bench.alone import keep  # noqa: PLC0415

    found = {"machine": machine(), **_measure()}
    keep("engine_alone", found)
    show.tables(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
