"""Decides what a worker does with the message of a step of a run, before the step is handled as any execution is. Pure.

The run's control is read before the step's record, and again if that turns out to be newer. A step begins only in its
own generation, when no attempt of an older one is left; under a stop it ends as cancelled; while the run is paused its
message is dropped, since whoever ends the pause has all steps looked at.
"""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.executions.claiming import ClaimVerdict, judge
from tidewheel.domain.executions.decisions.facts import UNREAD, Facts
from tidewheel.domain.executions.decisions.steps import Acknowledge, End, Fact, Read, RetryLater, Settle, Step
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.executions.transitions import ended_unrun, in_generation, with_lost_attempt
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.workflows.runs.version import Version
from tidewheel.domain.workflows.runs.view import is_stopped

STOPPED = "its run was stopped before it began"
_OLDER = "it is to run again"


def decide_node(facts: Facts, now_ms: int) -> Step | Facts:
    """The next step; or the facts by which the step of the run is handled as any execution, with its job.

    Args:
        facts: What is known.
        now_ms: The time (ms since the epoch).
    """
    missing = _missing(facts)
    if missing is not None:
        return Read(missing)
    run, record = facts.run, facts.own
    assert run is not UNREAD
    if run is None or run.run is None:
        return Acknowledge("unwanted")
    generation = run.run.generation_of(_node(facts))
    if record is not None and record.generation > generation:
        return Read(Fact.RUN)  # a clear came after the control was read
    if record is not None and is_end(record.state) and record.generation >= facts.dispatch.generation:
        return Settle(record, "duplicate")
    if run.state is not State.OPEN:
        return Settle(run, "unwanted")
    return _in_open_run(facts, run, generation, now_ms)


def _missing(facts: Facts) -> Fact | None:
    """What to read next: the control before the record, always."""
    if facts.run is UNREAD:
        return Fact.RUN
    if facts.record is UNREAD:
        return Fact.RECORD
    if facts.run is not None and facts.workflow is UNREAD:
        return Fact.WORKFLOW
    return None


def _node(facts: Facts) -> int:
    node = ExecutionId.parse(facts.dispatch.execution).node
    assert node is not None
    return node


def _in_open_run(facts: Facts, run: Execution, generation: int, now_ms: int) -> Step | Facts:
    assert run.run is not None
    assert isinstance(facts.workflow, Version)
    stopped = is_stopped(run.run, facts.workflow.graph.nodes[_node(facts)].rule)
    record = facts.own
    if record is not None and not is_end(record.state) and (stopped or record.generation < generation):
        return _leaves(record, STOPPED if stopped else _OLDER, now_ms)
    if record is not None and record.state is State.RUNNING:
        return _with_job(facts)
    if facts.dispatch.generation != generation:
        return Acknowledge("superseded")
    base = in_generation(record, generation) if record is not None else facts.dispatch.blank()
    if stopped:
        return End(ended_unrun(base, State.CANCELLED, STOPPED, now_ms))
    if run.run.paused:
        return Acknowledge("paused")
    return _with_job(replace(facts, record=base if record is not None else None))


def _leaves(record: Execution, reason: str, now_ms: int) -> Step:
    """An attempt that is not wanted any more ends before another may begin; a running one ends itself, or is lost."""
    verdict = judge(record, record.attempt + 1, now_ms)
    if verdict is ClaimVerdict.BUSY:
        return RetryLater("busy", max(SECOND_MS, record.lease_until_ms + TAKEOVER_GRACE_MS - now_ms))
    taken_over = verdict is ClaimVerdict.TAKE_OVER
    before = with_lost_attempt(record, now_ms) if taken_over else record
    return End(ended_unrun(before, State.CANCELLED, reason, now_ms), lost_attempt=taken_over)


def _with_job(facts: Facts) -> Step | Facts:
    """The facts with the step's own job, which says what is called with the data of the steps before it."""
    return Read(Fact.JOB) if facts.job is UNREAD else facts
