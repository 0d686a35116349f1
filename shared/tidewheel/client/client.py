"""The HTTP API as typed methods. Jobs and executions are the models of ``tidewheel.wire``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx

from tidewheel.client.connection import Connection, pause
from tidewheel.wire import VERSION
from tidewheel.wire.circuit import CircuitList
from tidewheel.wire.execution import ExecutionAnswer, ExecutionList, LedgerAnswer, LogAnswer
from tidewheel.wire.job import Health, JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.operations import IDEMPOTENCY_KEY, IF_MATCH
from tidewheel.wire.redrive import RedriveAnswer

Body = JobBody | Mapping[str, Any]
"""A job as a model or as its JSON."""


def _json(body: Body) -> Mapping[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True) if isinstance(body, JobBody) else body


def _path(*parts: str) -> str:
    return "/".join(("", VERSION, *(quote(part, safe="") for part in parts)))


def _key(key: str | None) -> dict[str, str]:
    return {} if key is None else {IDEMPOTENCY_KEY: key}


def _match(generation: int | None) -> dict[str, str]:
    return {} if generation is None else {IF_MATCH: f'"{generation}"'}


def _silent(_text: str) -> None:
    pass


class Client:
    """A Tidewheel deployment. Every method raises ``ApiError``; close it, or use it as a context.

    Requests are repeated a few times where there was no answer or the service was busy: a POST carries an
    ``Idempotency-Key``, which is made for each call unless one is given. An edit with ``match`` whose first
    answer was lost may be reported as outdated although it was applied: read the job to see.

    Args:
        base_url: The deployment's URL, with its stage.
        token: Sent as a bearer token, if given.
        timeout: Seconds that a connection, or a part of an answer, may take.
        transport: What carries the requests, for tests.
        wait: Waits some seconds between two tries, for tests.
        heard: Is told the text of every answer.
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

    def create_job(self, job: Body, *, key: str | None = None) -> JobAnswer:
        """Creates a job; the same key and body again give the same job."""
        return self._api.read(JobAnswer, "POST", _path("jobs"), body=_json(job), headers=_key(key))

    def jobs_page(
        self,
        *,
        state: str | None = None,
        tags: Sequence[str] = (),
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobList:
        """One page of jobs, by id; ``tags`` are ``key:value``, all of which a job must have."""
        query = {"state": state, "tag": list(tags), "limit": limit, "cursor": cursor}
        return self._api.read(JobList, "GET", _path("jobs"), query=query)

    def jobs(
        self, *, state: str | None = None, tags: Sequence[str] = (), page: int | None = None
    ) -> Iterator[JobAnswer]:
        """All jobs, by id, fetched page by page."""
        cursor: str | None = None
        while True:
            found = self.jobs_page(state=state, tags=tags, limit=page, cursor=cursor)
            yield from found.items
            cursor = found.cursor
            if cursor is None:
                return

    def job(self, id: str) -> JobAnswer:
        """One job."""
        return self._api.read(JobAnswer, "GET", _path("jobs", id))

    def replace_job(self, id: str, job: Body, *, match: int | None = None) -> JobAnswer:
        """Gives a job a new definition; ``match`` is the generation that must still be the newest."""
        return self._api.read(JobAnswer, "PUT", _path("jobs", id), body=_json(job), headers=_match(match))

    def edit_job(self, id: str, patch: Mapping[str, Any], *, match: int | None = None) -> JobAnswer:
        """Changes a job by a JSON merge patch (RFC 7396)."""
        return self._api.read(JobAnswer, "PATCH", _path("jobs", id), body=patch, headers=_match(match))

    def delete_job(self, id: str, *, match: int | None = None) -> None:
        """Deletes a job; its executions stay."""
        self._api.send("DELETE", _path("jobs", id), headers=_match(match))

    def pause_job(self, id: str) -> JobAnswer:
        """Stops a job from firing."""
        return self._api.read(JobAnswer, "POST", _path("jobs", id, "pause"))

    def resume_job(self, id: str) -> JobAnswer:
        """Lets a paused job fire again."""
        return self._api.read(JobAnswer, "POST", _path("jobs", id, "resume"))

    def run_job(self, id: str, *, key: str | None = None) -> ExecutionAnswer:
        """Runs a job now; the same key again gives the same execution."""
        return self._api.read(ExecutionAnswer, "POST", _path("jobs", id, "run"), headers=_key(key))

    def upcoming(self, id: str, count: int | None = None) -> Upcoming:
        """The next instants of a job."""
        return self._api.read(Upcoming, "GET", _path("jobs", id, "upcoming"), query={"count": count})

    def executions_page(self, job: str, *, limit: int | None = None, cursor: str | None = None) -> ExecutionList:
        """One page of a job's executions, newest nominal time first."""
        query = {"limit": limit, "cursor": cursor}
        return self._api.read(ExecutionList, "GET", _path("jobs", job, "executions"), query=query)

    def executions(self, job: str, *, page: int | None = None) -> Iterator[ExecutionAnswer]:
        """All executions of a job, newest nominal time first, fetched page by page."""
        cursor: str | None = None
        while True:
            found = self.executions_page(job, limit=page, cursor=cursor)
            yield from found.items
            cursor = found.cursor
            if cursor is None:
                return

    def ledger(self, job: str, *, start: str | None = None, end: str | None = None) -> LedgerAnswer:
        """How each instant that a job's schedule named in [start, end) is accounted for; times in RFC 3339."""
        return self._api.read(LedgerAnswer, "GET", _path("jobs", job, "ledger"), query={"from": start, "to": end})

    def execution(self, id: str) -> ExecutionAnswer:
        """One execution."""
        return self._api.read(ExecutionAnswer, "GET", _path("executions", id))

    def logs_page(self, id: str, *, attempt: int | None = None, cursor: str | None = None) -> LogAnswer:
        """A piece of the log of an execution's attempt, the newest unless one is named."""
        query = {"attempt": attempt, "cursor": cursor}
        return self._api.read(LogAnswer, "GET", _path("executions", id, "logs"), query=query)

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
        path, body = _path("executions", id, "cancel"), {"reason": reason} if reason else None
        return self._api.read(ExecutionAnswer, "POST", path, body=body, headers=_key(key))

    def dead_letters_page(
        self, *, job: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> ExecutionList:
        """One page of the executions that ended without success, or of a job's, the last to end first."""
        query = {"job": job, "limit": limit, "cursor": cursor}
        return self._api.read(ExecutionList, "GET", _path("dead-letters"), query=query)

    def redrive(self, which: Mapping[str, Any]) -> RedriveAnswer:
        """Has up to a hundred dead letters run again.

        Args:
            which: ``ids``, ``job`` or ``all``; ``rate``; and to go on, the last answer's ``cursor``, and its ``until``
                as ``after``. A repeat runs none twice.
        """
        return self._api.read(RedriveAnswer, "POST", _path("dead-letters", "redrive"), body=which)

    def circuits_page(self, *, limit: int | None = None, cursor: str | None = None) -> CircuitList:
        """One page of the parties that jobs call and that failed lately, by party."""
        return self._api.read(CircuitList, "GET", _path("circuits"), query={"limit": limit, "cursor": cursor})

    def health(self) -> Health:
        """Whether the API answers."""
        return self._api.read(Health, "GET", _path("health"))

    def openapi(self) -> dict[str, Any]:
        """The API's OpenAPI document."""
        document: dict[str, Any] = self._api.send("GET", _path("openapi.json")).json()
        return document
