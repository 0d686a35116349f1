"""Decides how an execution begins whose job starts a workflow: it is opened, and no worker holds it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.domain.executions.decisions.facts import UNREAD, Facts
from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.decisions.steps import End, Fact, Open, Read, Step
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun, opened
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import FOREVER_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.domain.workflows.runs.control import RunControl
from tidewheel.domain.workflows.runs.version import WORKFLOW_KIND


def starts_workflow(job: Job) -> bool:
    """Whether a job's executions are runs of a workflow."""
    return job.definition.target.kind == WORKFLOW_KIND


def asked_of(record: Execution, job: Job) -> tuple[str, str, Mapping[str, object]]:
    """Which workflow a run is of, which version (empty: the newest), and its parameters.

    Whoever requested it may have said so; else the job does.
    """
    if record.run is not None:
        return record.run.workflow, record.run.digest, record.run.params
    spec = job.definition.target.spec
    version = str(spec.get("version", ""))
    return str(spec["workflow"]), "" if version == "latest" else version, spec.get("params") or {}


def decide_run(facts: Facts, job: Job, now_ms: int) -> Step:
    """The next step towards the beginning of a run, which nothing else keeps from beginning.

    Args:
        facts: What is known.
        job: Its job.
        now_ms: The time (ms since the epoch).
    """
    before = facts.before
    ends_ms = deadline_ms(before, job)
    if now_ms >= ends_ms:
        return End(ended_unrun(before, State.TIMED_OUT, "its deadline passed before it began", now_ms))
    if facts.workflow is UNREAD:
        return Read(Fact.WORKFLOW)
    name, digest, params = asked_of(before, job)
    if facts.workflow is None:
        what = f"version {digest} of " if digest else ""
        return End(ended_unrun(before, State.DEAD, f"there is no {what}workflow {name}", now_ms))
    problem = facts.workflow.refusal(params)
    if problem:
        return End(ended_unrun(before, State.DEAD, problem, now_ms))
    control = RunControl(name, facts.workflow.digest, params)
    record = opened(before, control, now_ms, facts.received_ms, facts.sent_ms)
    deadline = None if ends_ms >= FOREVER_MS else ExecutionEntry.of(record, job, record.attempt, ends_ms)
    return Open(record, deadline)
