"""A job as its owner writes it, and as the API answers it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidewheel.domain import limits
from tidewheel.domain.fleet.route import LAMBDA_POOL, POOL_PATTERN
from tidewheel.domain.ids import JOB_ID_PATTERN
from tidewheel.domain.jobs.policies import CAUSES
from tidewheel.wire.model import LINE_PATTERN, TRIMMED_PATTERN, Model, printable, refusal, shown
from tidewheel.wire.parameters import MAX_NAME, text_like
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.schedules import ScheduleBody
from tidewheel.wire.targets import TargetBody
from tidewheel.wire.values import Instant, bounded

MAX_TAGS = 20
MAX_TAG_VALUE = 256
MAX_CAUSES = 20
CAUSE_PATTERN = "|".join((*CAUSES, "[45][0-9]{2}"))
"""Of what a retry rule may name: a kind of failure, or a status."""
_CAUSE = re.compile(CAUSE_PATTERN, re.ASCII)
_TAG_KEY = r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,63}$"


def _name(text: str) -> str:
    if text != text.strip():
        raise refusal(f"{shown(text)} begins or ends with a space", "leave the outer spaces out")
    return printable(text)


def _cause(text: str) -> str:
    if not _CAUSE.fullmatch(text):
        raise refusal(f"{shown(text)} is no cause", f"use {', '.join(CAUSES)} or a status from 400 to 599")
    return text


def _pool(text: str) -> str:
    if not re.fullmatch(POOL_PATTERN, text, re.ASCII):
        raise refusal(
            f"{shown(text)} is no pool's name", "begin with a-z, and use up to 31 of a-z, 0-9 and dashes, as in lambda"
        )
    return text


PoolName = Annotated[
    str,
    AfterValidator(_pool),
    Field(
        description="Whose workers run it: `lambda`, `fargate`, or another of the deployment.",
        json_schema_extra={"pattern": POOL_PATTERN},
    ),
]
"""The name of a pool."""

Priority = Literal["critical", "high", "normal", "low"]
"""One of ``fleet.route.PRIORITIES``."""

Tags = Annotated[
    dict[
        Annotated[str, Field(pattern=_TAG_KEY)],
        Annotated[
            str,
            Field(max_length=MAX_TAG_VALUE, json_schema_extra={"pattern": f"^{LINE_PATTERN}$"}),
            AfterValidator(printable),
        ],
    ],
    Field(max_length=MAX_TAGS, json_schema_extra={"additionalProperties": False}),
]
"""Labels: names and values."""


class RetryBody(Model):
    """What happens after a failed attempt."""

    max_attempts: Annotated[int, Field(ge=1, le=limits.MAX_ATTEMPTS)] = 3
    strategy: Literal["exponential", "linear", "fibonacci", "fixed"] = "exponential"
    base: Annotated[timedelta, *bounded(0, limits.MAX_DELAY_MS)] = timedelta(seconds=2)
    cap: Annotated[timedelta, *bounded(0, limits.MAX_DELAY_MS)] = timedelta(hours=1)
    jitter: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    on: Annotated[
        list[Annotated[str, Field(json_schema_extra=text_like(CAUSE_PATTERN)), AfterValidator(_cause)]],
        Field(
            max_length=MAX_CAUSES,
            description="What is tried again: `timeout`, `4xx`, `5xx`, single statuses such as `409`, or `error` (a "
            "failure that has no such status). None named: time-outs, broken connections, 5xx, 408, 425 and 429.",
            examples=[["5xx", "429", "timeout"]],
        ),
    ] = Field(default_factory=list)


class MisfireBody(Model):
    """What happens to occurrences that nobody could fire in time."""

    policy: Annotated[
        Literal["coalesce", "all", "skip"],
        Field(description="Run once for all of them, run the newest up to the limit, or run none."),
    ] = "coalesce"
    grace: Annotated[timedelta, *bounded(limits.SECOND_MS, limits.MAX_GRACE_MS)] = timedelta(
        milliseconds=limits.GRACE_MS
    )
    limit: Annotated[int, Field(ge=1, le=limits.MAX_MISFIRE_LIMIT)] = limits.MISFIRE_LIMIT


class JobBody(Model):
    """A job as its owner writes it. Without a schedule it runs now, once."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=MAX_NAME, json_schema_extra={"pattern": f"^{TRIMMED_PATTERN}$"}),
        AfterValidator(_name),
    ]
    unique_name: bool = Field(
        False,
        description="Whether no other job may have this name when this one is written, and none may ask for it later. "
        "The name then means this job, whoever else takes it.",
    )
    schedule: ScheduleBody | None = None
    target: TargetBody
    priority: Priority = "normal"
    precision: Annotated[
        Literal["high", "normal", "low"],
        Field(description="How near to its due time a run starts. A deployment in economy mode refuses high."),
    ] = "normal"
    pool: PoolName = LAMBDA_POOL
    jitter: Annotated[
        timedelta,
        *bounded(0, limits.MAX_JITTER_MS),
        Field(description="Each run is due later than its instant by less than this, each time by another delay."),
    ] = timedelta()
    window: Annotated[
        timedelta,
        *bounded(0, limits.MAX_JITTER_MS),
        Field(
            description="Each run is due later than its instant by less than this, each time by the same delay, which "
            "follows from the job's id: many jobs of one schedule spread evenly. Adds to the jitter."
        ),
    ] = timedelta()
    timeout: Annotated[
        timedelta,
        *bounded(limits.MIN_TIMEOUT_MS, limits.MAX_POOL_TIMEOUT_MS),
        Field(description="How long one attempt may take; on the pool `lambda` 14 minutes at most."),
    ] = timedelta(minutes=1)
    deadline: Annotated[timedelta, *bounded(limits.MIN_TIMEOUT_MS, limits.MAX_DEADLINE_MS)] | None = Field(
        None, description="How long after its due time a run may go on, retries included; past it, it ends timed_out."
    )
    heartbeat: Annotated[timedelta, *bounded(limits.MIN_TIMEOUT_MS, limits.MAX_DEADLINE_MS)] | None = Field(
        None,
        description="How long a run may give no sign of life before it is revoked; for targets that can give one.",
    )
    retry: RetryBody = RetryBody()
    overlap: Annotated[
        Literal["allow", "skip", "queue", "replace"],
        Field(
            description="What becomes of a run while another one of the job is not over: they run side by side, it is "
            "left out, it waits (one at most), or it goes first and the other, if older, is cancelled."
        ),
    ] = "allow"
    misfire: MisfireBody = MisfireBody()
    start: Instant | None = Field(None, description="The first instant that the schedule may name.")
    end: Instant | None = Field(None, description="The first instant that it may no longer name.")
    tags: Tags = Field(default_factory=dict)


