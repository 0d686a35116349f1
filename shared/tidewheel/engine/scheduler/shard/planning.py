"""Plan: what the entries of a load come to, occurrences for the dispatcher and next entries to be armed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.wheel.entries import Entry, ExecutionEntry, ScheduleEntry
from tidewheel.domain.wheel.expansion import Expansion, Firing, execution_firing, expand
from tidewheel.domain.wheel.levels import CASCADES
from tidewheel.domain.wheel.pace import Pace
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.shard.accounting import Accountant
from tidewheel.engine.scheduler.shard.arming import Arm
from tidewheel.engine.scheduler.shard.quarantine import Quarantine
from tidewheel.engine.scheduler.shard.records import Loaded
from tidewheel.engine.scheduler.shard.window import Obligation, Window


class Planner:
    """Plans what was loaded of one shard.

    Args:
        shard: Which one, under which epoch.
        dispatcher: Where occurrences go.
        pace: How the wheel is turned.
        takes: Whether the wheel still takes an entry that is due at a time (ms since the epoch).
        kept: Whether the shard is still held; asked when an occurrence is due.
        handed_ms: Up to which due time (ms since the epoch) all that packs hold is known to be handed over.
    """

    def __init__(
        self,
        shard: Shard,
        dispatcher: Dispatcher,
        pace: Pace,
        takes: Callable[[int], bool],
        kept: Callable[[], bool],
        handed_ms: int,
    ) -> None:
        self._telemetry = shard.telemetry
        self._dispatcher = dispatcher
        self._pace = pace
        self._takes = takes
        self._kept = kept
        self._handed_ms = handed_ms
        self._quarantine = Quarantine(shard)
        self._accountant = Accountant(shard, self._quarantine)

    def plan(self, window: Window, loaded: Loaded, now_ms: int) -> Sequence[Arm]:
        """Hands what fires to the dispatcher and returns what must be armed; the window owes the former.

        Args:
            window: For which the load was read.
            loaded: The load with its records.
            now_ms: The time (ms since the epoch), by which occurrences are missed or not.
        """
        self._quarantine.take(window, loaded, now_ms)
        window.singles |= loaded.load.removable
        arms = self._plan(window, loaded.load.singles.values(), loaded, now_ms, handed_ms=0)
        return arms + self._plan(window, loaded.load.packed, loaded, now_ms, self._handed_ms)

    def _plan(self, window: Window, entries: Iterable[Entry], loaded: Loaded, now_ms: int, handed_ms: int) -> list[Arm]:
        arms: list[Arm] = []
        firings: list[Firing] = []
        for entry in entries:
            if isinstance(entry, ScheduleEntry) and not window.is_new(entry):
                continue
            if window.slot.level in CASCADES:
                arms.append((window, entry))
            elif isinstance(entry, ExecutionEntry):
                firings.append(execution_firing(entry))
            elif loaded.problem(entry) is None:
                plan = self._expand(entry, loaded, now_ms, handed_ms)
                firings.extend(plan.firings)
                firings.extend(plan.late)
                self._accountant.account(window, plan)
                if plan.arm is not None:
                    arms.append((window, plan.arm))
        window.opens(Obligation.SEND, len(firings))
        self._dispatcher.add(firings, lambda: window.settles(Obligation.SEND), self._kept, now_ms)
        return arms

    def _expand(self, entry: ScheduleEntry, loaded: Loaded, now_ms: int, handed_ms: int) -> Expansion:
        key = (entry.tenant, entry.job)
        job, history = loaded.jobs.get(key), loaded.history.get(key, {})
        if job is not None and job.definition.precision is Precision.HIGH and not self._pace.loops:
            self._telemetry.count("high_precision_as_normal")
            self._telemetry.info("high precision needs a loop; treated as normal", job=job.id)
        plan = expand(entry, job, history, self._takes, now_ms, handed_ms)
        if plan.drop is not None:
            self._telemetry.count("entry_dropped", reason=plan.drop)
        return plan
