"""What is foretold of a job: its instants are those that will fire, its runs are counted or extrapolated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world_examples import NOW_MS, a_job
from tidewheel.domain.jobs.forecast import forecast
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.limits import DAY_MS, FORECAST_INSTANTS, HOUR_MS, MINUTE_MS
from tidewheel.domain.pricing import dollars_of_run
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every

MONTH_MS = 30 * DAY_MS


def job(schedule: Schedule | None) -> Job:
    return a_job(schedule=schedule)


@pytest.mark.parametrize(
    ("schedule", "runs", "exact"),
    [
        (None, 1, True),
        (Schedule(At(NOW_MS + DAY_MS)), 1, True),
        (Schedule(At(NOW_MS + MONTH_MS)), 0, True),
        (Schedule(Every(1_000, NOW_MS)), 30 * 86_400, True),
        (Schedule(Every(HOUR_MS, NOW_MS), None, NOW_MS + DAY_MS), 24, True),
        (Schedule(Every(HOUR_MS, NOW_MS), NOW_MS + MONTH_MS - HOUR_MS), 1, True),
        (Schedule(Cron("0 9 * * *", "UTC")), 30, True),
        (Schedule(Cron("*/5 * * * *", "UTC")), 30 * 24 * 12, True),
        (Schedule(Cron("* * * * *", "UTC")), 30 * 24 * 60, False),
    ],
)
def test_runs_of_a_month(schedule: Schedule | None, runs: int, exact: bool) -> None:
    found = forecast(job(schedule), NOW_MS)
    assert (found.runs, found.exact) == (runs, exact)
    assert found.dollars == pytest.approx(runs * dollars_of_run())


def test_minutes_of_weekdays_are_extrapolated_from_a_week() -> None:
    found = forecast(job(Schedule(Cron("* * * * 1-5", "UTC"))), NOW_MS)
    assert not found.exact
    assert found.runs == pytest.approx(5 / 7 * 30 * 24 * 60, rel=0.01)


def test_the_next_instants_are_bounded() -> None:
    found = forecast(job(Schedule(Every(MINUTE_MS, NOW_MS))), NOW_MS)
    assert [one.nominal_ms for one in found.instants] == [NOW_MS + n * MINUTE_MS for n in range(FORECAST_INSTANTS)]


def test_what_the_former_generation_still_fires_is_among_them() -> None:
    """Its instant was named before the edit, and is due after it: by its jitter."""
    before = a_job(schedule=Schedule(Every(HOUR_MS, NOW_MS)), jitter_ms=HOUR_MS)
    now_ms = NOW_MS + 1
    assert before.due(NOW_MS) > now_ms
    new = before.edited(replace(before.definition, jitter_ms=0), JobState.ACTIVE, now_ms)
    found = forecast(new, now_ms, before)
    assert found.instants[0].nominal_ms == NOW_MS
    assert found.runs == 30 * 24


def test_an_edit_of_a_job_that_ran_once_runs_nothing() -> None:
    before = job(None)
    found = forecast(before.edited(before.definition, JobState.ACTIVE, NOW_MS), NOW_MS, before)
    assert (found.instants, found.runs) == ([], 0)
