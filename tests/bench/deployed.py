"""The deployed product's part of ``make bench``: a burst of each tier, the load beside busy processors, and an outage.

All on one stack of its own, bounded to about ten minutes. It joins its figures to those of ``python -m localstack
bench`` in ``.local/bench.json``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from localstack.bench.main import machine
from localstack.show import step
from tests.bench import burst, busy, outage, show
from tests.bench.alone import keep, stack_of_its_own
from tests.e2e.stack import Stack

BURST = burst.options([])
BUSY = busy.Wanted(rate=16, seconds=60, spinners=2, precision="high", rounds=1)
OUTAGE = outage.Wanted(rate=16, what="schedulers", down_s=20, minutes=1, precision="high")


def measure(stack: Stack, folder: Path) -> dict[str, Any]:
    """All of it."""
    found: dict[str, Any] = {"machine": machine()}
    with step("Bursts: many runs that are due at one instant"):
        found |= burst.measure(stack, BURST, folder)
    with step("Runs beside processes that spin"):
        found["busy"] = busy.measure(stack, BUSY)
    with step("Runs before and after an outage of all schedulers"):
        found["outage"] = outage.measure(stack, OUTAGE)
    return found


def main() -> int:
    """Measures; the JSON goes to ``.local/bench.json`` beside the other figures, the tables to stderr."""
    argparse.ArgumentParser(prog="python -m tests.bench.deployed", description=__doc__).parse_args()
    with stack_of_its_own("bench", "ministack") as (stack, folder):
        found = measure(stack, folder)
    keep("deployed", found)
    show.deployed(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
