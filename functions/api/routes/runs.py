"""Serves the operations on runs of workflows."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.repeats import once
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.engine.api.runs.service import RunSeen
from tidewheel.wire.bodies.cancel import read_cancel
from tidewheel.wire.bodies.run import RunAnswer, RunList, read_clear, read_start
from tidewheel.wire.convert_runs import run_answer, step_answer
from tidewheel.wire.endpoints.runs import (
    CANCEL_RUN,
    CLEAR_RUN,
    GET_RUN,
    LIST_WORKFLOW_RUNS,
    PAUSE_RUN,
    RESUME_RUN,
    START_RUN,
)

_CANCELLED = "someone cancelled it"


@serves(START_RUN)
def start_run(request: Request) -> Response[str]:
    """Starts a run now."""
    body = read_start(request.document(optional=True))
    digest = "" if body.version == "latest" else body.version
    runs, name = request.services.workflow_runs, unquote(request.path["name"])
    seen = runs.start(request.tenant, name, body.params, digest, request.key)
    return answered(_answer(seen), 202, {"Location": f"../../runs/{seen.run.id}"})


@serves(LIST_WORKFLOW_RUNS)
def list_workflow_runs(request: Request) -> Response[str]:
    """A page of the runs of a workflow. Its cursors are valid for this workflow alone."""
    name = unquote(request.path["name"])
    kind, limit = request.kind(f"workflow runs/{name}"), request.limit
    page = request.services.workflow_runs.history(request.tenant, name, limit, request.position(kind))
    return answered_page(page, kind, _listed, RunList)


def _listed(item: Execution | Missed) -> RunAnswer:
    """A run in a list; what fires by no schedule has no ranges that were missed."""
    assert isinstance(item, Execution)
    assert item.run is not None
    return run_answer(item, item.run)


@serves(GET_RUN)
def get_run(request: Request) -> Response[str]:
    """Reads a run with where its steps stand."""
    return answered(_answer(request.services.workflow_runs.get(request.tenant, request.execution)))


@serves(CANCEL_RUN)
def cancel_run(request: Request) -> Response[str]:
    """Cancels a run. A repeat changes nothing."""
    why = read_cancel(request.document(optional=True)).reason
    reason = f"{_CANCELLED}: {why}" if why else _CANCELLED
    return _asked(request, lambda tenant, run: request.services.workflow_runs.director.cancel(tenant, run, reason))


@serves(PAUSE_RUN)
def pause_run(request: Request) -> Response[str]:
    """Pauses a run. A repeat changes nothing."""
    return _asked(request, request.services.workflow_runs.director.pause)


@serves(RESUME_RUN)
def resume_run(request: Request) -> Response[str]:
    """Resumes a run; under one key once."""
    return _asked(request, request.services.workflow_runs.director.resume)


@serves(CLEAR_RUN)
def clear_run(request: Request) -> Response[str]:
    """Runs steps again; under one key once."""
    steps = read_clear(request.document()).steps
    return _asked(request, lambda tenant, run: request.services.workflow_runs.director.clear(tenant, run, steps))


def _asked(request: Request, act: Callable[[str, str], Execution]) -> Response[str]:
    """Does what is asked of a run, and answers how it stands then."""
    runs, tenant, id = request.services.workflow_runs, request.tenant, request.execution
    once(request, lambda: act(tenant, id), lambda run: run.id, lambda found: runs.get(tenant, found).run)
    return answered(_answer(runs.get(tenant, id)), 202)


def _answer(seen: RunSeen) -> RunAnswer:
    steps = tuple(step_answer(step.name, step.state, step.record) for step in seen.steps)
    return run_answer(seen.run, seen.control, steps)
