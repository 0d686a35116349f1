"""Answers as tables for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.text import Text

from tidewheel.cli.tables import Rows, facts, time
from tidewheel.wire.bodies.audit import AuditAnswer, AuditList
from tidewheel.wire.bodies.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.bodies.execution import AttemptAnswer, ExecutionAnswer, ExecutionList, LedgerAnswer
from tidewheel.wire.bodies.health import Health
from tidewheel.wire.bodies.job import JobAnswer, JobList, Upcoming
from tidewheel.wire.bodies.usage import Usage
from tidewheel.wire.values import duration, short_duration


def page_of(table: RenderableType, count: int, what: str, cursor: str | None) -> RenderableType:
    if not count:
        told = (
            f"No {what}." if cursor is None else f"No {what} so far; the search has stopped. Go on: --cursor {cursor}"
        )
        return Text(told)
    return table if cursor is None else Group(table, Text(f"There are more: --cursor {cursor}", style="dim"))


def _schedule(job: JobAnswer) -> str:
    return job.schedule.summary() if job.schedule else "now"


def _last(job: JobAnswer) -> str | None:
    return job.last_run.state if job.last_run else None


def jobs(page: JobList) -> RenderableType:
    """A page of jobs."""
    heads = ("NAME", "STATE", "LAST", "NEXT FIRE", "SCHEDULE", "TARGET", "ID")
    rows = [
        (job.name, job.state, _last(job), _second(job.next_fire_at), _schedule(job), job.target.summary(), job.id)
        for job in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "jobs", page.cursor)


def job(found: JobAnswer) -> RenderableType:
    """One job: everything that was set, and everything that is not, with what holds then."""
    retry, misfire = found.retry, found.misfire
    return facts(
        [
            ("id", found.id),
            ("name", f"{found.name} (unique)" if found.unique_name else found.name),
            ("tenant", found.tenant),
            ("state", found.state),
            ("schedule", _schedule(found)),
            *_details(found.schedule, {"at", "every", "cron", "timezone"}),
            ("start", found.start),
            ("end", found.end),
            ("next fire", found.next_fire_at),
            ("last run", f"{found.last_run.state} {found.last_run.id}" if found.last_run else None),
            ("target", found.target.summary()),
            *_details(found.target, {"kind"}),
            ("pool", found.pool),
            ("priority", found.priority),
            ("precision", found.precision),
            ("jitter", found.jitter),
            ("window", found.window),
            ("timeout", found.timeout),
            ("deadline", found.deadline),
            ("heartbeat", found.heartbeat),
            ("retry", f"{retry.max_attempts} attempts in all, {retry.strategy}"),
            (
                "  delays",
                f"{short_duration(retry.base)} to {short_duration(retry.cap)}, {retry.jitter:.0%} more or less",
            ),
            ("  on", ", ".join(retry.on) or "what may pass: time-outs, broken connections, 5xx, 408, 425, 429"),
            ("overlap", found.overlap),
            ("misfire", f"{misfire.policy} after {short_duration(misfire.grace)}, {misfire.limit} runs at most"),
            ("tags", " ".join(f"{name}:{value}" for name, value in sorted(found.tags.items()))),
            ("generation", found.generation),
            ("created", found.created_at),
            ("updated", found.updated_at),
            *(("warning", one) for one in found.warnings),
        ]
    )


def _details(part: BaseModel | None, told: AbstractSet[str]) -> list[tuple[str, object]]:
    """The fields of a schedule or target that are set, besides those of its summary."""
    if part is None:
        return []
    kept = part.model_dump(mode="json", exclude=set(told), exclude_none=True)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in kept.items()}
    times = {name: value for name in kept if isinstance(value := getattr(part, name), datetime | timedelta)}
    return [(f"  {name}", times.get(name, text)) for name, text in texts.items() if text not in {"", "{}", "[]"}]


def upcoming(found: Upcoming) -> RenderableType:
    """The next occurrences, each with the time since the one before and the id by which it can be cancelled."""
    before: datetime | None = None
    rows = []
    for one in found.items:
        gap = "" if before is None else f"+{short_duration(one.nominal_at - before)}"
        state = "cancelled" if one.cancelled else ""
        rows.append((one.nominal_at, one.due_at, gap, state, one.execution))
        before = one.nominal_at
    return page_of(Rows(("NOMINAL", "DUE", "GAP", "STATE", "EXECUTION"), rows), len(rows), "instants to come", None)


def executions(page: ExecutionList) -> RenderableType:
    """A page of executions."""
    heads = ("ID", "STATE", "DUE", "LATE", "TOOK", "TRY", "REASON")
    rows = [
        (one.id, one.state, _second(one.due_at), _ms(one.lateness_ms), _took(one), one.attempt, _why(one))
        for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "executions", page.cursor)


def audit(page: AuditList) -> RenderableType:
    """A page of the audit log."""
    heads = ("AT", "PRINCIPAL", "ADDRESS", "OPERATION", "ABOUT", "CAME TO")
    rows = [
        (_second(one.at), one.principal, one.address, one.operation, ", ".join(one.subjects), _came_to(one))
        for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "entries", page.cursor)


def _came_to(one: AuditAnswer) -> str:
    more = f" (and {one.more} more refusals)" if one.more else ""
    return f"{one.status or 'tried'} {one.problem or ''}".strip() + more


def circuits(page: CircuitList) -> RenderableType:
    """A page of circuits."""
    heads = ("PARTY", "STATE", "FAILURES", "SINCE", "OPEN UNTIL")
    rows = [
        (one.party, one.state, one.failures, _second(one.failing_since), _second(one.open_until)) for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "parties that failed lately", page.cursor)


def circuit(found: CircuitAnswer) -> RenderableType:
    """One circuit."""
    return facts(
        [
            ("party", found.party),
            ("id", found.id),
            ("state", found.state),
            ("failures", found.failures),
            ("since", found.failing_since),
            ("open until", found.open_until),
        ]
    )


def health(found: Health) -> RenderableType:
    """The deployment's health."""
    return facts(
        [
            ("state", found.state),
            ("since", found.since),
            *(("reason" if not number else "", reason.text) for number, reason in enumerate(found.reasons)),
        ]
    )


