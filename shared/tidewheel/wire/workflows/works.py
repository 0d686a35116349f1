"""What a step does, as its owner writes it; the call of a target is a model of ``wire.targets``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tidewheel.domain.access.roles import Role
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.recurrence.zones import known_zone
from tidewheel.domain.workflows import limits
from tidewheel.domain.workflows.data.paths import is_path
from tidewheel.domain.workflows.definition import DIGEST, WORKFLOW_NAME
from tidewheel.domain.workflows.params import PARAM_NAME, ParamType
from tidewheel.domain.workflows.works import LATEST
from tidewheel.wire.model import Model, printable, refusal, shown
from tidewheel.wire.parameters import text_like
from tidewheel.wire.targets import CallBody
from tidewheel.wire.values import bounded, format_instant, parse_instant

_DIGEST = re.compile(DIGEST, re.ASCII)
_NAME = re.compile(WORKFLOW_NAME, re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_CHOICE = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _version(text: str) -> str:
    if text != LATEST and not _DIGEST.fullmatch(text):
        raise refusal(f"{shown(text)} is no version", f"write {LATEST}, or the 64 digits that `versions` shows")
    return text


def check_workflow_name(text: str) -> str:
    """A validator: the text, if it may name a workflow."""
    if not _NAME.fullmatch(text):
        remedy = "begin with a letter or a digit, and use up to 128 of A-Z a-z 0-9 _ . -"
        raise refusal(f"{shown(text)} is no name of a workflow", remedy)
    return text


WorkflowName = Annotated[
    str, AfterValidator(check_workflow_name), Field(json_schema_extra=text_like(WORKFLOW_NAME), examples=["nightly"])
]
OneLine = Annotated[str, AfterValidator(printable)]
RoleField = Annotated[Role, Field(strict=False)]
ChoiceEnd = Literal["succeeded", "failed"]
"""How a step ends by a choice."""
Principals = Annotated[
    list[OneLine], Field(max_length=limits.MAX_APPROVERS), AfterValidator(lambda names: sorted(set(names)))
]
"""Names of principals, in order."""


class ParamBody(Model):
    """A parameter of a run, or a field of a form."""

    type: Annotated[ParamType, Field(strict=False)] = ParamType.STRING
    required: bool = Field(False, description="Whether it must be given; else it has its default, or is null.")
    default: Any = None
    description: Annotated[OneLine, Field(max_length=limits.MAX_MESSAGE)] = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.default is not None and not self.type.takes(self.default):
            raise refusal(f"the default {shown(self.default)} is no {self.type}", f"write a {self.type}")
        if self.default is not None and self.required:
            raise refusal("a default is given though it is required", "keep one of default and required")
        return self


Params = Annotated[
    dict[Annotated[str, Field(pattern=f"^{PARAM_NAME}$")], ParamBody],
    Field(max_length=limits.MAX_PARAMS, json_schema_extra={"additionalProperties": False}),
]


class SubWorkflowBody(Model):
    """A run of another workflow of the tenant. The step ends as that run does."""

    name: WorkflowName
    version: Annotated[
        str,
        AfterValidator(_version),
        Field(
            description="`latest` when the step begins, or the digest of a version.",
            json_schema_extra=text_like(f"{LATEST}|{DIGEST}"),
        ),
    ] = LATEST
    params: Annotated[
        dict[str, Any], Field(max_length=limits.MAX_PARAMS, description="May refer to data, as bodies of targets may.")
    ] = Field(default_factory=dict)


def _usual_choices() -> dict[str, ChoiceEnd]:
    return {"approve": "succeeded", "reject": "failed"}


class EscalateBody(Model):
    """Who else may answer after a while."""

    after: Annotated[timedelta, *bounded(SECOND_MS, limits.MAX_RUN_MS)]
    role: RoleField | None = None
    principals: Principals = Field(default_factory=list)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.role is None and not self.principals:
            raise refusal("nobody is named", "give a role, or principals")
        return self


class ApprovalBody(Model):
    """A decision of people, for which the run waits."""

    message: Annotated[OneLine, Field(min_length=1, max_length=limits.MAX_MESSAGE, description="What is asked.")]
    role: RoleField | None = Field(
        Role.OPERATOR, description="The least role of those who may answer; null: only the principals that are named."
    )
    principals: Principals = Field(
        default_factory=list, description="Who may answer whatever their role, as `whoami` names them."
    )
    approvals: Annotated[
        int, Field(ge=1, le=limits.MAX_APPROVALS, description="How many must make the same choice.")
    ] = 1
    starter: bool = Field(False, description="Whether whoever started the run may answer, too.")
    choices: Annotated[
        dict[Annotated[str, Field(pattern=_CHOICE)], ChoiceEnd],
        Field(
            min_length=1,
            max_length=limits.MAX_CHOICES,
            description="What may be chosen, and how the step ends by it.",
            json_schema_extra={"additionalProperties": False},
        ),
    ] = Field(default_factory=_usual_choices)
    form: Params = Field(default_factory=dict, description="Fields that an answer has besides the choice.")
    expires: Annotated[timedelta, *bounded(SECOND_MS, limits.MAX_RUN_MS)] | None = Field(
        None, description="After how long the question is over; else with its run, 366 days at most."
    )
    default: str | None = Field(None, description="The choice that counts then; else the step fails as timed out.")
    escalate: EscalateBody | None = None

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if self.role is None and len(self.principals) < self.approvals:
            raise refusal(f"{self.approvals} must answer, and {len(self.principals)} may", "name a role, or principals")
        if self.default is not None and self.default not in self.choices:
            raise refusal(f"the default {shown(self.default)} is no choice", f"use {' or '.join(sorted(self.choices))}")
        if self.escalate is not None and self.expires is not None and self.escalate.after >= self.expires:
            raise refusal("it escalates when the question is over", "let escalate.after be shorter than expires")
        return self


def _until(value: Any) -> Any:
    """An instant in one spelling, or a path."""
    if isinstance(value, str) and is_path(value):
        return value
    if not isinstance(value, str | datetime):
        raise refusal(f"{shown(value)} is not a time", "write it as RFC 3339, or a path such as $.run.params.until")
    try:
        return format_instant(parse_instant(value))
    except PydanticCustomError as error:
        words = error.context or {}
        raise refusal(words["problem"], words["remedy"]) from error


def _time_of_day(text: str) -> str:
    if not _AT.fullmatch(text):
        raise refusal(f"{shown(text)} is not a time of day", "write hours and minutes, as in 06:30")
    return text


def _zone(name: str) -> str:
    if known_zone(name) is None:
        raise refusal(f"{shown(name)} is not a known time zone", "use an IANA name, such as Europe/Paris")
    return name


class WaitBody(Model):
    """A pause: for a duration, until an instant, or until the next time that it is a time of day in a zone."""

    duration: Annotated[timedelta, *bounded(SECOND_MS, limits.MAX_RUN_MS)] | None = None
    until: Annotated[
        Any,
        AfterValidator(_until),
        WithJsonSchema({"type": ["string", "null"], "description": "RFC 3339, or a path to such a text."}),
    ] = None
    at: Annotated[str, AfterValidator(_time_of_day), Field(json_schema_extra=text_like(_AT.pattern))] | None = None
    timezone: Annotated[str, AfterValidator(_zone), Field(description="Of `at`.")] = "UTC"


class RangeBody(Model):
    """Whole numbers from `start` up to, and without, `stop`."""

    start: int = 0
    stop: int
    step: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        count = len(range(self.start, self.stop, self.step))
        if not 1 <= count <= limits.MAX_MAP_ITEMS:
            raise refusal(f"these are {count} numbers", f"let them be 1 to {limits.MAX_MAP_ITEMS}")
        return self


class ManifestBody(Model):
    """The lines of an object in S3: an item each."""

    bucket: str
    key: Annotated[str, Field(min_length=1, max_length=1_024)]
    format: Annotated[
        Literal["json-lines", "csv"], Field(description="`csv`: objects, with the names in the first line.")
    ] = "json-lines"

    @field_validator("bucket", mode="after")
    @classmethod
    def _bucket(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise refusal(f"{shown(bucket)} is no bucket's name", "use 3 to 63 of a-z, 0-9, dots and dashes")
        return bucket


def _over(value: Any) -> Any:
    if isinstance(value, list) or (isinstance(value, str) and is_path(value)):
        return value
    remedy = "write a list, or a path such as $.steps.extract.output.pages; range and manifest are fields of their own"
    raise refusal(f"{shown(value)} is no list and no path", remedy)


class MapBody(Model):
    """The same work for each of many items, in pages that run side by side."""

    over: Annotated[
        Any,
        AfterValidator(_over),
        WithJsonSchema(
            {
                "anyOf": [{"type": "array", "items": {}}, {"type": "string", "pattern": "^\\$\\."}, {"type": "null"}],
                "description": "The items: a list, whose items may refer to data, or a path to one.",
            }
        ),
    ] = None
    range: RangeBody | None = None
    manifest: ManifestBody | None = None
    target: CallBody | None = Field(
        None, description="What is called for each item; it may refer to `$.item` and `$.index`."
    )
    workflow: SubWorkflowBody | None = Field(None, description="Or the workflow that is run for each.")
    page: Annotated[
        int, Field(ge=1, le=limits.MAX_MAP_PAGE, description="Items in a page, which is one execution.")
    ] = limits.DEFAULT_MAP_PAGE
    concurrency: Annotated[
        int, Field(ge=1, le=limits.MAX_MAP_CONCURRENCY, description="Pages that run side by side, at most.")
    ] = limits.DEFAULT_MAP_CONCURRENCY
    tolerate: Annotated[
        int, Field(ge=0, le=limits.MAX_MAP_ITEMS, description="Items that may fail before the step does.")
    ] = 0
    tolerate_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = Field(
        None, description="The same as a share of all items; give one of the two."
    )
    ordered: bool = Field(False, description="Whether items begin in their order, each page after the one before.")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.tolerate_percent is not None and self.tolerate:
            raise refusal("has tolerate and tolerate_percent", "keep one of them")
        if self.ordered and self.concurrency not in {1, limits.DEFAULT_MAP_CONCURRENCY}:
            raise refusal("pages that run side by side have no order", "let concurrency be 1, or leave it out")
        return self
