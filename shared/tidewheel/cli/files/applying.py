"""Does what a plan says, some jobs at a time. Each job has its own result; a repeat goes on where one ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

from tidewheel.cli.exits import ExitStatus, status_of
from tidewheel.cli.files.planning import Act, Plan, Spread, Step
from tidewheel.client import ApiError, Client, Unsendable

CONNECTIONS = 8
"""Requests at a time."""
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
    """

    step: Step
    id: str = ""
    problem: str = ""
    status: ExitStatus = ExitStatus.DONE


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

    def done(step: Step) -> Result:
        if hopeless.is_set():
            return Result(step, _id(step), "not tried: see the ones before; a repeat goes on", ExitStatus.REFUSED)
        try:
            return Result(step, _done(api, step))
        except ApiError as error:
            if error.status in _HOPELESS:
                hopeless.set()
            return Result(step, _id(step), _told(error), status_of(error.status))
        except Unsendable as error:
            return Result(step, _id(step), str(error), ExitStatus.REFUSED)

    yield from spread(done, plan.does())


def _id(step: Step) -> str:
    return step.job.id if step.job else ""


def _done(api: Client, step: Step) -> str:
    """Does a step; returns the job's id. An edit or deletion is refused if the job was edited since the plan."""
    if step.act is Act.DELETE:
        assert step.job is not None
        api.delete_job(step.job.id, match=step.job.generation)
        return step.job.id
    id = _id(step)
    if step.job is None:
        assert step.body is not None
        id = api.create_job(step.body).id
    elif step.body is not None:
        api.replace_job(id, step.body, match=step.job.generation)
    if step.pause is not None:
        (api.pause_job if step.pause else api.resume_job)(id)
    return id


def _told(error: ApiError) -> str:
    problem = error.problem
    fields = "; ".join(f"{one.field}: {one.problem}; {one.remedy}" for one in problem.errors)
    return fields or problem.detail or problem.title


def status_of_all(results: Iterable[ExitStatus]) -> ExitStatus:
    """The exit status of several: done if all are, theirs if all that failed have the same, else refused."""
    failed = {status for status in results if status is not ExitStatus.DONE}
    return next(iter(failed)) if len(failed) == 1 else ExitStatus.REFUSED if failed else ExitStatus.DONE
