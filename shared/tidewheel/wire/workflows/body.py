"""A workflow as its owner writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from tidewheel.domain import limits
from tidewheel.domain.fleet.route import LAMBDA_POOL
from tidewheel.domain.limits import MAX_DEPENDS_CHARS
from tidewheel.domain.workflows.checks.kinds import WORKS
from tidewheel.domain.workflows.data.conditions import COMPARISONS
from tidewheel.domain.workflows.data.paths import STEP_NAME, is_step_name
from tidewheel.domain.workflows.limits import MAX_DESCRIPTION, MAX_STEPS
from tidewheel.domain.workflows.rules import Rule
from tidewheel.wire.bodies.job import PoolName, Priority, RetryBody, Tags
from tidewheel.wire.model import Model, printable, refusal, shown
from tidewheel.wire.parameters import text_like
from tidewheel.wire.targets import CallBody
from tidewheel.wire.values import bounded
from tidewheel.wire.workflows.works import ApprovalBody, MapBody, Params, SubWorkflowBody, WaitBody, WorkflowName

_BLANKS = re.compile(r"\s+")
_CONDITION: dict[str, Any] = {
    "type": "object",
    "description": "One comparison of what the step answered, such as `more_than`, or conditions joined by `all`, "
    "`any` or `not`.",
    "properties": {
        "path": {"type": "string", "pattern": "^\\$\\.output", "description": "What is compared."},
        **{
            name: {"description": f"Of the types {', '.join(sorted(one.operand))}."}
            for name, one in COMPARISONS.items()
        },
        "all": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        "any": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        "not": {"type": "object"},
    },
    "additionalProperties": False,
    "examples": [{"path": "$.output.rows", "more_than": 0}],
}


def _step_name(text: str) -> str:
    if not is_step_name(text):
        remedy = "begin with a letter, and use up to 64 of A-Z a-z 0-9 _ -"
        raise refusal(f"{shown(text)} is no name of a step", remedy)
    return text


StepName = Annotated[str, AfterValidator(_step_name), Field(json_schema_extra=text_like(STEP_NAME))]


class NeedBody(Model):
    """A step that is waited for, and what it must have answered: else its end counts as skipped."""

    step: StepName
    when: Annotated[dict[str, Any], WithJsonSchema(_CONDITION)] | None = None


def _form_of_need(value: Any) -> str:
    return "name" if isinstance(value, str) else "need"


def _ordered(needs: Sequence[str | NeedBody]) -> list[str | NeedBody]:
    """The needs by name, each in its shortest form."""
    shortest = [need.step if isinstance(need, NeedBody) and need.when is None else need for need in needs]
    return sorted(shortest, key=lambda need: need if isinstance(need, str) else need.step)


Needs = Annotated[
    list[Annotated[Annotated[StepName, Tag("name")] | Annotated[NeedBody, Tag("need")], Discriminator(_form_of_need)]],
    Field(
        max_length=MAX_STEPS,
        description="The steps that it waits for: names, or objects with a condition. None: it begins with the run.",
    ),
    AfterValidator(_ordered),
]


def _expression(text: str) -> str:
    """The expression with blanks around the signs that join, and nowhere else."""
    return _BLANKS.sub("", text).replace("&&", " && ").replace("||", " || ")


class StepBody(Model):
    """A step. What it does is said by exactly one of `target`, `approval`, `wait`, `map` and `workflow`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in WORKS]})

    target: CallBody | None = Field(
        None,
        description="What it calls, as in a job. The fields of its kind that hold what is sent may refer to data.",
    )
    approval: ApprovalBody | None = None
    wait: WaitBody | None = None
    map: MapBody | None = None
    workflow: SubWorkflowBody | None = None
    needs: Needs = Field(default_factory=list)
    rule: Annotated[
        Rule, Field(strict=False, description="When it runs, given how the steps that it needs ended, as in Airflow.")
    ] = Rule.ALL_SUCCESS
    depends: Annotated[str, AfterValidator(_expression), Field(max_length=MAX_DEPENDS_CHARS)] | None = Field(
        None,
        description="Instead of a rule, an expression over the ends of steps, as in Argo: it needs the steps it names.",
        examples=["extract.Succeeded && (load.Failed || load.Skipped)"],
    )
    setup: bool = Field(False, description="Whether it is a setup step, for the rule `all_done_setup_success`.")
    retry: RetryBody = RetryBody()
    timeout: Annotated[
        timedelta,
        *bounded(limits.MIN_TIMEOUT_MS, limits.MAX_POOL_TIMEOUT_MS),
        Field(description="How long one attempt may take; on the pool `lambda` 14 minutes at most."),
    ] = timedelta(minutes=1)
    heartbeat: Annotated[timedelta, *bounded(limits.MIN_TIMEOUT_MS, limits.MAX_DEADLINE_MS)] | None = Field(
        None, description="How long a call may give no sign of life before it is stopped; else as long as its time-out."
    )
    pool: PoolName = LAMBDA_POOL
    priority: Priority = "normal"
    precision: Literal["high", "normal", "low"] = "normal"
    description: Annotated[str, AfterValidator(printable), Field(max_length=MAX_DESCRIPTION)] = ""

    @model_validator(mode="after")
    def _named_by_expression(self) -> Self:
        """Needs that the expression names anyway are left to it."""
        kept = [need for need in self.needs if isinstance(need, NeedBody)]
        if self.depends is None or kept == self.needs:
            return self
        return self.model_copy(update={"needs": kept})


class WorkflowBody(Model):
    """A workflow as its owner writes it."""

    name: WorkflowName
    description: Annotated[str, AfterValidator(printable), Field(max_length=MAX_DESCRIPTION)] = ""
    failure: Annotated[
        Literal["let_run", "fail_fast"],
        Field(
            description="Once a step has failed: whatever the rules let run still does, or nothing begins any more but "
            "what follows a failure."
        ),
    ] = "let_run"
    params: Params = Field(default_factory=dict, description="The parameters of its runs, by name.")
    tags: Tags = Field(default_factory=dict)
    steps: Annotated[
        dict[StepName, StepBody],
        Field(
            min_length=1,
            max_length=MAX_STEPS,
            description="The steps by name.",
            json_schema_extra={"additionalProperties": False},
        ),
    ]


def document_of(body: WorkflowBody) -> Mapping[str, Any]:
    """The canonical document of a workflow: what has its default is left out, so that saying it changes no version."""
    return body.model_dump(mode="json", exclude_defaults=True)
