"""What the stores in memory share. One lock makes each write that spans several of them atomic."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeVar

from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.audit import AuditRow
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.domain.quotas.limit import Window
from tidewheel.domain.quotas.tally import Tally, TallyChange
from tidewheel.domain.repeats import Remembered
from tidewheel.domain.wheel.entries import Placed, encode
from tidewheel.domain.wheel.levels import Slot
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.workflows.records import WorkflowRecord, WorkflowVersion
from tidewheel.ports import Clock, Fenced, JobKey, TallyMoved, TooLate

V = TypeVar("V", Execution, Lock, Circuit, Tenant, ApiKey, Tally)


def refuse_late(operation: str, placed: Placed | None, clock: Clock | None) -> None:
    """Refuses what is sent after its deadline, as the ports say; without a clock nothing is.

    Raises:
        TooLate: It is too late by the clock.
    """
    if placed is not None and clock is not None and placed.is_too_late(clock.now_ms()):
        raise TooLate(operation, placed.key, tried=False)


@dataclass(slots=True)
class World:
    """The items of all stores, by kind."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    jobs: dict[JobKey, Job] = field(default_factory=dict)
    generations: dict[JobKey, dict[int, Generation]] = field(default_factory=dict)
    idempotency: dict[tuple[str, str, str], str] = field(default_factory=dict)
    executions: dict[tuple[str, str], Execution] = field(default_factory=dict)
    missed: dict[tuple[str, str], Missed] = field(default_factory=dict)
    locks: dict[JobKey, Lock] = field(default_factory=dict)
    circuits: dict[tuple[str, str], Circuit] = field(default_factory=dict)
    permits: dict[tuple[str, int], Permit] = field(default_factory=dict)
    tenants: dict[tuple[str, str], Tenant] = field(default_factory=dict)
    api_keys: dict[tuple[str, str], ApiKey] = field(default_factory=dict)
    requests: dict[tuple[str, str], Remembered] = field(default_factory=dict)
    workflows: dict[tuple[str, str], WorkflowRecord] = field(default_factory=dict)
    workflow_versions: dict[tuple[str, str, str], WorkflowVersion] = field(default_factory=dict)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    counted: dict[tuple[str, Window], int] = field(default_factory=dict)
    audit: dict[tuple[str, str], AuditRow] = field(default_factory=dict)
    lines: defaultdict[str, dict[str, LineEntry]] = field(default_factory=lambda: defaultdict(dict))
    announced: dict[str, Announced] = field(default_factory=dict)
    singles: defaultdict[Slot, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    packs: defaultdict[Slot, dict[str, tuple[str, ...]]] = field(default_factory=lambda: defaultdict(dict))
    quarantine: dict[tuple[str, str], Quarantined] = field(default_factory=dict)

    def tallied(self, change: TallyChange | None) -> Tally | None:
        """A tenant's tally after a change that is to be made; None for none.

        Raises:
            TallyMoved: It is refused.
        """
        if change is None:
            return None
        new = change.applied_to(self.tallies.get(("", change.tally.tenant)))
        if new is None:
            raise TallyMoved(change.tally.tenant)
        return new

    def tally(self, new: Tally | None) -> None:
        """Stores a tally; nothing for None."""
        if new is not None:
            self.tallies["", new.tenant] = new

    def place(self, placed: Placed | None) -> None:
        """Puts a single into its slot; nothing for None."""
        if placed is not None:
            self.singles[placed.slot][placed.key] = encode(placed.entry)

    def swap(
        self, rows: dict[tuple[str, str], V], key: tuple[str, str], new: V, expected: int | None, operation: str
    ) -> V | None:
        """Replaces the expected version of a row (None: if there is none), as the ports' ``swap`` do.

        Returns:
            None if it was written, else the row that is stored.
        """
        with self.lock:
            standing = rows.get(key)
            if standing == new:
                return None
            if standing is None and expected is not None:
                raise Fenced(operation, key[1], "the row is gone")
            if standing is not None and standing.version != expected:
                return standing
            rows[key] = new
        return None
