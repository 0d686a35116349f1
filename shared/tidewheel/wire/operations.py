"""Every operation of the HTTP API, in one table: the resolver, the OpenAPI document and the client follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tidewheel.domain.limits import DEFAULT_PAGE, MAX_PAGE, MAX_UPCOMING
from tidewheel.wire import VERSION
from tidewheel.wire.cancel import CancelBody
from tidewheel.wire.circuit import CircuitList
from tidewheel.wire.execution import ExecutionAnswer, ExecutionList, LedgerAnswer, LogAnswer
from tidewheel.wire.job import Health, JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.model import Model
from tidewheel.wire.redrive import RedriveAnswer, RedriveBody

DEFAULT_UPCOMING = 10
MAX_KEY = 255
STATES = ("active", "paused", "completed")
IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path, query or header parameter; ``schema`` is its JSON Schema."""

    name: str
    where: Literal["path", "query", "header"]
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Args:
        id: Its name in the document.
        method: In upper case.
        path: With ``{names}`` for what varies.
        summary: One line.
        status: Of the answer when all went well.
        answer: The answer's model; None for an empty one.
        body: The request's model, if it takes one.
        optional: Whether the body may be left out.
        patch: Whether the body is a merge patch of that model.
        parameters: All that it takes.
        headers: The answer's headers, with what they hold.
        also: Further statuses when all went well, with what they mean.
        problems: Kinds of ``problem.KINDS`` beside ``internal``, which any may answer.
    """

    id: str
    method: str
    path: str
    summary: str
    status: int
    answer: type[Model] | None
    body: type[Model] | None = None
    optional: bool = False
    patch: bool = False
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    also: tuple[tuple[int, str], ...] = ()
    problems: tuple[str, ...] = ()

    def matches(self, path: str) -> bool:
        """Whether a request's path is one of this operation's."""
        mine, theirs = self.path.split("/"), path.split("/")
        pairs = zip(mine, theirs, strict=False)
        return len(mine) == len(theirs) and all(one == two or (one[:1] == "{" and two) for one, two in pairs)

    def takes(self, where: str) -> frozenset[str]:
        """The names of its parameters in a place."""
        return frozenset(parameter.name for parameter in self.parameters if parameter.where == where)


def _whole(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


_TEXT = {"type": "string"}
_JOB_ID = Parameter("id", "path", "The job's id.", _TEXT)
_EXECUTION_ID = Parameter("id", "path", "The execution's id.", _TEXT)
_LIMIT = Parameter("limit", "query", "Items in a page, at most.", _whole(1, MAX_PAGE, DEFAULT_PAGE))
_CURSOR = Parameter("cursor", "query", "Where the last page ended: its `cursor`.", _TEXT)
_STATE = Parameter("state", "query", "Only jobs in this state.", {"type": "string", "enum": list(STATES)})
_TAG = Parameter(
    "tag",
    "query",
    "Only jobs with this tag, as `key:value`; given several times, with all of them.",
    {"type": "array", "items": _TEXT, "examples": [["team:billing"]]},
)
_ATTEMPT = Parameter("attempt", "query", "Which attempt; else the newest.", {"type": "integer", "minimum": 1})
_OF_JOB = Parameter("job", "query", "Only those of this job.", _TEXT)
_COUNT = Parameter("count", "query", "Instants, at most.", _whole(1, MAX_UPCOMING, DEFAULT_UPCOMING))
_TIME = {"type": "string", "format": "date-time"}
_FROM = Parameter(
    "from", "query", "The first instant asked about; else a day before the end, or the job's creation.", _TIME
)
_TO = Parameter("to", "query", "The first instant no longer asked about; else now.", _TIME)
_KEY = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    "Makes a repeat safe: the same key and body answer what the first request made, as it stands now.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
)
_MATCH = Parameter(
    IF_MATCH,
    "header",
    "The ETag that was read; the edit is refused if the job was edited since. `*` or none edits the newest.",
    {"type": "string", "examples": ['"3"']},
)
_ETAG = ("ETag", "The generation, in quotes.")
_LOCATION = ("Location", "Where it can be read, relative to the request's URL.")
_ENDING = "It is running: its worker ends it within about ten seconds, unless it succeeds first."
_JOBS = f"/{VERSION}/jobs"
_JOB = f"{_JOBS}/{{id}}"
_WRITE = ("malformed", "too-large", "invalid", "conflict", "unavailable")
_EDIT = (*_WRITE, "not-found", "outdated")
_READ = ("not-found", "invalid", "unavailable")
_TOUCH = ("not-found", "conflict", "invalid", "unavailable")

OPERATIONS = (
    Operation(
        "createJob", "POST", _JOBS, "Create a job", 201, JobAnswer,
        body=JobBody, parameters=(_KEY,), headers=(_LOCATION, _ETAG), problems=_WRITE,
    ),
    Operation(
        "listJobs", "GET", _JOBS, "List jobs, by id", 200, JobList,
        parameters=(_STATE, _TAG, _LIMIT, _CURSOR), problems=("invalid", "unavailable"),
    ),
    Operation(
        "getJob", "GET", _JOB, "Read a job", 200, JobAnswer,
        parameters=(_JOB_ID,), headers=(_ETAG,), problems=_READ,
    ),
    Operation(
        "replaceJob", "PUT", _JOB, "Give a job a new definition", 200, JobAnswer,
        body=JobBody, parameters=(_JOB_ID, _MATCH), headers=(_ETAG,), problems=_EDIT,
    ),
    Operation(
        "editJob", "PATCH", _JOB, "Change a job's definition by a JSON merge patch", 200, JobAnswer,
        body=JobBody, patch=True, parameters=(_JOB_ID, _MATCH), headers=(_ETAG,), problems=_EDIT,
    ),
    Operation(
        "deleteJob", "DELETE", _JOB, "Delete a job; its executions stay", 204, None,
        parameters=(_JOB_ID, _MATCH), problems=(*_TOUCH, "outdated"),
    ),
    Operation(
        "pauseJob", "POST", f"{_JOB}/pause", "Stop a job from firing", 200, JobAnswer,
        parameters=(_JOB_ID, _KEY), headers=(_ETAG,), problems=_TOUCH,
    ),
    Operation(
        "resumeJob", "POST", f"{_JOB}/resume", "Let a paused job fire again", 200, JobAnswer,
        parameters=(_JOB_ID, _KEY), headers=(_ETAG,), problems=_TOUCH,
    ),
    Operation(
        "runJob", "POST", f"{_JOB}/run", "Run a job now, beside its schedule", 202, ExecutionAnswer,
        parameters=(_JOB_ID, _KEY), headers=(_LOCATION,), problems=_TOUCH,
    ),
    Operation(
        "upcoming", "GET", f"{_JOB}/upcoming", "The next instants of a job", 200, Upcoming,
        parameters=(_JOB_ID, _COUNT), problems=_READ,
    ),
    Operation(
        "listExecutions", "GET", f"{_JOB}/executions", "A job's executions, newest first", 200, ExecutionList,
        parameters=(_JOB_ID, _LIMIT, _CURSOR), problems=_READ,
    ),
    Operation(
        "ledger", "GET", f"{_JOB}/ledger", "How each of at most 10,000 instants is accounted for", 200, LedgerAnswer,
        parameters=(_JOB_ID, _FROM, _TO), problems=_READ,
    ),
    Operation(
        "getExecution", "GET", f"/{VERSION}/executions/{{id}}", "Read an execution", 200, ExecutionAnswer,
        parameters=(_EXECUTION_ID,), problems=_READ,
    ),
    Operation(
        "logs", "GET", f"/{VERSION}/executions/{{id}}/logs", "The log of an attempt", 200, LogAnswer,
        parameters=(_EXECUTION_ID, _ATTEMPT, _CURSOR), problems=_READ,
    ),
    Operation(
        "cancelExecution", "POST", f"/{VERSION}/executions/{{id}}/cancel",
        "Cancel an execution, or an occurrence to come", 200, ExecutionAnswer,
        body=CancelBody, optional=True, parameters=(_EXECUTION_ID, _KEY), also=((202, _ENDING),),
        problems=("malformed", "too-large", *_TOUCH),
    ),
    Operation(
        "listDeadLetters", "GET", f"/{VERSION}/dead-letters",
        "Executions that ended as dead, failed or timed_out, the last to end first", 200, ExecutionList,
        parameters=(_OF_JOB, _LIMIT, _CURSOR), problems=("invalid", "unavailable"),
    ),
    Operation(
        "redriveDeadLetters", "POST", f"/{VERSION}/dead-letters/redrive",
        "Run up to a hundred dead letters again, at a set rate", 202, RedriveAnswer,
        body=RedriveBody, problems=("malformed", "too-large", "invalid", "unavailable"),
    ),
    Operation(
        "listCircuits", "GET", f"/{VERSION}/circuits",
        "The parties that jobs call and that failed lately: who is left alone, and until when", 200, CircuitList,
        parameters=(_LIMIT, _CURSOR), problems=("invalid", "unavailable"),
    ),
    Operation("health", "GET", f"/{VERSION}/health", "Whether the API answers", 200, Health, problems=("invalid",)),
    Operation(
        "openapi", "GET", f"/{VERSION}/openapi.json", "This document", 200, Model, problems=("invalid",)
    ),
)  # fmt: skip
"""All of them."""
