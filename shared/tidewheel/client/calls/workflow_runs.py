"""Calls on runs of workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call
from tidewheel.wire.bodies.run import RunAnswer, RunList
from tidewheel.wire.endpoints.runs import (
    CANCEL_RUN,
    CLEAR_RUN,
    GET_RUN,
    LIST_WORKFLOW_RUNS,
    PAUSE_RUN,
    RESUME_RUN,
    START_RUN,
)
from tidewheel.wire.parameters import IDEMPOTENCY_KEY


def start_run(
    workflow: str, params: Mapping[str, Any] | None = None, *, version: str = "latest", key: str | None = None
) -> Flow[RunAnswer]:
    """Starts a run of a workflow now; the same key again gives the same run.

    Args:
        workflow: The workflow's name.
        params: The run's parameters.
        version: A version's digest, or ``latest``.
        key: The idempotency key.
    """
    body = {"params": dict(params or {}), "version": version}
    return call(START_RUN, {"name": workflow, IDEMPOTENCY_KEY: key}, body)


def workflow_runs_page(workflow: str, *, limit: int | None = None, cursor: str | None = None) -> Flow[RunList]:
    """One page of the runs that were started by a workflow's name, the newest first."""
    return call(LIST_WORKFLOW_RUNS, {"name": workflow, "limit": limit, "cursor": cursor})


def workflow_runs(workflow: str, *, page: int | None = None) -> Stream[RunAnswer]:
    """All runs that were started by a workflow's name, the newest first, fetched page by page."""
    return all_items(lambda cursor: workflow_runs_page(workflow, limit=page, cursor=cursor))


def workflow_run(id: str) -> Flow[RunAnswer]:
    """A run, with where its steps stand; ``wait`` waits for its end."""
    return call(GET_RUN, {"id": id})


def cancel_run(id: str, reason: str = "", *, key: str | None = None) -> Flow[RunAnswer]:
    """Cancels a run: nothing more of it begins, and what runs is ended within about ten seconds."""
    return call(CANCEL_RUN, {"id": id, IDEMPOTENCY_KEY: key}, {"reason": reason} if reason else None)


def pause_run(id: str, *, key: str | None = None) -> Flow[RunAnswer]:
    """Pauses a run: nothing of it begins until it is resumed, and what runs goes on."""
    return call(PAUSE_RUN, {"id": id, IDEMPOTENCY_KEY: key})


def resume_run(id: str, *, key: str | None = None) -> Flow[RunAnswer]:
    """Ends a run's pause; or, if it ended without success, runs again what failed and what was never reached."""
    return call(RESUME_RUN, {"id": id, IDEMPOTENCY_KEY: key})


def clear_run(id: str, steps: Sequence[str], *, key: str | None = None) -> Flow[RunAnswer]:
    """Runs steps of a run again, by name, and all behind them."""
    return call(CLEAR_RUN, {"id": id, IDEMPOTENCY_KEY: key}, {"steps": list(steps)})
