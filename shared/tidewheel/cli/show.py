"""Answers as tables for people. Times are shown in local time, with their offset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tidewheel.wire.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.execution import ExecutionAnswer, ExecutionList, LedgerAnswer
from tidewheel.wire.job import JobAnswer, JobList, Upcoming
from tidewheel.wire.model import unfit
from tidewheel.wire.values import format_duration, local_time

_STYLES = {
    "active": "green",
    "succeeded": "green",
    "paused": "yellow",
    "queued": "cyan",
    "running": "cyan",
    "retrying": "yellow",
    "failed": "red",
    "dead": "red",
    "timed_out": "red",
    "skipped": "yellow",
    "pending": "cyan",
    "missing": "red",
    "closed": "green",
    "half_open": "yellow",
    "open": "red",
}


def legible(line: str) -> str:
    """A line without control characters, which may come from a target's answer: a terminal would obey them."""
    return "".join("·" if unfit(c) else c for c in line)


def _text(value: object) -> Text:
    plain = "-" if value is None or value == "" else str(value)
    return Text(legible(plain), style=_STYLES.get(plain, ""))


def time(value: datetime | None) -> str:
    """The time in local time, or a dash if there is none."""
    return "-" if value is None else local_time(value)


def _rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head in {"ID", "STATE"})
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """A table of two columns: names and values."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), _text(value))
    return table


def _page(table: Table, count: int, what: str, cursor: str | None) -> RenderableType:
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
        (job.name, job.state, _last(job), time(job.next_fire_at), _schedule(job), job.target.summary(), job.id)
        for job in page.items
    ]
    return _page(_rows(heads, rows), len(rows), "jobs", page.cursor)


def job(found: JobAnswer) -> RenderableType:
    """One job."""
    retry, misfire = found.retry, found.misfire
    bounds = [("start", found.start), ("end", found.end)]
    return facts(
        [
            ("id", found.id),
            ("name", found.name),
            ("state", found.state),
            ("schedule", _schedule(found)),
            *((name, time(bound)) for name, bound in bounds if bound),
            ("next fire", time(found.next_fire_at)),
            ("last run", f"{found.last_run.state} {found.last_run.id}" if found.last_run else None),
            ("target", found.target.summary()),
            ("priority", found.priority),
            ("precision", found.precision),
            ("jitter", format_duration(found.jitter)),
            ("window", format_duration(found.window)),
            ("timeout", format_duration(found.timeout)),
            ("retry", f"{retry.max_attempts} attempts, {retry.strategy} from {format_duration(retry.base)}"),
            ("overlap", found.overlap),
            ("misfire", f"{misfire.policy} after {format_duration(misfire.grace)}, {misfire.limit} runs at most"),
            ("tags", " ".join(f"{name}:{value}" for name, value in sorted(found.tags.items()))),
            ("generation", found.generation),
            ("created", time(found.created_at)),
            ("updated", time(found.updated_at)),
        ]
    )


def upcoming(found: Upcoming) -> RenderableType:
    """The next occurrences; the last column is the time since the one before."""
    before: datetime | None = None
    rows = []
    for one in found.items:
        gap = "" if before is None else f"+{format_duration(one.nominal_at - before)}"
        rows.append((time(one.nominal_at), time(one.due_at), gap))
        before = one.nominal_at
    return _page(_rows(("NOMINAL", "DUE", "GAP"), rows), len(rows), "instants to come", None)


def executions(page: ExecutionList) -> RenderableType:
    """A page of executions."""
    heads = ("ID", "STATE", "DUE", "LATENESS", "TOOK", "ATTEMPTS", "REASON")
    rows = [
        (one.id, one.state, time(one.due_at), _ms(one.lateness_ms), _took(one), one.attempt, _why(one))
        for one in page.items
    ]
    return _page(_rows(heads, rows), len(rows), "executions", page.cursor)


def circuits(page: CircuitList) -> RenderableType:
    """A page of circuits."""
    heads = ("PARTY", "STATE", "FAILURES", "SINCE", "OPEN UNTIL")
    rows = [(one.party, one.state, one.failures, time(one.failing_since), time(one.open_until)) for one in page.items]
    return _page(_rows(heads, rows), len(rows), "parties that failed lately", page.cursor)


def circuit(found: CircuitAnswer) -> RenderableType:
    """One circuit."""
    return facts(
        [
            ("party", found.party),
            ("id", found.id),
            ("state", found.state),
            ("failures", found.failures),
            ("since", time(found.failing_since)),
            ("open until", time(found.open_until)),
        ]
    )


def _why(one: ExecutionAnswer) -> str:
    """The reason; for a range, with how many instants it holds and up to when."""
    if one.until is None:
        return one.reason
    return f"{one.reason}: {one.count or 'over 10000'} to {time(one.until)}"


def ledger(found: LedgerAnswer) -> RenderableType:
    """The accounts of a job's instants."""
    heads = ("NOMINAL", "DUE", "STATE", "REASON", "EXECUTION")
    rows = [(time(one.nominal_at), time(one.due_at), one.state, one.reason, one.execution) for one in found.items]
    counts = ", ".join(f"{count} {state}" for state, count in Counter(one.state for one in found.items).most_common())
    table = _page(_rows(heads, rows), len(rows), "instants in that time", None)
    return Group(table, Text(counts, style="bold")) if rows else table


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"


def _took(one: ExecutionAnswer) -> str:
    if one.started_at is None or one.finished_at is None:
        return "-"
    return format_duration(one.finished_at - one.started_at)


def execution(found: ExecutionAnswer) -> RenderableType:
    """One execution with its attempts and its timeline."""
    head = facts(
        [
            ("id", found.id),
            ("job", found.job),
            ("state", found.state),
            ("origin", found.origin),
            ("nominal", time(found.nominal_at)),
            ("due", time(found.due_at)),
            ("started", time(found.started_at)),
            ("finished", time(found.finished_at)),
            ("lateness", _ms(found.lateness_ms)),
            ("queue time", _ms(found.queue_ms)),
            ("run time", _ms(found.run_ms)),
            ("generation", found.generation),
            ("output", found.output),
            ("reason", found.reason),
            *([("cancel", found.cancel_requested)] if found.cancel_requested else []),
        ]
    )
    heads = ("ATTEMPT", "RESULT", "STATUS", "STARTED", "FINISHED", "REASON")
    rows = [
        (one.number, one.result, one.status, time(one.started_at), time(one.finished_at), one.reason)
        for one in found.attempts
    ]
    parts: list[RenderableType] = [head]
    if rows:
        parts += [Text(), _rows(heads, rows)]
    if found.timeline:
        parts += [Text(), _timeline(found)]
    return Group(*parts)


def _timeline(found: ExecutionAnswer) -> RenderableType:
    """The timeline; the second column is the time after the due time, or before it."""
    rows = [
        (time(one.at), _offset(one.at - found.due_at), one.event.replace("_", " "), one.attempt, one.detail)
        for one in found.timeline
    ]
    return _rows(("TIME", "OFFSET", "EVENT", "ATTEMPT", "DETAIL"), rows)


def _offset(value: timedelta) -> str:
    return f"-{format_duration(-value)}" if value < timedelta() else f"+{format_duration(value)}"
