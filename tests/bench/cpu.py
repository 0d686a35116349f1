"""What the scheduler's own code costs a core: load, plan, fire, arm and retire, a whole minute in steady state."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.billing import Bill
from tests.support.billing_bench import Bench
from tests.support.engines import ministack
from tests.support.world import Backend, memory, ministack_world
from tests.support.world_examples import NOW_MS, a_job
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.every import Every

_BEGIN_MS = NOW_MS + 2 * MINUTE_MS + MINUTE_MS // 2
_TOP = 14


class Sink:
    """A queue that takes everything and keeps nothing."""

    def send(self, route: Route, dispatches: Sequence[Dispatch], delays_s: Sequence[int] = ()) -> Sequence[bool]:
        return [True] * len(dispatches)

    def retry_later(self, route: Route, receipt: str, delay_ms: int) -> None:
        """Nothing is kept that could come back."""


@dataclass
class Meter:
    """Reads the process's CPU time (s) at both ends of the window, and profiles what lies between."""

    profile: cProfile.Profile | None = None
    begin: float = 0
    used_s: float = 0

    def mark(self) -> None:
        if not self.begin:
            self.begin = time.process_time()
            if self.profile:
                self.profile.enable()
            return
        if self.profile:
            self.profile.disable()
        self.used_s = time.process_time() - self.begin


def measured(backend: Backend, jobs: int, shards: int, meter: Meter, *, deployed: bool = False) -> int:
    """Turns every-minute jobs, spread evenly over the minute, through one minute; the answer is how many fired."""
    queue = backend.queue if deployed else Sink()
    bench = Bench(backend, Bill(), NOW_MS - 5 * SECOND_MS, queue, shards)
    anchors = (NOW_MS + number * MINUTE_MS // max(1, jobs) for number in range(jobs))
    bench.create([a_job(n, schedule=Schedule(Every(MINUTE_MS, anchor))) for n, anchor in enumerate(anchors)])
    bench.at_window = meter.mark
    bench.turn(_BEGIN_MS, _BEGIN_MS + MINUTE_MS)
    return bench.fires


def _figures(fires: int, used_s: float, idle_s: float) -> dict[str, Any]:
    return {
        "samples": fires,
        "cpu_seconds": round(used_s, 3),
        "idle_minute_cpu_seconds": round(idle_s, 3),
        "cpu_us_per_fire": round(used_s / fires * 1e6, 1),
        "us_beyond_the_idle_loop": round((used_s - idle_s) / fires * 1e6, 1),
        "fires_per_second_and_core": round(fires / used_s),
    }


def own_code(jobs: int, shards: int) -> dict[str, Any]:
    """Over stores in memory: the domain, the engine, and the entries' codec."""
    idle, busy = Meter(), Meter()
    with memory() as backend:
        measured(backend, 0, shards, idle)
    with memory() as backend:
        fires = measured(backend, jobs, shards, busy)
    return {"shards": shards, **_figures(fires, busy.used_s, idle.used_s)}


def as_deployed(jobs: int, shards: int) -> dict[str, Any]:
    """With boto3's clients against the emulator: the CPU of this process, which is all client."""
    idle, busy = Meter(), Meter()
    with ministack() as endpoint:
        with ministack_world(endpoint) as backend:
            measured(backend, 0, shards, idle, deployed=True)
        with ministack_world(endpoint) as backend:
            fires = measured(backend, jobs, shards, busy, deployed=True)
    return {"shards": shards, **_figures(fires, busy.used_s, idle.used_s)}


def profiled(jobs: int, shards: int) -> dict[str, Any]:
    """Where the time goes, in a run of its own, since a profiler slows what it watches."""
    meter = Meter(cProfile.Profile())
    with memory() as backend:
        fires = measured(backend, jobs, shards, meter)
    assert meter.profile is not None
    stats = pstats.Stats(meter.profile)
    total: float = stats.total_tt  # type: ignore[attr-defined]
    rows: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    named = [
        {
            "function": f"{file.rpartition('tidewheel/')[2].removesuffix('.py')}:{name}",
            "calls_per_fire": round(calls / fires, 2),
            "own_share": round(own / total, 3),
            "share": round(cumulative / total, 3),
        }
        for (file, _, name), (_, calls, own, cumulative, _) in rows.items()
    ]
    by_share = sorted((row for row in named if "/" in row["function"]), key=lambda row: -row["share"])
    by_own = sorted(named, key=lambda row: -row["own_share"])
    return {"samples": fires, "by_share": by_share[:_TOP], "by_own_share": by_own[:_TOP]}
