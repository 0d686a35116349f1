"""Schedules: one-time and interval arithmetic, bounds, jitter, storage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.instants import first_of
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.recurrence.schedule import Schedule, due_of, from_document, schedule_of, to_document
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every, parse_every

NOW = 1_767_225_600_000  # 2026-01-01T00:00Z
DAY = 86_400_000
DAILY = Cron("0 0 * * *", "UTC")


def test_at_names_one_instant() -> None:
    schedule = Schedule(At(NOW))
    assert schedule.next_after(NOW - 1) == NOW
    assert schedule.next_after(NOW) is None
    assert schedule.first_from(NOW) == NOW
    assert first_of(schedule, 0, 5) == [NOW]
    assert not schedule.repeats


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (-(10**15), 1000),
        (999, 1000),
        (1000, 8000),
        (7999, 8000),
        (8000, 15_000),
        (1000 + 7000 * 10**6, 7000 * 10**6 + 8000),
    ],
)
def test_every_counts_from_its_anchor(after: int, expected: int) -> None:
    assert Schedule(Every(7000, 1000)).next_after(after) == expected


def test_every_starts_with_an_anchor_to_come() -> None:
    schedule = Schedule(parse_every(60_000, NOW + DAY))
    assert first_of(schedule, NOW, 2) == [NOW + DAY, NOW + DAY + 60_000]
    assert schedule.repeats


def test_every_ends_at_the_horizon() -> None:
    assert first_of(Schedule(Every(10**15, 0)), 0, 3) == [0]


@pytest.mark.parametrize("timing", [DAILY, Every(DAY, NOW)])
def test_bounds_are_inclusive_at_the_start_and_exclusive_at_the_end(timing: Any) -> None:
    schedule = Schedule(timing, NOW + DAY, NOW + 3 * DAY)
    assert first_of(schedule, NOW, 9) == [NOW + DAY, NOW + 2 * DAY]
    assert schedule.next_after(NOW + 2 * DAY) is None
    assert first_of(Schedule(timing, NOW + DAY + 1, NOW + 3 * DAY + 1), NOW, 9) == [NOW + 2 * DAY, NOW + 3 * DAY]


def test_the_moment_from_which_an_interval_counts_is_no_instant_of_its_own_definition() -> None:
    assert parse_every(60_000, NOW).holds_from(NOW) == NOW + 1
    assert parse_every(60_000, NOW - 60_000).holds_from(NOW) == NOW
    assert parse_every(60_000, NOW + 1).holds_from(NOW) == NOW
    assert DAILY.holds_from(NOW) == NOW


def test_a_past_instant_is_refused_and_the_present_is_not() -> None:
    At(NOW).check_new(NOW)
    with pytest.raises(Invalid, match="leave the schedule out to run now") as refused:
        At(NOW - 1).check_new(NOW)
    assert refused.value.field == "schedule.at"


def test_what_is_out_of_reach_is_refused() -> None:
    with pytest.raises(Invalid, match="out of reach"):
        At(10**15).check_new(NOW)
    with pytest.raises(Invalid, match="out of reach"):
        parse_every(1000, -1)


@pytest.mark.parametrize("interval", [999, 0, -5])
def test_a_short_interval_is_refused(interval: int) -> None:
    with pytest.raises(Invalid, match="one second") as refused:
        parse_every(interval, NOW, field="x.every")
    assert refused.value.field == "x.every"
    assert parse_every(1000, NOW) == Every(1000, NOW)


@pytest.mark.parametrize(
    ("timing", "start", "end", "field"),
    [
        (DAILY, NOW, NOW, "end"),
        (DAILY, NOW + 1, NOW, "end"),
        (DAILY, None, NOW - 1, "end"),
        (DAILY, NOW + 1, NOW + DAY, "end"),
        (Every(DAY, NOW + DAY), None, NOW + DAY, "end"),
        (At(NOW), NOW + 1, None, "schedule.at"),
        (At(NOW), None, NOW, "end"),
        (At(NOW - 1), None, None, "schedule.at"),
        (Cron("0 0 30 2 *", "UTC"), None, None, "schedule.cron"),
        (Every(10**15, 0), None, None, "schedule.every"),
    ],
)
def test_a_schedule_without_an_instant_is_refused(timing: Any, start: int | None, end: int | None, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        schedule_of(timing, start, end, from_ms=NOW)
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_schedule_with_one_instant_left_is_accepted() -> None:
    assert schedule_of(DAILY, NOW, NOW + 1, from_ms=NOW) == Schedule(DAILY, NOW, NOW + 1)


def test_jitter_is_deterministic_and_differs_between_jobs_and_instants() -> None:
    schedule = Schedule(DAILY)
    due = [due_of(schedule, NOW, 60_000, f"job-{n}") - NOW for n in range(200)]
    assert due == [due_of(schedule, NOW, 60_000, f"job-{n}") - NOW for n in range(200)]
    assert len(set(due)) > 190
    assert 0 <= min(due) < 10_000
    assert 50_000 < max(due) < 60_000
    assert len({due_of(schedule, NOW + n * DAY, 60_000, "job") - n * DAY for n in range(50)}) > 45


def test_no_jitter_is_the_nominal_time() -> None:
    assert due_of(Schedule(DAILY), NOW, 0, "job") == NOW


def test_jitter_stays_below_the_gap_to_the_next_instant() -> None:
    schedule = Schedule(Every(1000, 0))
    assert all(due_of(schedule, 0, DAY, str(n)) < 1000 for n in range(200))
    assert max(due_of(Schedule(At(0)), 0, DAY, str(n)) for n in range(200)) > DAY // 2


@pytest.mark.parametrize(
    ("schedule", "document"),
    [
        (Schedule(At(5)), {"at": 5}),
        (Schedule(Every(1000, 5), None, 9), {"every": 1000, "anchor": 5, "end": 9}),
        (Schedule(DAILY, 0), {"cron": "0 0 * * *", "zone": "UTC", "start": 0}),
    ],
)
def test_documents(schedule: Schedule, document: dict[str, object]) -> None:
    assert to_document(schedule) == document
    assert from_document(document) == schedule


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"at": "soon"},
        {"at": True},
        {"at": 5, "every": 1000},
        {"at": 5, "shift": 1},
        {"at": 5, "start": None},
        {"at": 5, "end": 1.5},
        {"every": 0, "anchor": 0},
        {"every": 1000},
        {"cron": "0 0 * * *"},
        {"cron": "0 0 * * *", "zone": "Moon/Base"},
        {"cron": "H 0 * * *", "zone": "UTC"},
        {"cron": "@daily", "zone": "UTC"},
        {"cron": 5, "zone": "UTC"},
        {1: 2, "at": 5},
        [],
        None,
        "at",
    ],
)
def test_unreadable_documents(document: Any) -> None:
    with pytest.raises(Unreadable) as refused:
        from_document(document)
    assert refused.value.problem
