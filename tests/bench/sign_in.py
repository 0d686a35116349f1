"""What signing in adds to a request, in process: the authorizer's work, and what the API does before its handler.

``python -m tests.bench.sign_in`` prints JSON. Stores are in memory, so that the figures are of our own code alone.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.api.request import Request
from tests.support.api_bench import WHO, ApiBench, event, signed_in
from tests.support.issuing import ISSUER, NOW_S, Published, token
from tests.support.world_examples import a_token, an_api_key
from tidewheel.adapters.memory import MemoryApiKeys, SettableClock, World
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.errors import Unauthenticated
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.wire.endpoints.jobs import LIST_JOBS

RUNS = 5_000
WARM = 500


def timed(act: Callable[[], Any]) -> dict[str, float]:
    """Median and 99th percentile of a call, ms: of its own CPU, and of the clock, which others' work moves."""
    for _ in range(WARM):
        act()
    gc.disable()
    cpu, wall = [], []
    for _ in range(RUNS):
        began, worked = time.perf_counter_ns(), time.thread_time_ns()
        act()
        cpu.append((time.thread_time_ns() - worked) / 1e6)
        wall.append((time.perf_counter_ns() - began) / 1e6)
    gc.enable()
    found = {"n": RUNS}
    for name, took in (("cpu", cpu), ("wall", wall)):
        found |= {
            f"{name}_p50_ms": round(statistics.median(took), 4),
            f"{name}_p99_ms": round(sorted(took)[RUNS * 99 // 100], 4),
        }
    return found


def report() -> dict[str, Any]:
    """All figures."""
    keys, clock = MemoryApiKeys(World()), SettableClock(NOW_S * 1_000)
    keys.swap(an_api_key(1))
    sign_in = SignIn(keys, clock, JwtVerifier([ISSUER], Published().fetch, clock))
    by_key, by_token, stranger = f"Bearer {a_token(1)}", f"Bearer {token()}", f"Bearer {a_token(2)}"
    bench = ApiBench()
    services = bench.services()
    made = APIGatewayProxyEvent(signed_in(event("GET", "/v1/jobs"), Grant(WHO)))

    def admit() -> None:
        Request(made, LIST_JOBS, {}, lambda: services).authorize()

    def refused() -> None:
        with suppress(Unauthenticated):
            sign_in.grant(stranger)

    return {
        "authorize by key": timed(lambda: sign_in.grant(by_key).context()),
        "authorize by token (RS256)": timed(lambda: sign_in.grant(by_token).context()),
        "refuse an unknown key": timed(refused),
        "admit at the API": timed(admit),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report(), indent=2) + "\n")
