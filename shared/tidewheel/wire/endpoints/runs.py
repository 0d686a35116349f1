"""The operations on runs of workflows."""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.access.roles import Role
from tidewheel.domain.workflows.definition import WORKFLOW_NAME
from tidewheel.wire import VERSION
from tidewheel.wire.bodies.cancel import CancelBody
from tidewheel.wire.bodies.run import ClearRunBody, RunAnswer, RunList, StartRunBody
from tidewheel.wire.operation import ACTION_PROBLEMS, READ_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import CURSOR, EXECUTION_ID, KEY, LIMIT, LOCATION, Parameter, text_like

_RUNS = f"/{VERSION}/workflows/{{name}}/runs"
_RUN = f"/{VERSION}/runs/{{id}}"
EXAMPLE, EXAMPLE_RUN = "hourly", "jhek0kz0n5ap70mhg-1kah2jzx0-r00000001"
"""The workflow that the document's examples name, and the run of it."""
NAME = Parameter("name", "path", "The workflow's name.", text_like(WORKFLOW_NAME) | {"examples": [EXAMPLE]})
RUN_ID = replace(
    EXECUTION_ID,
    description="The run's id, which is that of an execution.",
    schema=EXECUTION_ID.schema | {"examples": [EXAMPLE_RUN]},
)
_LINKS = (Link("getRun"), Link("cancelRun"), Link("pauseRun"), Link("resumeRun"), Link("clearRun"))

START_RUN = Operation(
    id="startRun",
    method="POST",
    path=_RUNS,
    summary="Start a run of a workflow now",
    status=202,
    answer=RunAnswer,
    role=Role.OPERATOR,
    body=StartRunBody,
    examples={"with a parameter": {"params": {"day": "2026-11-20"}}},
    optional=True,
    parameters=(NAME, KEY),
    headers=(LOCATION,),
    creates=True,
    links=_LINKS,
    problems=("malformed", "too-large", *ACTION_PROBLEMS),
)
LIST_WORKFLOW_RUNS = Operation(
    id="listWorkflowRuns",
    method="GET",
    path=_RUNS,
    summary="The runs that were started by a workflow's name, newest first",
    status=200,
    answer=RunList,
    role=Role.VIEWER,
    parameters=(NAME, LIMIT, CURSOR),
    problems=READ_PROBLEMS,
)
GET_RUN = Operation(
    id="getRun",
    method="GET",
    path=_RUN,
    summary="Read a run of a workflow, with where its steps stand",
    status=200,
    answer=RunAnswer,
    role=Role.VIEWER,
    parameters=(RUN_ID,),
    problems=READ_PROBLEMS,
)
CANCEL_RUN = Operation(
    id="cancelRun",
    method="POST",
    path=f"{_RUN}/cancel",
    summary="Cancel a run: nothing more of it begins, and what runs is ended",
    status=202,
    answer=RunAnswer,
    role=Role.OPERATOR,
    body=CancelBody,
    examples={"because": {"reason": "wrong day"}},
    optional=True,
    parameters=(RUN_ID, KEY),
    problems=("malformed", "too-large", *ACTION_PROBLEMS),
)
PAUSE_RUN = Operation(
    id="pauseRun",
    method="POST",
    path=f"{_RUN}/pause",
    summary="Pause a run: nothing of it begins, and what runs goes on",
    status=202,
    answer=RunAnswer,
    role=Role.OPERATOR,
    parameters=(RUN_ID, KEY),
    problems=ACTION_PROBLEMS,
)
RESUME_RUN = Operation(
    id="resumeRun",
    method="POST",
    path=f"{_RUN}/resume",
    summary="End a run's pause; or run again what failed of it and what was never reached",
    status=202,
    answer=RunAnswer,
    role=Role.OPERATOR,
    parameters=(RUN_ID, KEY),
    problems=ACTION_PROBLEMS,
)
CLEAR_RUN = Operation(
    id="clearRun",
    method="POST",
    path=f"{_RUN}/clear",
    summary="Run steps of a run again, and all behind them",
    status=202,
    answer=RunAnswer,
    role=Role.OPERATOR,
    body=ClearRunBody,
    examples={"one step": {"steps": ["load"]}},
    parameters=(RUN_ID, KEY),
    problems=("malformed", "too-large", *ACTION_PROBLEMS),
)
