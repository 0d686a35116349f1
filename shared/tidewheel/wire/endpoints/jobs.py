"""The operations on jobs."""

from __future__ import annotations

from types import NoneType
from typing import Any

from tidewheel.domain.access.roles import Role
from tidewheel.domain.limits import MAX_BULK_BYTES, MAX_UPCOMING
from tidewheel.wire import VERSION, targets
from tidewheel.wire.bodies.bulk import BulkAnswer, BulkBody
from tidewheel.wire.bodies.job import JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.operation import ACTION_PROBLEMS, READ_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import (
    CURSOR,
    DRY_RUN,
    ETAG,
    JOB_ID,
    KEY,
    LIMIT,
    LOCATION,
    MATCH,
    TEXT,
    TIME,
    Parameter,
    whole_number,
)

DEFAULT_UPCOMING = 10
STATES = ("active", "paused", "completed", "failed")
KINDS = tuple(targets.MODELS)
RESULTS = ("succeeded", "failed", "dead", "timed_out", "cancelled")

_JOBS = f"/{VERSION}/jobs"
_JOB = f"{_JOBS}/{{id}}"
_STATE = Parameter("state", "query", "Only jobs in this state.", {"type": "string", "enum": list(STATES)})
_TAG = Parameter(
    "tag",
    "query",
    "Only jobs with this tag, as `key:value`; given several times, with all of them.",
    {"type": "array", "items": TEXT, "examples": [["team:billing"]]},
)
_NAME_PREFIX = Parameter(
    "name_prefix", "query", "Only jobs whose name begins so, by name; upper and lower case differ.", TEXT
)
_LAST_RESULT = Parameter(
    "last_result",
    "query",
    "Only jobs whose last run ended so; given several times, in one of these states.",
    {"type": "array", "items": {"type": "string", "enum": list(RESULTS)}},
)
_REF = Parameter(
    "ref",
    "query",
    "Only the jobs that this may mean: an id, the first four characters of one or more, or a name. It goes with no "
    "other filter, and there is one page.",
    TEXT,
)
_FIRES_AFTER = Parameter("next_fire_after", "query", "Only jobs that fire next at this time or later.", TIME)
_FIRES_BEFORE = Parameter("next_fire_before", "query", "Only jobs that fire next before this time.", TIME)
_OWNER = Parameter("owner", "query", "Only jobs that this principal created: their `created_by`, as a whole.", TEXT)
_KIND = Parameter(
    "kind",
    "query",
    "Only jobs whose target is of this kind; given several times, of one of these.",
    {"type": "array", "items": {"type": "string", "enum": list(KINDS)}},
)
_COUNT = Parameter("count", "query", "Instants, at most.", whole_number(1, MAX_UPCOMING, DEFAULT_UPCOMING))
_WRITE_PROBLEMS = ("malformed", "too-large", "invalid", "conflict", "unavailable")
_EDIT_PROBLEMS = (*_WRITE_PROBLEMS, "not-found", "outdated")
_JOB_EXAMPLES: dict[str, dict[str, Any]] = {
    "weekdays": {
        "name": "daily_report",
        "schedule": {"cron": "0 9 * * 1-5", "timezone": "Europe/Paris"},
        "target": {"kind": "http", "method": "POST", "url": "https://example.com/hook", "body": {"a": 1}},
        "retry": {"max_attempts": 5, "base": "2s"},
    },
    "every": {
        "name": "heartbeat",
        "schedule": {"every": "PT30S"},
        "target": {"kind": "lambda", "function": "my-function", "payload": {"beat": True}},
        "precision": "high",
    },
    "now": {"name": "once", "target": {"kind": "http", "url": "https://example.com/hook"}},
}
_PATCH_EXAMPLES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": "PT5M"},
    "reschedule": {"schedule": {"at": "2026-11-20T16:47:00Z", "cron": None, "timezone": None}},
}

_BULK_EXAMPLES: dict[str, dict[str, Any]] = {
    "create and pause": {
        "items": [
            {"action": "create", "job": _JOB_EXAMPLES["every"]},
            {"action": "pause", "id": "name:daily_report"},
        ]
    },
    "edit": {"items": [{"action": "edit", "id": "j0123456789abcdef", "patch": {"timeout": "PT5M"}, "match": 3}]},
    "delete": {"items": [{"action": "delete", "id": "j0123456789abcdef"}]},
}

