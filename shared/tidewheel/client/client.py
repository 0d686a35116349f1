"""The HTTP API as typed methods; bodies and answers are the models of ``tidewheel.wire``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import httpx

from tidewheel.client.connection import Connection, pause
from tidewheel.client.errors import not_one
from tidewheel.client.pages import all_items
from tidewheel.client.requests import Values
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.circuit import CircuitAnswer, CircuitList
from tidewheel.wire.bodies.execution import ExecutionAnswer, ExecutionList, LedgerAnswer, LogAnswer
from tidewheel.wire.bodies.job import Health, JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.bodies.redrive import RedriveAnswer
from tidewheel.wire.endpoints.circuits import CLOSE_CIRCUIT, LIST_CIRCUITS
from tidewheel.wire.endpoints.dead_letters import LIST_DEAD_LETTERS, REDRIVE_DEAD_LETTERS
from tidewheel.wire.endpoints.executions import CANCEL_EXECUTION, GET_EXECUTION, LIST_EXECUTIONS, LIST_RUNS, RUN_JOB
from tidewheel.wire.endpoints.jobs import (
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
from tidewheel.wire.endpoints.ledger import GET_LEDGER
from tidewheel.wire.endpoints.logs import READ_LOG
from tidewheel.wire.endpoints.service import GET_HEALTH, GET_OPENAPI
from tidewheel.wire.operation import A, Operation
from tidewheel.wire.parameters import IDEMPOTENCY_KEY, IF_MATCH

_CANDIDATES = 5
_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]+")
"""What the path of a URL holds as it is, whatever lies between client and API."""
Body = JobBody | Mapping[str, Any]
"""A job as a model or as its JSON."""


def _json(body: Body) -> Mapping[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True) if isinstance(body, JobBody) else body


def _match(generation: int | None) -> str | None:
    return None if generation is None else f'"{generation}"'


def _silent(_text: str) -> None:
    pass


class Client:
    """A Tidewheel deployment. Every method raises ``ApiError``. Close the client, or use it as a context manager.

    A request is repeated a few times if there was no answer or the service was busy. Each POST carries an
    ``Idempotency-Key``, made for the call unless one is given, so that a repeat is safe. An edit with ``match`` whose
    first answer was lost may be reported as outdated although it was applied: read the job to see.

    Args:
        base_url: The deployment's URL, with its stage.
        token: Sent as a bearer token, if given.
        timeout: Seconds that a connection, or a part of an answer, may take.
        transport: Replaces the network in tests.
        wait: Waits between two tries (s); replaced in tests.
        heard: Called with the text of every successful answer.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        timeout: float = 10.0,
        *,
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = pause,
        heard: Callable[[str], None] = _silent,
    ) -> None:
        headers = {"User-Agent": f"tidewheel-client/{VERSION}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, transport=transport)
        self._api = Connection(self._http, wait, heard)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, operation: Operation[A], values: Values | None = None, body: Mapping[str, Any] | None = None) -> A:
        """Calls any operation of ``tidewheel.wire.endpoints``; the other methods are typed short forms of this one.

        Args:
            operation: The operation.
            values: The values of its path, query and header parameters by name; None leaves a parameter out.
            body: The request's body.

        Raises:
            ApiError: The request was not fulfilled.
            TypeError: The operation has no parameter of a name, or a path parameter has no value.
            Unsendable: A value cannot stand where it belongs, or the body is not JSON.
        """
        return self._api.call(operation, values or {}, body)

    def create_job(self, job: Body, *, key: str | None = None) -> JobAnswer:
        """Creates a job; the same key and body again give the same job."""
        return self.call(CREATE_JOB, {IDEMPOTENCY_KEY: key}, _json(job))

    def jobs_page(
        self,
        *,
        state: str | None = None,
        tags: Sequence[str] = (),
        name_prefix: str | None = None,
        last_result: Sequence[str] = (),
        ref: str | None = None,
        next_fire_after: str | None = None,
        next_fire_before: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobList:
        """One page of the jobs for which all that is given holds, the newest first; it may be shorter than the limit.

        Args:
            state: ``active``, ``paused``, ``completed`` or ``failed``; of the last two, what ended last comes first.
            tags: ``key:value``, all of which a job must have.
            name_prefix: How its name begins; the jobs then come by name.
            last_result: In which of these states its last run ended, such as ``dead``.
            ref: An id, the beginning of an id, or a name; without any other filter.
            next_fire_after: It fires next at this time or later, in RFC 3339.
            next_fire_before: It fires next before this time, in RFC 3339.
            limit: How many at most.
            cursor: The last page's cursor.
        """
        filters = {
            "state": state,
            "tag": list(tags),
            "name_prefix": name_prefix,
            "last_result": list(last_result),
            "ref": ref,
            "next_fire_after": next_fire_after,
            "next_fire_before": next_fire_before,
        }
        return self.call(LIST_JOBS, {**filters, "limit": limit, "cursor": cursor})

    def jobs(self, *, page: int | None = None, **filters: Any) -> Iterator[JobAnswer]:
        """All jobs, or those that the filters of ``jobs_page`` leave, fetched page by page."""
        return all_items(lambda cursor: self.jobs_page(**filters, limit=page, cursor=cursor))

    def job_id(self, text: str) -> str:
        """What the methods that take a job's id take for a text: an id, the beginning of one, or a name.

        The text itself, where a path can hold it as it is: the API finds the job. Else the id, which is looked up.

        Raises:
            ApiError: There is no such job (404), or there are several (409).
        """
        if _PLAIN.fullmatch(text) or not text:
            return text
        found = [job.id for job in self.jobs_page(ref=text, limit=_CANDIDATES).items]
        if len(found) != 1:
            raise not_one(text, found)
        return found[0]

    def job(self, id: str) -> JobAnswer:
        """One job."""
        return self.call(GET_JOB, {"id": id})

    def replace_job(self, id: str, job: Body, *, match: int | None = None) -> JobAnswer:
        """Gives a job a new definition; ``match`` is the generation that must still be the newest."""
        return self.call(REPLACE_JOB, {"id": id, IF_MATCH: _match(match)}, _json(job))

    def edit_job(self, id: str, patch: Mapping[str, Any], *, match: int | None = None) -> JobAnswer:
        """Changes a job by a JSON merge patch (RFC 7396)."""
        return self.call(EDIT_JOB, {"id": id, IF_MATCH: _match(match)}, patch)

    def delete_job(self, id: str, *, match: int | None = None) -> None:
        """Deletes a job; its executions stay."""
        self.call(DELETE_JOB, {"id": id, IF_MATCH: _match(match)})

    def pause_job(self, id: str) -> JobAnswer:
        """Stops a job from firing."""
        return self.call(PAUSE_JOB, {"id": id})

    def resume_job(self, id: str) -> JobAnswer:
        """Lets a paused job fire again."""
        return self.call(RESUME_JOB, {"id": id})

    def run_job(self, id: str, *, key: str | None = None) -> ExecutionAnswer:
        """Runs a job now; the same key again gives the same execution."""
        return self.call(RUN_JOB, {"id": id, IDEMPOTENCY_KEY: key})

    def upcoming(self, id: str, count: int | None = None) -> Upcoming:
        """The next occurrences of a job."""
        return self.call(LIST_UPCOMING, {"id": id, "count": count})

    def executions_page(self, job: str, *, limit: int | None = None, cursor: str | None = None) -> ExecutionList:
        """One page of a job's executions, newest nominal time first."""
        return self.call(LIST_EXECUTIONS, {"id": job, "limit": limit, "cursor": cursor})

    def executions(self, job: str, *, page: int | None = None) -> Iterator[ExecutionAnswer]:
        """All executions of a job, newest nominal time first, fetched page by page."""
        return all_items(lambda cursor: self.executions_page(job, limit=page, cursor=cursor))

    def runs_page(
        self,
        *,
        states: Sequence[str] = (),
        job: str | None = None,
        start: str | None = None,
        end: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ExecutionList:
        """One page of executions across jobs, by state and time; it may be shorter than the limit.

        Args:
            states: In any of these; empty for all. Dead letters alone come by their end, others by nominal time.
            job: Of one job: its id, the beginning of it, or its name.
            start: From when on, in RFC 3339; else a day before the end, or of one job all that is kept.
            end: Until when, not included; else now.
            limit: How many at most.
            cursor: The last page's cursor.
        """
        filters = {"state": list(states), "job": job, "from": start, "to": end}
        return self.call(LIST_RUNS, {**filters, "limit": limit, "cursor": cursor})

    def runs(self, *, page: int | None = None, **filters: Any) -> Iterator[ExecutionAnswer]:
        """All executions that the filters of ``runs_page`` leave, fetched page by page."""
        return all_items(lambda cursor: self.runs_page(**filters, limit=page, cursor=cursor))

    def ledger_page(
        self, job: str, *, start: str | None = None, end: str | None = None, cursor: str | None = None
    ) -> LedgerAnswer:
        """As much of a job's ledger in [start, end) as one answer holds; times in RFC 3339."""
        return self.call(GET_LEDGER, {"id": job, "from": start, "to": end, "cursor": cursor})

    def ledger(self, job: str, *, start: str | None = None, end: str | None = None) -> LedgerAnswer:
        """How each instant that a job's schedule named in [start, end) is accounted for; times in RFC 3339."""
        pages = [self.ledger_page(job, start=start, end=end)]
        while pages[-1].cursor is not None:
            pages.append(self.ledger_page(job, start=start, end=end, cursor=pages[-1].cursor))
        whole = {
            "end": pages[-1].end,
            "missing": sum(page.missing for page in pages),
            "items": tuple(line for page in pages for line in page.items),
            "cursor": None,
        }
        return pages[0].model_copy(update=whole)

    def execution(self, id: str) -> ExecutionAnswer:
        """One execution."""
        return self.call(GET_EXECUTION, {"id": id})

    def logs_page(self, id: str, *, attempt: int | None = None, cursor: str | None = None) -> LogAnswer:
        """A piece of the log of an execution's attempt, the newest unless one is named."""
        return self.call(READ_LOG, {"id": id, "attempt": attempt, "cursor": cursor})

    def logs(self, id: str, *, attempt: int | None = None) -> Iterator[str]:
        """The log of an execution's attempt as it is now, fetched page by page."""
        cursor: str | None = None
        while True:
            found = self.logs_page(id, attempt=attempt, cursor=cursor)
            yield found.text
            attempt, cursor = found.attempt, found.cursor
            if cursor is None or not found.text:
                return

    def cancel(self, id: str, reason: str = "", *, key: str | None = None) -> ExecutionAnswer:
        """Cancels an execution, or an occurrence to come; one that runs has ``cancel_requested`` until it ends."""
        body = {"reason": reason} if reason else None
        return self.call(CANCEL_EXECUTION, {"id": id, IDEMPOTENCY_KEY: key}, body)

    def dead_letters_page(
        self, *, job: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> ExecutionList:
        """One page of the executions that ended without success, or of a job's, the last to end first."""
        return self.call(LIST_DEAD_LETTERS, {"job": job, "limit": limit, "cursor": cursor})

    def redrive(self, which: Mapping[str, Any]) -> RedriveAnswer:
        """Runs up to a hundred dead letters again. A repeat runs none twice.

        Args:
            which: ``ids``, ``job`` or ``all``; ``rate``; and for the next hundred the last answer's ``cursor``, and its
                ``until`` as ``after``.
        """
        return self.call(REDRIVE_DEAD_LETTERS, body=which)

    def circuits_page(self, *, limit: int | None = None, cursor: str | None = None) -> CircuitList:
        """One page of the parties that jobs call and that failed lately, by party."""
        return self.call(LIST_CIRCUITS, {"limit": limit, "cursor": cursor})

    def close_circuit(self, id: str) -> CircuitAnswer:
        """Has a party called again at once; ``tidewheel.wire.bodies.circuit.circuit_id`` names a party's circuit."""
        return self.call(CLOSE_CIRCUIT, {"id": id})

    def health(self) -> Health:
        """Whether the API answers."""
        return self.call(GET_HEALTH)

    def openapi(self) -> dict[str, Any]:
        """The API's OpenAPI document."""
        document: dict[str, Any] = self._api.send(GET_OPENAPI, {}, None).json()
        return document