class LastRun(Model):
    """The newest run of a job that has ended."""

    id: str
    state: Literal["succeeded", "failed", "dead", "cancelled", "timed_out"]
    finished_at: Instant | None


class Occurrence(Model):
    """An instant to come: what the schedule names, and when the run starts."""

    nominal_at: Instant
    due_at: Instant
    execution: str = Field("", description="The id that its execution will have; it can be cancelled by it.")
    cancelled: bool = Field(False, description="Whether someone cancelled it, so that it will not run.")


class Preview(Model):
    """What a dry run foretells of a job, unless something changes."""

    upcoming: tuple[Occurrence, ...] = Field(description="The next 20 instants, by due time.")
    executions_a_month: int = Field(description="Runs in the next 30 days, retries and requested runs apart.")
    exact: bool = Field(description="Whether they were counted; else they are extrapolated from a shorter time.")
    dollars_a_month: float = Field(
        description="What these runs cost at most at AWS's list prices in us-east-1, if their target answers in 0.1 s; "
        "the target's own cost, and workers that are not on Lambda, are not in it."
    )
    prices_as_of: str = Field(
        description="The day of those prices.", json_schema_extra={"format": "date"}, examples=["2026-11-30"]
    )


class JobAnswer(JobBody):
    """A job as it stands."""

    id: Annotated[str, Field(json_schema_extra={"pattern": f"^{JOB_ID_PATTERN}$"})]
    tenant: str
    generation: Annotated[int, Field(description="Raised by every edit; the ETag holds it.")]
    state: Annotated[
        Literal["active", "paused", "completed", "failed"],
        Field(
            description="`completed`: nothing is left to fire. `failed`: neither, and it fired once, and its last run "
            "ended without success."
        ),
    ]
    next_fire_at: Instant | None = Field(
        description="The next due time of the present schedule; null when nothing is left, or paused. `upcoming` "
        "also has what a former schedule still has to fire."
    )
    last_run: LastRun | None = Field(
        None, description="The newest run that has ended; null if there is none among the ten newest records."
    )
    created_at: Instant
    updated_at: Instant
    created_by: str | None = Field(
        None, description="Who created it: `key:<key id>`, `<issuer>#<subject>` of a token, or an AWS ARN."
    )
    updated_by: str | None = Field(None, description="Who wrote this generation, likewise.")
    warnings: Annotated[
        tuple[FieldProblem, ...],
        Field(
            description="Fields that have less effect than they say, such as a window that is wider than the time "
            "between two instants. Left out of lists."
        ),
    ] = ()
    preview: Preview | None = Field(
        None, description="What is foretold of it, in the answer to a dry run (`dry_run=true`); else null."
    )


class JobList(Model):
    """A page of jobs; the cursor is null on the last.

    A page may have fewer jobs than the limit, or none, though others follow: a request looks at a thousand at most.
    """

    items: tuple[JobAnswer, ...]
    cursor: str | None


class Upcoming(Model):
    """What will fire of a job unless something changes, by due time."""

    items: tuple[Occurrence, ...]