_ONE_JOBS = (
    "getJob",
    "replaceJob",
    "editJob",
    "pauseJob",
    "resumeJob",
    "runJob",
    "upcoming",
    "listExecutions",
    "ledger",
    "deleteJob",
)
"""The operations on one job."""

CREATE_JOB = Operation(
    id="createJob",
    method="POST",
    path=_JOBS,
    summary="Create a job",
    status=201,
    answer=JobAnswer,
    role=Role.EDITOR,
    body=JobBody,
    examples=_JOB_EXAMPLES,
    parameters=(KEY, DRY_RUN),
    headers=(LOCATION, ETAG),
    also=((200, "A dry run: nothing was written."),),
    creates=True,
    links=tuple(map(Link, _ONE_JOBS)),
    problems=_WRITE_PROBLEMS,
)
LIST_JOBS = Operation(
    id="listJobs",
    method="GET",
    path=_JOBS,
    summary="List jobs, the newest first",
    status=200,
    answer=JobList,
    role=Role.VIEWER,
    parameters=(
        _STATE,
        _TAG,
        _NAME_PREFIX,
        _LAST_RESULT,
        _REF,
        _FIRES_AFTER,
        _FIRES_BEFORE,
        _OWNER,
        _KIND,
        LIMIT,
        CURSOR,
    ),
    problems=("invalid", "unavailable"),
)
GET_JOB = Operation(
    id="getJob",
    method="GET",
    path=_JOB,
    summary="Read a job",
    status=200,
    answer=JobAnswer,
    role=Role.VIEWER,
    parameters=(JOB_ID,),
    headers=(ETAG,),
    problems=READ_PROBLEMS,
)
REPLACE_JOB = Operation(
    id="replaceJob",
    method="PUT",
    path=_JOB,
    summary="Give a job a new definition",
    status=200,
    answer=JobAnswer,
    role=Role.EDITOR,
    body=JobBody,
    examples=_JOB_EXAMPLES,
    parameters=(JOB_ID, MATCH, KEY, DRY_RUN),
    headers=(ETAG,),
    problems=_EDIT_PROBLEMS,
)
EDIT_JOB = Operation(
    id="editJob",
    method="PATCH",
    path=_JOB,
    summary="Change a job's definition by a JSON merge patch",
    status=200,
    answer=JobAnswer,
    role=Role.EDITOR,
    body=JobBody,
    examples=_PATCH_EXAMPLES,
    patch=True,
    parameters=(JOB_ID, MATCH, KEY, DRY_RUN),
    headers=(ETAG,),
    problems=_EDIT_PROBLEMS,
)
DELETE_JOB = Operation(
    id="deleteJob",
    method="DELETE",
    path=_JOB,
    summary="Delete a job; its executions stay",
    status=204,
    answer=NoneType,
    role=Role.EDITOR,
    parameters=(JOB_ID, MATCH, KEY),
    problems=(*ACTION_PROBLEMS, "outdated"),
)
PAUSE_JOB = Operation(
    id="pauseJob",
    method="POST",
    path=f"{_JOB}/pause",
    summary="Stop a job from firing",
    status=200,
    answer=JobAnswer,
    role=Role.OPERATOR,
    parameters=(JOB_ID, KEY),
    headers=(ETAG,),
    problems=ACTION_PROBLEMS,
)
RESUME_JOB = Operation(
    id="resumeJob",
    method="POST",
    path=f"{_JOB}/resume",
    summary="Let a paused job fire again",
    status=200,
    answer=JobAnswer,
    role=Role.OPERATOR,
    parameters=(JOB_ID, KEY),
    headers=(ETAG,),
    problems=ACTION_PROBLEMS,
)
BULK_JOBS = Operation(
    id="bulkJobs",
    method="POST",
    path=f"{_JOBS}/bulk",
    summary="Create, replace, edit, delete, pause and resume up to a hundred jobs, each by itself",
    status=200,
    answer=BulkAnswer,
    role=Role.OPERATOR,
    body=BulkBody,
    examples=_BULK_EXAMPLES,
    most_bytes=MAX_BULK_BYTES,
    parameters=(KEY, DRY_RUN),
    problems=_WRITE_PROBLEMS,
)
LIST_UPCOMING = Operation(
    id="upcoming",
    method="GET",
    path=f"{_JOB}/upcoming",
    summary="What will fire unless something changes, by due time",
    status=200,
    answer=Upcoming,
    role=Role.VIEWER,
    parameters=(JOB_ID, _COUNT),
    problems=READ_PROBLEMS,
)