def usage(found: Usage) -> RenderableType:
    """A tenant's limits: first those that it has."""
    heads = ("LIMIT", "USED", "ALLOWED", "WHOLE AGAIN")
    ordered = sorted(found.limits, key=lambda one: one.allowed is None)
    rows = [(one.limit, _plain(one.used), _plain(one.allowed) or "any", _second(one.reset_at)) for one in ordered]
    return page_of(Rows(heads, rows), len(rows), f"limits of {found.tenant}, plan {found.plan}", None)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _why(one: ExecutionAnswer) -> str:
    """The reason; for a range, with how many instants it holds and up to when."""
    if one.until is None:
        return one.reason
    return f"{one.reason}: {one.count or 'over 10000'} to {time(one.until)}"


def ledger(found: LedgerAnswer) -> RenderableType:
    """The accounts of a job's instants."""
    heads = ("NOMINAL", "DELAY", "STATE", "REASON", "EXECUTION")
    rows = [(one.nominal_at, one.due_at - one.nominal_at, one.state, one.reason, one.execution) for one in found.items]
    counts = ", ".join(f"{count} {state}" for state, count in Counter(one.state for one in found.items).most_common())
    table = page_of(Rows(heads, rows), len(rows), "instants in that time", None)
    return Group(table, Text(counts, style="bold")) if rows else table


def _ms(value: int | None) -> timedelta | None:
    return None if value is None else duration(value)


def _took(one: ExecutionAnswer | AttemptAnswer) -> timedelta | None:
    if one.started_at is None or one.finished_at is None:
        return None
    return one.finished_at - one.started_at


def _second(value: datetime | None) -> datetime | None:
    """The time to the second, for lists: the ms are told where one thing is shown."""
    return None if value is None else value.replace(microsecond=0)


def execution(found: ExecutionAnswer) -> RenderableType:
    """One execution with its attempts and its timeline."""
    head = facts(
        [
            ("id", found.id),
            ("job", found.job),
            ("state", found.state),
            ("origin", found.origin),
            ("nominal", found.nominal_at),
            ("due", found.due_at),
            ("started", found.started_at),
            ("finished", found.finished_at),
            ("lateness", _ms(found.lateness_ms)),
            ("queue time", _ms(found.queue_ms)),
            ("run time", _ms(found.run_ms)),
            ("generation", found.generation),
            ("output", found.output),
            ("reason", found.reason),
            *([("cancel", found.cancel_requested)] if found.cancel_requested else []),
        ]
    )
    heads = ("ATTEMPT", "RESULT", "STATUS", "STARTED", "TOOK", "REASON")
    rows = [(one.number, one.result, one.status, one.started_at, _took(one), one.reason) for one in found.attempts]
    parts: list[RenderableType] = [head]
    if rows:
        parts += [Text(), Rows(heads, rows)]
    if found.timeline:
        parts += [Text(), _timeline(found)]
    return Group(*parts)


def _timeline(found: ExecutionAnswer) -> RenderableType:
    """The timeline; the second column is the time after the due time, or before it."""
    rows = [
        (one.at, _offset(one.at - found.due_at), one.event.replace("_", " "), one.attempt, one.detail)
        for one in found.timeline
    ]
    return Rows(("TIME", "OFFSET", "EVENT", "ATTEMPT", "DETAIL"), rows)


def _offset(value: timedelta) -> str:
    return f"-{short_duration(-value)}" if value < timedelta() else f"+{short_duration(value)}"
