"""The tally of active jobs: which jobs count, and what a write of one changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world_examples import NOW_MS, TENANT, a_job
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import DAY_MS, FOREVER_MS, HOUR_MS
from tidewheel.domain.quotas.tally import (
    SETTLED_AFTER_MS,
    TRUSTED_MS,
    Tally,
    TallyChange,
    change_of,
    counted,
    counts,
    end_of,
)
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.every import Every

ENDLESS = a_job(1, schedule=Schedule(Every(HOUR_MS, NOW_MS)))
ONCE = a_job(2, schedule=Schedule(At(NOW_MS + HOUR_MS)))
OVER = replace(a_job(3, schedule=Schedule(At(NOW_MS - HOUR_MS))), effective_from_ms=NOW_MS - DAY_MS)
NOTHING = a_job(5, schedule=Schedule(At(NOW_MS - HOUR_MS)))
"""When it was written, its instant was past."""
AT_ONCE = a_job(4, schedule=None)
PAUSED = replace(ENDLESS, state=JobState.PAUSED)
TALLY = Tally(TENANT, 4, NOW_MS, NOW_MS + DAY_MS, NOW_MS, NOW_MS, 5, version=7)


@pytest.mark.parametrize("job", [ENDLESS, ONCE, OVER, NOTHING, AT_ONCE, PAUSED])
def test_a_job_counts_while_it_is_shown_as_active(job: Job) -> None:
    assert counts(job, NOW_MS) == (job.state_at(NOW_MS) is JobState.ACTIVE)


def test_a_one_time_job_counts_up_to_its_instant() -> None:
    assert [counts(ONCE, NOW_MS + at) for at in (0, HOUR_MS, HOUR_MS + 1)] == [True, True, False]
    assert (end_of(ONCE), end_of(ENDLESS)) == (NOW_MS + HOUR_MS, FOREVER_MS)


@pytest.mark.parametrize(
    ("before", "after", "by"),
    [
        (None, ENDLESS, 1),
        (ENDLESS, None, -1),
        (ENDLESS, PAUSED, -1),
        (PAUSED, ENDLESS, 1),
        (ONCE, None, -1),
        (OVER, ENDLESS, 1),
        (ONCE, OVER, -1),
    ],
)
def test_what_a_write_changes(before: Job | None, after: Job | None, by: int) -> None:
    change = change_of(TALLY, before, after, 5)
    assert change is not None
    assert change.by == by


@pytest.mark.parametrize(
    ("before", "after"), [(None, AT_ONCE), (AT_ONCE, None), (ENDLESS, ENDLESS), (PAUSED, None), (OVER, None)]
)
def test_what_counts_as_before_and_does_not_end_changes_nothing(before: Job | None, after: Job | None) -> None:
    assert change_of(TALLY, before, after, 5) is None


def test_a_job_whose_end_moves_is_part_of_the_tally() -> None:
    """Whoever brings the tally forward meanwhile would take it for ended, though it is not any more."""
    later = replace(ONCE, definition=replace(ONCE.definition, schedule=Schedule(At(NOW_MS + 2 * HOUR_MS))))
    assert change_of(TALLY, ONCE, later, 5) == TallyChange(TALLY, 0, 5, NOW_MS + 2 * HOUR_MS)
    forward = TALLY.brought_forward(1, FOREVER_MS, NOW_MS + 3 * HOUR_MS)
    change = change_of(TALLY, ONCE, later, 5)
    assert change is not None
    assert change.applied_to(forward) is None


def test_one_more_is_refused_at_the_limit_and_one_less_never() -> None:
    full = replace(TALLY, count=5)
    assert TallyChange(TALLY, 1, 5).applied_to(TALLY) == replace(full, version=8)
    assert TallyChange(TALLY, 1, 5).applied_to(full) is None
    assert TallyChange(full, -1, 5).applied_to(full) == replace(TALLY, version=8)
    assert TallyChange(TALLY, 1, 5).applied_to(None) is None


def test_an_earlier_end_is_kept_and_two_of_them_do_not_overwrite_each_other() -> None:
    change = change_of(TALLY, None, ONCE, 9)
    assert change is not None
    first = change.applied_to(TALLY)
    assert first is not None
    assert (first.count, first.ends_ms) == (5, NOW_MS + HOUR_MS)
    assert change.applied_to(first) is None


def test_a_tally_is_exact_until_the_first_of_its_jobs_ends() -> None:
    tally = counted(TENANT, [ENDLESS, ONCE, OVER], 5, NOW_MS, None, unreadable=1)
    assert (tally.count, tally.version) == (3, 1)
    assert [tally.is_exact(NOW_MS + at) for at in (0, HOUR_MS, HOUR_MS + 1)] == [True, True, False]
    forward = tally.brought_forward(1, FOREVER_MS, NOW_MS + 2 * HOUR_MS)
    assert (forward.count, forward.is_exact(NOW_MS + DAY_MS), forward.version) == (2, True, 2)


def test_when_all_jobs_are_counted_anew() -> None:
    new = counted(TENANT, [], 5, NOW_MS, None, unreadable=0)
    assert not new.is_to_be_counted(5, NOW_MS + SETTLED_AFTER_MS - 1)
    assert new.is_to_be_counted(5, NOW_MS + SETTLED_AFTER_MS)
    settled = counted(TENANT, [], 5, NOW_MS + SETTLED_AFTER_MS, new, unreadable=0)
    assert not settled.is_to_be_counted(5, NOW_MS + SETTLED_AFTER_MS + TRUSTED_MS - 1)
    assert settled.is_to_be_counted(5, NOW_MS + SETTLED_AFTER_MS + TRUSTED_MS)
    assert settled.is_to_be_counted(6, NOW_MS + SETTLED_AFTER_MS + 1)
