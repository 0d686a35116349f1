"""Calls on executions: their history, their logs, what became of each instant, and those that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from tidewheel.client.flow import Flow, Item, Stream, all_items
from tidewheel.client.sending import call
from tidewheel.wire.bodies.execution import ExecutionAnswer, ExecutionList, LedgerAnswer, LogAnswer
from tidewheel.wire.bodies.redrive import RedriveAnswer
from tidewheel.wire.endpoints.dead_letters import LIST_DEAD_LETTERS, REDRIVE_DEAD_LETTERS
from tidewheel.wire.endpoints.executions import CANCEL_EXECUTION, GET_EXECUTION, LIST_EXECUTIONS, LIST_RUNS, RUN_JOB
from tidewheel.wire.endpoints.ledger import GET_LEDGER
from tidewheel.wire.endpoints.logs import READ_LOG
from tidewheel.wire.parameters import IDEMPOTENCY_KEY


class RunFilters(TypedDict, total=False):
    """Which executions a list across jobs is to have.

    Args:
        states: In any of these; empty for all. Dead letters alone come by their end, others by nominal time.
        job: Of one job: its id, the beginning of it, or its name.
        start: From when on, in RFC 3339; else a day before the end, or of one job all that is kept.
        end: Until when, not included; else now.
    """

    states: Sequence[str]
    job: str | None
    start: str | None
    end: str | None


def run_job(id: str, *, key: str | None = None) -> Flow[ExecutionAnswer]:
    """Runs a job now; the same key again gives the same execution."""
    return call(RUN_JOB, {"id": id, IDEMPOTENCY_KEY: key})


def executions_page(job: str, *, limit: int | None = None, cursor: str | None = None) -> Flow[ExecutionList]:
    """One page of a job's executions, newest nominal time first."""
    return call(LIST_EXECUTIONS, {"id": job, "limit": limit, "cursor": cursor})


def executions(job: str, *, page: int | None = None) -> Stream[ExecutionAnswer]:
    """All executions of a job, newest nominal time first, fetched page by page."""
    return all_items(lambda cursor: executions_page(job, limit=page, cursor=cursor))


def runs_page(
    *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[RunFilters]
) -> Flow[ExecutionList]:
    """One page of the executions across jobs that the filters (``RunFilters``) leave.

    Args:
        limit: How many at most; a page may be shorter though others follow.
        cursor: The last page's cursor.
        filters: Which executions.
    """
    values: dict[str, Any] = {
        "state": list(filters.get("states", ())),
        "job": filters.get("job"),
        "from": filters.get("start"),
        "to": filters.get("end"),
    }
    return call(LIST_RUNS, {**values, "limit": limit, "cursor": cursor})


def runs(*, page: int | None = None, **filters: Unpack[RunFilters]) -> Stream[ExecutionAnswer]:
    """All executions across jobs that the filters (``RunFilters``) leave, fetched page by page.

    Args:
        page: How many a page has at most.
        filters: Which executions.
    """
    return all_items(lambda cursor: runs_page(limit=page, cursor=cursor, **filters))


def ledger_page(
    job: str, *, start: str | None = None, end: str | None = None, cursor: str | None = None
) -> Flow[LedgerAnswer]:
    """As much of a job's ledger in [start, end) as one answer holds; times in RFC 3339."""
    return call(GET_LEDGER, {"id": job, "from": start, "to": end, "cursor": cursor})


def ledger(job: str, *, start: str | None = None, end: str | None = None) -> Flow[LedgerAnswer]:
    """How each instant that a job's schedule named in [start, end) is accounted for; times in RFC 3339."""
    pages = [(yield from ledger_page(job, start=start, end=end))]
    while pages[-1].cursor is not None:
        pages.append((yield from ledger_page(job, start=start, end=end, cursor=pages[-1].cursor)))
    whole = {
        "end": pages[-1].end,
        "missing": sum(page.missing for page in pages),
        "items": tuple(line for page in pages for line in page.items),
        "cursor": None,
    }
    return pages[0].model_copy(update=whole)


def execution(id: str) -> Flow[ExecutionAnswer]:
    """One execution."""
    return call(GET_EXECUTION, {"id": id})


def logs_page(id: str, *, attempt: int | None = None, cursor: str | None = None) -> Flow[LogAnswer]:
    """A piece of the log of an execution's attempt, the newest unless one is named."""
    return call(READ_LOG, {"id": id, "attempt": attempt, "cursor": cursor})


def logs(id: str, *, attempt: int | None = None) -> Stream[str]:
    """The log of an execution's attempt as it is now, fetched page by page."""
    cursor: str | None = None
    while True:
        found = yield from logs_page(id, attempt=attempt, cursor=cursor)
        yield Item(found.text)
        attempt, cursor = found.attempt, found.cursor
        if cursor is None or not found.text:
            return


def cancel(id: str, reason: str = "", *, key: str | None = None) -> Flow[ExecutionAnswer]:
    """Cancels an execution, or an occurrence to come; one that runs has ``cancel_requested`` until it ends."""
    body = {"reason": reason} if reason else None
    return call(CANCEL_EXECUTION, {"id": id, IDEMPOTENCY_KEY: key}, body)


def dead_letters_page(
    *, job: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Flow[ExecutionList]:
    """One page of the executions that ended without success, or of a job's, the last to end first."""
    return call(LIST_DEAD_LETTERS, {"job": job, "limit": limit, "cursor": cursor})


def dead_letters(*, job: str | None = None, page: int | None = None) -> Stream[ExecutionAnswer]:
    """All executions that ended without success, or a job's, the last to end first, fetched page by page."""
    return all_items(lambda cursor: dead_letters_page(job=job, limit=page, cursor=cursor))


def redrive(which: Mapping[str, Any]) -> Flow[RedriveAnswer]:
    """Runs up to a hundred dead letters again. A repeat runs none twice.

    Args:
        which: ``ids``, ``job`` or ``all``; ``rate``; and for the next hundred the last answer's ``cursor``, and its
            ``until`` as ``after``.
    """
    return call(REDRIVE_DEAD_LETTERS, body=which)
