"""Calls on jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from tidewheel.client.errors import not_one
from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call
from tidewheel.wire.bodies.bulk import BulkAnswer
from tidewheel.wire.bodies.job import JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.endpoints.jobs import (
    BULK_JOBS,
    CREATE_JOB,
    DELETE_JOB,
    EDIT_JOB,
    GET_JOB,
    LIST_JOBS,
    LIST_UPCOMING,
    PAUSE_JOB,
    REPLACE_JOB,
    RESUME_JOB,
)
from tidewheel.wire.parameters import IDEMPOTENCY_KEY, IF_MATCH

Body = JobBody | Mapping[str, Any]
"""A job as a model or as its JSON."""

_CANDIDATES = 5
_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]+")
"""What the path of a URL holds as it is, whatever lies between client and API."""


class JobFilters(TypedDict, total=False):
    """Which jobs a list is to have: those for which all that is given holds.

    Args:
        state: ``active``, ``paused``, ``completed`` or ``failed``; of the last two, what ended last comes first.
        tags: ``key:value``, all of which a job must have.
        name_prefix: How its name begins; the jobs then come by name.
        last_result: In which of these states its last run ended, such as ``dead``.
        ref: An id, the beginning of an id, or a name; without any other filter.
        next_fire_after: It fires next at this time or later, in RFC 3339.
        next_fire_before: It fires next before this time, in RFC 3339.
        owner: Who created it: a principal's name, as ``created_by`` has it.
        kinds: Its target is of one of these kinds, such as ``http``.
    """

    state: str | None
    tags: Sequence[str]
    name_prefix: str | None
    last_result: Sequence[str]
    ref: str | None
    next_fire_after: str | None
    next_fire_before: str | None
    owner: str | None
    kinds: Sequence[str]


def _json(body: Body) -> Mapping[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True) if isinstance(body, JobBody) else body


def _match(generation: int | None) -> str | None:
    return None if generation is None else f'"{generation}"'


def _dry(wanted: bool) -> Mapping[str, str | None]:  # noqa: FBT001 - what an option of a call says
    return {"dry_run": "true" if wanted else None}


def create_job(job: Body, *, key: str | None = None, dry_run: bool = False) -> Flow[JobAnswer]:
    """Creates a job; the same key and body again give the same job.

    With ``dry_run`` nothing is written: the answer says what would be, with its ``preview``. So do the edits.
    """
    return call(CREATE_JOB, {IDEMPOTENCY_KEY: key, **_dry(dry_run)}, _json(job))


def jobs_page(*, limit: int | None = None, cursor: str | None = None, **filters: Unpack[JobFilters]) -> Flow[JobList]:
    """One page of the jobs that the filters (``JobFilters``) leave, the newest first.

    Args:
        limit: How many at most; a page may be shorter though others follow.
        cursor: The last page's cursor.
        filters: Which jobs.
    """
    several = {
        "tag": list(filters.get("tags", ())),
        "last_result": list(filters.get("last_result", ())),
        "kind": list(filters.get("kinds", ())),
    }
    named = {name: value for name, value in filters.items() if name not in {"tags", "last_result", "kinds"}}
    values: dict[str, Any] = {**named, **several, "limit": limit, "cursor": cursor}
    return call(LIST_JOBS, values)


def jobs(*, page: int | None = None, **filters: Unpack[JobFilters]) -> Stream[JobAnswer]:
    """All jobs that the filters (``JobFilters``) leave, fetched page by page.

    Args:
        page: How many a page has at most.
        filters: Which jobs.
    """
    return all_items(lambda cursor: jobs_page(limit=page, cursor=cursor, **filters))


def job_id(text: str) -> Flow[str]:
    """What the methods that take a job's id take for a text: an id, the beginning of one, or a name.

    The text itself, where a path can hold it as it is: the API finds the job. Else the id, which is looked up.

    Raises:
        ApiError: There is no such job (404), or there are several (409).
    """
    if _PLAIN.fullmatch(text) or not text:
        return text
    page = yield from jobs_page(ref=text, limit=_CANDIDATES)
    found = [job.id for job in page.items]
    if len(found) != 1:
        raise not_one(text, found)
    return found[0]


def job(id: str) -> Flow[JobAnswer]:
    """One job."""
    return call(GET_JOB, {"id": id})


def replace_job(id: str, job: Body, *, match: int | None = None, dry_run: bool = False) -> Flow[JobAnswer]:
    """Gives a job a new definition; ``match`` is the generation that must still be the newest."""
    return call(REPLACE_JOB, {"id": id, IF_MATCH: _match(match), **_dry(dry_run)}, _json(job))


def edit_job(id: str, patch: Mapping[str, Any], *, match: int | None = None, dry_run: bool = False) -> Flow[JobAnswer]:
    """Changes a job by a JSON merge patch (RFC 7396)."""
    return call(EDIT_JOB, {"id": id, IF_MATCH: _match(match), **_dry(dry_run)}, patch)


def delete_job(id: str, *, match: int | None = None) -> Flow[None]:
    """Deletes a job; its executions stay."""
    return call(DELETE_JOB, {"id": id, IF_MATCH: _match(match)})


def pause_job(id: str) -> Flow[JobAnswer]:
    """Stops a job from firing."""
    return call(PAUSE_JOB, {"id": id})


def resume_job(id: str) -> Flow[JobAnswer]:
    """Lets a paused job fire again."""
    return call(RESUME_JOB, {"id": id})


def bulk_jobs(items: Sequence[Mapping[str, Any]], *, key: str | None = None, dry_run: bool = False) -> Flow[BulkAnswer]:
    """Changes up to a hundred jobs, each by itself: look at each result, or at ``failed``.

    Args:
        items: What to do, each with its ``action``: ``create`` with a ``job``, ``replace`` with ``id`` and ``job``,
            ``edit`` with ``id`` and ``patch``, ``delete``, ``pause`` or ``resume`` with ``id``; and with ``match``
            where an edit or deletion is to meet that generation.
        key: The same key and items again do what was not done, and nothing twice.
        dry_run: Nothing is written; the results say what would be.
    """
    return call(BULK_JOBS, {IDEMPOTENCY_KEY: key, **_dry(dry_run)}, {"items": [dict(item) for item in items]})


def upcoming(id: str, count: int | None = None) -> Flow[Upcoming]:
    """The next occurrences of a job."""
    return call(LIST_UPCOMING, {"id": id, "count": count})
