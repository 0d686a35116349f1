"""Bugs of the rules: of generations, misfires and claims; each is put into the engine by a patch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.mutant_wheel import everywhere
from tidewheel.domain.executions import misfire, overlap
from tidewheel.domain.executions.decisions import decide
from tidewheel.domain.executions.misfire import Reason
from tidewheel.domain.executions.overlap import LockMove, Move
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.wheel import expansion
from tidewheel.domain.wheel.expansion import Drop, Expansion
from tidewheel.engine.worker.disposition import Action, Disposition
from tidewheel.engine.worker.runner import Runner


def older_entry_dropped(patch: pytest.MonkeyPatch) -> None:
    real = expansion.expand

    def bug(schedule_entry, job, *rest, **more):
        if job is not None and schedule_entry.generation < job.generation:
            return Expansion(drop=Drop.SUPERSEDED)
        return real(schedule_entry, job, *rest, **more)

    everywhere(patch, real, bug)


def judged_by_due_time(patch: pytest.MonkeyPatch) -> None:
    real = expansion.expand

    def bug(schedule_entry, job, history, *rest, **more):
        if job is not None and schedule_entry.generation < job.generation:
            following = history.get(schedule_entry.generation + 1, job)
            if schedule_entry.due_ms >= following.effective_from_ms:
                return Expansion(drop=Drop.SUPERSEDED)
        return real(schedule_entry, job, history, *rest, **more)

    judge = decide.is_superseded

    def worker_bug(facts):
        dispatch, job = facts.dispatch, facts.job
        older = isinstance(job, Job) and dispatch.generation < job.generation
        return (older and dispatch.due_ms >= job.effective_from_ms) or judge(facts)

    everywhere(patch, real, bug)
    everywhere(patch, judge, worker_bug)


def generations_unchecked(patch: pytest.MonkeyPatch) -> None:
    """An entry whose generation was superseded goes on for ever, beside the one that took its place."""
    real = expansion.expand

    def bug(schedule_entry, job, history, *rest, **more):
        if job is not None and schedule_entry.generation < job.generation:
            own = history.get(schedule_entry.generation) or Generation.of(job)
            definition = replace(job.definition, schedule=own.schedule, jitter_ms=own.jitter_ms)
            job = replace(job, generation=schedule_entry.generation, state=own.state, definition=definition)
        return real(schedule_entry, job, history, *rest, **more)

    everywhere(patch, real, bug)


def generations_unchecked_anywhere(patch: pytest.MonkeyPatch) -> None:
    """And the worker runs whatever it is sent."""
    generations_unchecked(patch)
    everywhere(patch, decide.is_superseded, lambda facts: False)


def coalesced_into_the_newest(patch: pytest.MonkeyPatch) -> None:
    """The run that stands for what was missed gets the last missed instant: a repeat finds another one last."""
    real = misfire.judged

    def bug(occurrences, first_ms, policy, now_ms):
        found = real(occurrences, first_ms, policy, now_ms)
        if found.reason is not Reason.COALESCED or found.skipped is None:
            return found
        last = found.skipped[1]
        return replace(found, late=(last,), skipped=(first_ms, occurrences.last_before(last, first_ms)))

    everywhere(patch, real, bug)


def duplicate_of_a_live_claim_deleted(patch: pytest.MonkeyPatch) -> None:
    real = Runner.handle

    def bug(runner, dispatch, message=None):
        disposition = real(runner, dispatch, message)
        return Disposition(Action.ACK, disposition.why) if disposition.why == "busy" else disposition

    patch.setattr(Runner, "handle", bug)


def edit_drops_a_waiting_retry(patch: pytest.MonkeyPatch) -> None:
    real = Runner.handle

    def bug(runner, dispatch, message=None):
        job = runner.reader.jobs.get(dispatch.tenant, ExecutionId.parse(dispatch.execution).job)
        if dispatch.attempt > 1 and job is not None and dispatch.generation < job.generation:
            return Disposition(Action.ACK, "superseded")
        return real(runner, dispatch, message)

    patch.setattr(Runner, "handle", bug)


def locks_taken_by_force(patch: pytest.MonkeyPatch) -> None:
    """Whoever wants a job's lock takes it."""
    everywhere(patch, overlap.choose_move, lambda *_: LockMove(Move.TAKE))


def retries_let_go_of_the_lock(patch: pytest.MonkeyPatch) -> None:
    """An execution that waits for its retry counts as over."""
    real = overlap.choose_move

    def bug(lock, execution, policy, holder, *rest):
        over = holder is not None and holder.state is State.RETRYING
        return LockMove(Move.TAKE) if over else real(lock, execution, policy, holder, *rest)

    everywhere(patch, real, bug)
