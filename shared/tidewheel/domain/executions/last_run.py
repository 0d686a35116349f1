"""The last run of a job, and what it says about the job. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.executions.states import DEAD_LETTERS, State, is_end
from tidewheel.domain.jobs.job import Job, JobState

_NO_RESULT = {State.SKIPPED, State.BLOCKED}


def last_run(items: Iterable[Execution | Missed]) -> Execution | None:
    """The newest run that has ended, of a job's newest records, the newest first; None if none has.

    What was left out, skipped or blocked, is no result.
    """
    runs = (item for item in items if isinstance(item, Execution))
    return next((run for run in runs if is_end(run.state) and run.state not in _NO_RESULT), None)


def shown_state(job: Job, last: Execution | None, now_ms: int) -> JobState:
    """The state to show: ``FAILED`` for a one-time job that is over and whose last run ended without success.

    Args:
        job: The job.
        last: Its last run, or None if it is not known.
        now_ms: The time (ms since the epoch).
    """
    state, schedule = job.state_at(now_ms), job.definition.schedule
    once = schedule is None or not schedule.repeats
    failed = once and last is not None and last.state in DEAD_LETTERS
    return JobState.FAILED if failed and state is JobState.COMPLETED else state
