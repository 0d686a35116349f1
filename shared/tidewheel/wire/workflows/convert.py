"""Conversions between wire and domain: from bodies and stored documents to definitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from pydantic import ValidationError

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.recurrence.timings.cron import parse_cron
from tidewheel.domain.workflows.data.conditions import Condition
from tidewheel.domain.workflows.data.paths import is_path
from tidewheel.domain.workflows.definition import FailurePolicy, Need, Step, Workflow, ordered_needs
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.limits import MAX_RUN_MS
from tidewheel.domain.workflows.params import Param
from tidewheel.domain.workflows.works import (
    Approval,
    Approvers,
    Escalation,
    Items,
    Manifest,
    Map,
    Numbers,
    SubWorkflow,
    Task,
    Values,
    Wait,
    Work,
)
from tidewheel.wire.bodies.target import TargetModel
from tidewheel.wire.convert import retry_of
from tidewheel.wire.values import parse_instant, to_ms
from tidewheel.wire.workflows.body import NeedBody, StepBody, WorkflowBody
from tidewheel.wire.workflows.works import ApprovalBody, EscalateBody, MapBody, ParamBody, SubWorkflowBody, WaitBody


def workflow_of(body: WorkflowBody) -> Workflow:
    """The definition that a body without faults describes."""
    return Workflow(
        name=body.name,
        steps=tuple(_step(name, body.steps[name]) for name in sorted(body.steps)),
        description=body.description,
        failure=FailurePolicy(body.failure),
        params=_params(body.params),
        tags=dict(body.tags),
    )


def stored_workflow(document: Mapping[str, Any], name: str, digest: str) -> Workflow:
    """The definition of a stored document; what a newer release stored besides is passed over.

    Raises:
        Unreadable: It is not one that this release knows.
    """
    return workflow_of(stored_body(document, name, digest))


def stored_body(document: Mapping[str, Any], name: str, digest: str) -> WorkflowBody:
    """The same as its owner wrote it."""
    try:
        return WorkflowBody.model_validate(document, extra="ignore")
    except ValidationError as error:
        raise Unreadable("workflow", f"{name}@{digest}", "it is not one that this release knows") from error


def _step(name: str, body: StepBody) -> Step:
    rule = body.rule if body.depends is None else Depends.parse(body.depends)
    needs = {need.step: need for need in map(_need, body.needs)}
    return Step(
        name=name,
        work=_work(body),
        needs=ordered_needs(needs, rule),
        rule=rule,
        setup=body.setup,
        retry=retry_of(body.retry),
        timeout_ms=to_ms(body.timeout),
        heartbeat_ms=_ms(body.heartbeat, 0),
        pool=body.pool,
        priority=body.priority,
        precision=Precision(body.precision),
        description=body.description,
    )


def _need(body: str | NeedBody) -> Need:
    if isinstance(body, str):
        return Need(body)
    return Need(body.step, None if body.when is None else Condition.parse(body.when))


def _work(body: StepBody) -> Work:
    if body.approval is not None:
        return _approval(body.approval)
    if body.wait is not None:
        return _wait(body.wait)
    if body.map is not None:
        return _map(body.map)
    return _each(body.target, body.workflow)


def _each(target: TargetModel | None, workflow: SubWorkflowBody | None) -> Task | SubWorkflow:
    if target is not None:
        return Task(Target(target.kind, target.model_dump(mode="json")))
    body = cast("SubWorkflowBody", workflow)  # it has one of the two
    return SubWorkflow(body.name, body.version, dict(body.params))


def _ms(value: timedelta | None, default_ms: int) -> int:
    return default_ms if value is None else to_ms(value)


def _params(bodies: Mapping[str, ParamBody]) -> dict[str, Param]:
    return {name: Param(one.type, one.default, one.required, one.description) for name, one in bodies.items()}


def _approval(body: ApprovalBody) -> Approval:
    return Approval(
        message=body.message,
        by=Approvers(body.role, tuple(body.principals)),
        count=body.approvals,
        starter=body.starter,
        choices={name: end == "succeeded" for name, end in sorted(body.choices.items())},
        form=_params(body.form),
        expires_ms=_ms(body.expires, MAX_RUN_MS),
        default=body.default or "",
        escalation=None if body.escalate is None else _escalation(body.escalate),
    )


def _escalation(body: EscalateBody) -> Escalation:
    return Escalation(to_ms(body.after), Approvers(body.role, tuple(body.principals)))


def _wait(body: WaitBody) -> Wait:
    if body.duration is not None:
        return Wait(for_ms=to_ms(body.duration))
    if body.at is not None:
        hour, minute = map(int, body.at.split(":"))
        return Wait(daily=parse_cron(f"{minute} {hour} * * *", body.timezone, salt=""))
    return Wait(until=body.until if is_path(body.until) else to_ms(parse_instant(body.until)))


def _map(body: MapBody) -> Map:
    return Map(
        over=_items(body),
        each=_each(body.target, body.workflow),
        page=body.page,
        concurrency=1 if body.ordered else body.concurrency,
        tolerated=body.tolerate,
        tolerated_percent=body.tolerate_percent,
        ordered=body.ordered,
    )


def _items(body: MapBody) -> Items:
    if body.range is not None:
        return Numbers(body.range.start, body.range.stop, body.range.step)
    if body.manifest is not None:
        return Manifest(body.manifest.bucket, body.manifest.key, body.manifest.format)
    return Values(body.over if isinstance(body.over, str) else tuple(body.over))
