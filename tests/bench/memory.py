"""What a scheduler that has loaded many entries weighs: the peak of a fresh process, less that of an idle one."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.cpu import Sink
from tests.support.billing_bench import NoLauncher
from tests.support.ends import ends_of
from tests.support.world_examples import NOW_MS, a_job, schedule_entry
from tidewheel.adapters.memory import (
    InlineExecutor,
    MemoryControl,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryWheel,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.domain.ids import _decode32
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import MINUTE_MS, PACK_ENTRIES, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.entries import decode, encode
from tidewheel.domain.wheel.levels import Level, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.ports import JobKey

_UNIT = 1 if sys.platform == "darwin" else 1_024  # getrusage gives bytes there, kilobytes elsewhere
_PAGE = 40 * PACK_ENTRIES
_LATE_MS = 50 * SECOND_MS  # in the minute: all is loaded long before anything fires


def _job(number: int) -> Job:
    anchor = NOW_MS + MINUTE_MS + _LATE_MS + number % SECOND_MS
    return a_job(number, schedule=Schedule(Every(MINUTE_MS, anchor)))


class Source(MemoryWheel):
    """A wheel one of whose slots is full of entries that are made as they are read, so that it weighs nothing."""

    def __init__(self, entries: int) -> None:
        super().__init__(World())
        self._entries = entries

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """A page holds as many full packs as fit a megabyte, as DynamoDB has it."""
        if (slot.level, slot.start_ms) != (Level.MINUTES, NOW_MS + MINUTE_MS) or span == SINGLES:
            return super().load(slot, span)
        first = int(span.after or 0)
        last = min(first + _PAGE, self._entries)
        packs = {
            str(start): [self._read(number) for number in range(start, min(start + PACK_ENTRIES, last))]
            for start in range(first, last, PACK_ENTRIES)
        }
        return Load(packs=packs, rest=replace(span, after=str(last)) if last < self._entries else None)

    @staticmethod
    def _read(number: int) -> Any:
        due = NOW_MS + MINUTE_MS + _LATE_MS + number % SECOND_MS
        return decode(encode(schedule_entry(_job(number), due)))


class Records(MemoryJobs):
    """Jobs' records, made as they are read."""

    def batch(self, keys: Iterable[JobKey]) -> Mapping[JobKey, Job]:
        return {key: _job(_decode32(key[1].removeprefix("j"))) for key in keys}


class Nowhere(Source):
    """Keeps no packs: what is armed leaves the process."""

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Any]) -> None:
        """Nothing has to be stored."""


def peak() -> int:
    """Bytes at the peak of this program: by Linux's own mark, since getrusage counts the parent before the exec."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def weigh(entries: int) -> int:
    """Bytes at the peak of this process, with so many entries loaded."""
    clock, wheel = SettableClock(NOW_MS), Nowhere(entries)
    world = World()
    control = MemoryControl()
    stores, layouts = (
        Stores(wheel, Records(world), MemoryExecutions(world), control, control, control),
        LayoutCache(control, clock, 1),
    )
    telemetry = RecordingTelemetry()
    ends = ends_of(stores.executions, MemoryLocks(world), wheel, Sink(), layouts, clock, telemetry, stores.jobs)
    scheduler_loop = SchedulerLoop(
        stores, Sink(), NoLauncher(), clock, telemetry, InlineExecutor(), layouts, ends, "bench", "v1"
    )
    scheduler_loop.run(lambda: NOW_MS + MINUTE_MS + 30 * SECOND_MS - clock.now_ms())
    assert not telemetry.errors
    assert telemetry.counts["entry_armed"] == entries
    assert telemetry.counts["execution_dispatched"] == 0
    return peak()


def _fresh(entries: int) -> int:
    command = [sys.executable, "-m", "tests.bench.memory", str(entries)]
    return int(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def held(entries: int) -> dict[str, Any]:
    """The peak with and without the entries, each in a process of its own."""
    idle, full = _fresh(0), _fresh(entries)
    return {
        "samples": entries,
        "peak_mb": round(full / 2**20, 1),
        "idle_mb": round(idle / 2**20, 1),
        "bytes_per_entry": round((full - idle) / entries),
    }


if __name__ == "__main__":
    print(weigh(int(sys.argv[1])))  # noqa: T201
