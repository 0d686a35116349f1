"""Redrive: dead letters run again at a set rate. They keep their execution id, and with it their idempotency key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.ledger import named
from tidewheel.domain.executions.states import DEAD_LETTERS
from tidewheel.domain.executions.transitions import redriven
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.ports import Clock, Jobs, Telemetry


@dataclass(frozen=True, slots=True)
class RedrivePlan:
    """Which dead letters a request runs again, and how fast.

    Args:
        versions: The version of each record as it was found, by the execution's id; 0 where there was none.
        rate: How many start in a second.
        after_ms: When the first starts (ms since the epoch), unless that is past.
        cursor: Where the list of dead letters goes on, or None.
    """

    versions: Mapping[str, int]
    rate: int
    after_ms: int = 0
    cursor: str | None = None

    def __str__(self) -> str:
        return json.dumps([dict(self.versions), self.rate, self.after_ms, self.cursor], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> RedrivePlan:
        """The inverse of ``str``."""
        return cls(*json.loads(text))


@dataclass(slots=True)
class Redriven:
    """What became of the records of one request.

    Args:
        until_ms: When one more would start (ms since the epoch); a following request passes it as ``after_ms``, so
            that the rate holds across both.
        ids: The executions that run again.
        skipped: Those that do not, each with the reason.
    """

    until_ms: int
    ids: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redrive:
    """The flow. A record and its wheel entry are written in one transaction, so a repeat runs none twice."""

    jobs: Jobs
    clock: Clock
    telemetry: Telemetry
    writer: WheelWriter

    def run(self, records: Iterable[tuple[str, Execution | None]], plan: RedrivePlan) -> Redriven:
        """Runs dead letters again.

        Args:
            records: Ids with the records as they are; None for one that does not exist. One that has been written
                since the plan was made runs again already: an earlier try of the same request, or another, saw to it.
            plan: Which, and how fast.

        Raises:
            PortError: A store failed; the records before that one run again.
        """
        done = Redriven(max(self.clock.now_ms(), plan.after_ms))
        jobs: dict[tuple[str, str], Job | None] = {}
        first_ms = done.until_ms
        for id, record in records:
            overtaken = record is not None and 0 < plan.versions[id] < record.version
            problem = "" if overtaken else self._again(record, jobs, done.until_ms)
            if problem:
                done.skipped[id] = problem
                continue
            done.ids.append(id)
            done.until_ms = first_ms + len(done.ids) * SECOND_MS // plan.rate
        self.telemetry.count("dead_letter_redriven", len(done.ids))
        return done

    def _again(self, record: Execution | None, jobs: dict[tuple[str, str], Job | None], due_ms: int) -> str:
        """Why a record does not run again; empty if it does."""
        if record is None:
            return "does not exist"
        if record.state not in DEAD_LETTERS:
            return f"is {record.state}, and no dead letter"
        if record.node is not None or (record.run is not None and record.attempt):
            return "belongs to a run of a workflow: resume that"
        key = record.tenant, record.job
        if key not in jobs:
            jobs[key] = self.jobs.get(*key, consistent=True)
        job = jobs[key]
        if job is None:
            return "its job was deleted"
        generation = self._generation(record)
        if generation is None:
            return "its job was edited before it was due"
        due_ms = max(due_ms, record.due_ms)
        queued = replace(redriven(record, self.clock.now_ms(), due_ms), generation=generation)
        entry = ExecutionEntry.of(queued, job, record.attempt + 1, due_ms)
        stored, _ = self.writer.write(entry, lambda placed: self.jobs.requeue(placed, queued))
        return "" if stored else "changed meanwhile"

    def _generation(self, record: Execution) -> int | None:
        """The generation under which it runs again; None if an edit ended it before it was due.

        In economy mode a queue may refuse an instant minutes before it is due. Edits up to then count for it, too.
        """
        id = ExecutionId.parse(record.id)
        if id.origin is not Origin.SCHEDULE or not record.ended_ahead:
            return record.generation
        rows = self.jobs.generations(record.tenant, id.job, record.generation).values()
        naming = named(rows, id.job, id.nominal_ms, id.nominal_ms + 1, most=1)
        return naming[0].generation if naming else None
