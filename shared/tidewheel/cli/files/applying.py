"""Does what a plan says, many jobs in a request. Each job has its own result; a repeat goes on where one ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

from tidewheel.cli.exits import ExitStatus, status_of
from tidewheel.cli.files.planning import Act, Plan, Spread, Step
from tidewheel.client import ApiError, Client, Unsendable
from tidewheel.wire.bodies.bulk import BulkResult
from tidewheel.wire.problem import Problem

CONNECTIONS = 4
"""Requests at a time."""
TOGETHER = 25
"""Jobs in one request."""
_OK = 200
_NOT_TRIED = "not tried: see the ones before; a repeat goes on"
_HOPELESS = frozenset({0, 401, 429, 502, 503, 504})
"""The HTTP statuses that the other jobs would meet as well, after the client's own repeats; 0 is no answer."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a step.

    Args:
        step: The step.
        id: The job's id; empty if there is none.
        problem: Why it was not done; empty if it was.
        status: The exit status that this is worth.
        http_status: The API's; 0 if there was no answer.
    """

    step: Step
    id: str = ""
    problem: str = ""
    status: ExitStatus = ExitStatus.DONE
    http_status: int = _OK


@contextmanager
def spreading() -> Iterator[Spread]:
    """Calls on ``CONNECTIONS`` threads."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:

        def spread(call: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
            return threads.map(call, items)

        try:
            yield spread
        finally:
            threads.shutdown(cancel_futures=True)


def applied(api: Client, plan: Plan, spread: Spread) -> Iterator[Result]:
    """Does the plan's steps; the results come in its order.

    Where the service cannot be reached, is busy or does not know the caller, what has not begun is not tried.
    """
    hopeless = Event()

    def done(steps: Sequence[Step]) -> Sequence[Result]:
        if hopeless.is_set():
            return [Result(step, _id(step), _NOT_TRIED, ExitStatus.REFUSED) for step in steps]
        results = _done(api, steps)
        if any(one.http_status in _HOPELESS for one in results):
            hopeless.set()
        return results

    steps = plan.does()
    for results in spread(done, [steps[at : at + TOGETHER] for at in range(0, len(steps), TOGETHER)]):
        yield from results


def _id(step: Step) -> str:
    return step.job.id if step.job else ""


def _done(api: Client, steps: Sequence[Step]) -> Sequence[Result]:
    """Writes and deletes; then pauses and resumes, of what was written, what is to be."""
    written = _asked(api, [(step, _id(step), _write(step)) for step in steps])
    pausing = [(one.step, one.id, _switch(one)) for one in written]
    switched = {id(one.step): one for one in _asked(api, [asked for asked in pausing if asked[2]])}
    return [switched.get(id(one.step), one) for one in written]


def _write(step: Step) -> Mapping[str, Any] | None:
    """What is written; None if nothing is. It is refused if the job was edited since the plan."""
    match = {"id": step.job.id, "match": step.job.generation} if step.job else {}
    if step.act is Act.DELETE:
        return {"action": "delete", **match}
    if step.body is None:
        return None
    return {"action": "replace" if step.job else "create", **match, "job": step.body}


def _switch(result: Result) -> Mapping[str, Any] | None:
    step = result.step
    if result.problem or step.pause is None:
        return None
    return {"action": "pause" if step.pause else "resume", "id": result.id}


def _asked(api: Client, items: Sequence[tuple[Step, str, Mapping[str, Any] | None]]) -> Sequence[Result]:
    """Sends what there is to send of several steps, each with its job's id, in one request."""
    sent = [item for _, _, item in items if item is not None]
    try:
        answers = iter(_answers(api, sent))
    except ApiError as error:
        why = (_told(error.problem), status_of(error.status), error.status)
    except Unsendable as error:
        why = (str(error), ExitStatus.REFUSED, _OK)
    else:
        return [Result(step, id) if item is None else _of(step, id, next(answers)) for step, id, item in items]
    return [Result(step, id) if item is None else Result(step, id, *why) for step, id, item in items]


def _of(step: Step, id: str, answer: BulkResult) -> Result:
    if answer.problem is None:
        return Result(step, answer.id or id)
    return Result(step, id, _told(answer.problem), status_of(answer.status), answer.status)


def _answers(api: Client, items: Sequence[Mapping[str, Any]]) -> Sequence[BulkResult]:
    """The service's answers. It does as many as it has time for; the same request again does the others.

    Raises:
        ApiError: The request as a whole was not fulfilled.
    """
    if not items:
        return ()
    key, before = secrets.token_urlsafe(16), len(items) + 1
    while True:
        answers = api.bulk_jobs(items, key=key).items
        waiting = sum(one.status in _HOPELESS for one in answers)
        if not waiting or waiting >= before:  # with no progress, it is told as it is
            return answers
        before = waiting


def _told(problem: Problem) -> str:
    return "; ".join(map(str, problem.errors)) or problem.detail or problem.title


def status_of_all(results: Iterable[ExitStatus]) -> ExitStatus:
    """The exit status of several: done if all are, theirs if all that failed have the same, else refused."""
    failed = {status for status in results if status is not ExitStatus.DONE}
    return next(iter(failed)) if len(failed) == 1 else ExitStatus.REFUSED if failed else ExitStatus.DONE
