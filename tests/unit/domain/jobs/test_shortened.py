"""What is accepted and yet shortened is said; what is done as it is written is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.shortened import shortened
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every

NOW = 1_795_000_020_000
HOURLY = Every(HOUR_MS, NOW)


def job(timing: Timing | None = HOURLY, **fields: Any) -> Job:
    schedule = None if timing is None else Schedule(timing)
    definition = replace(Definition("a", schedule, Target("http", {})), **fields)
    return Job("default", "j0000000000000001", definition, JobState.ACTIVE, 1, NOW, NOW, NOW)


def told(**fields: Any) -> list[str]:
    return [one.field for one in shortened(job(**fields), NOW)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, []),
        ({"timing": None}, []),
        ({"timing": At(NOW + 1), "window_ms": HOUR_MS, "jitter_ms": HOUR_MS}, []),
        ({"window_ms": HOUR_MS}, []),
        ({"window_ms": HOUR_MS + 1}, ["window"]),
        ({"jitter_ms": HOUR_MS}, []),
        ({"jitter_ms": HOUR_MS + 1}, ["jitter"]),
        ({"window_ms": HOUR_MS, "jitter_ms": HOUR_MS}, ["jitter"]),
        ({"timing": Cron("0,50 * * * *", "UTC"), "window_ms": 20 * MINUTE_MS}, ["window"]),
        ({"timing": Cron("0 9 * * *", "UTC"), "window_ms": 20 * HOUR_MS}, []),
        ({"timeout_ms": MINUTE_MS, "deadline_ms": MINUTE_MS, "retry": RetryPolicy(1)}, []),
        ({"timeout_ms": MINUTE_MS + 1, "deadline_ms": MINUTE_MS, "retry": RetryPolicy(1)}, ["timeout"]),
        ({"timeout_ms": MINUTE_MS, "heartbeat_ms": MINUTE_MS - 1}, []),
        ({"timeout_ms": MINUTE_MS, "heartbeat_ms": MINUTE_MS}, ["heartbeat"]),
        ({"retry": RetryPolicy(3, base_ms=2_000, cap_ms=1_000)}, ["retry.base"]),
        ({"retry": RetryPolicy(3, Strategy.FIXED, 30 * SECOND_MS), "deadline_ms": MINUTE_MS + 1}, []),
        ({"retry": RetryPolicy(3, Strategy.FIXED, 30 * SECOND_MS), "deadline_ms": MINUTE_MS}, ["retry.max_attempts"]),
        ({"misfire": Misfire(Policy.COALESCE, limit=7)}, ["misfire.limit"]),
        ({"misfire": Misfire(Policy.ALL, limit=7)}, []),
    ],
)
def test_what_is_shortened_is_named(fields: dict[str, Any], named: list[str]) -> None:
    assert told(**fields) == named


@given(
    st.sampled_from([HOURLY, Every(MINUTE_MS, NOW), Cron("0,50 * * * *", "UTC")]),
    st.integers(0, 2 * HOUR_MS),
    st.integers(0, 2 * HOUR_MS),
)
def test_no_warning_means_that_every_run_has_its_whole_spread(timing: Timing, window_ms: int, jitter_ms: int) -> None:
    """The offset in the window is that of a schedule with room for it, and all of the jitter fits behind it."""
    made = job(timing, window_ms=window_ms, jitter_ms=jitter_ms)
    roomy = job(At(NOW), window_ms=window_ms)
    if shortened(made, NOW):
        return
    nominal = made.next_nominal(NOW)
    for _ in range(5):
        assert nominal is not None
        following = made.occurrences.after(nominal)
        assert following is not None
        offset = roomy.due(NOW) - NOW
        assert nominal + offset <= made.due(nominal) < nominal + offset + max(jitter_ms, 1)
        assert offset + jitter_ms <= following - nominal
        nominal = following
