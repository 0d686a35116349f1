"""What holds for every schedule."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.instants import first_of
from tidewheel.domain.ids import job_id
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.recurrence.schedule import Schedule, due_of, from_document, to_document
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.domain.recurrence.timings.every import Every

FAR = 4_102_444_800_000  # 2100
EXPRESSIONS = [
    "* * * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "0 */5 * * *",
    "0 0 1-7 * */7",
    "15,45 1-3 L * L5",
    "0 0 29 2 *",
    "H H(1-3) H * *",
]
ZONES = ["UTC", "Europe/Paris", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"]
instants = st.integers(0, FAR)
crons = st.builds(
    lambda expression, zone, salt: parse_cron(expression, zone, salt=salt),
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    st.sampled_from(["a", "b", "c"]),
)
timings = st.one_of(st.builds(At, instants), st.builds(Every, st.integers(1000, 10**11), instants), crons)
schedules = st.builds(Schedule, timings, st.none() | instants, st.none() | instants)
deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=150)


@deterministic
@given(schedules, instants)
def test_instants_rise_strictly_and_stay_in_bounds(schedule: Schedule, start: int) -> None:
    found = first_of(schedule, start, 6)
    assert all(before < after for before, after in pairwise(found))
    assert all(instant >= max(start, schedule.start_ms or 0) for instant in found)
    assert all(schedule.end_ms is None or instant < schedule.end_ms for instant in found)
    assert schedule.repeats or len(found) <= 1


@deterministic
@given(schedules, instants)
def test_upcoming_is_next_after_repeated(schedule: Schedule, start: int) -> None:
    found = []
    following = schedule.first_from(start)
    while following is not None and len(found) < 5:
        found.append(following)
        following = schedule.next_after(following)
    assert first_of(schedule, start, 5) == found


@deterministic
@given(schedules, instants, st.integers(1, 10**6))
def test_nothing_lies_between_an_instant_and_the_next(schedule: Schedule, start: int, back: int) -> None:
    following = schedule.next_after(start)
    if following is not None:
        assert schedule.next_after(max(start, following - back)) == following
        assert schedule.first_from(following) == following


@deterministic
@given(schedules, instants, st.integers(1, 10**8), st.text(max_size=20))
def test_jitter_keeps_order_and_bound(schedule: Schedule, start: int, jitter: int, salt: str) -> None:
    nominal = first_of(schedule, start, 5)
    due = [due_of(schedule, instant, jitter, salt) for instant in nominal]
    assert due == sorted(set(due))
    assert all(0 <= late - instant < jitter for instant, late in zip(nominal, due, strict=True))


widths = st.sampled_from([0, 1, 999, 60_000, 86_400_000]) | st.integers(0, 86_400_000)


@deterministic
@given(schedules, instants, widths, widths, st.text(max_size=20))
def test_window_and_jitter_together_keep_order_and_bounds(
    schedule: Schedule, start: int, jitter: int, window: int, salt: str
) -> None:
    nominal = first_of(schedule, start, 5)
    due = [due_of(schedule, instant, jitter, salt, window) for instant in nominal]
    assert due == sorted(set(due))
    assert all(late < after for late, after in zip(due, nominal[1:], strict=False))
    assert all(0 <= late - instant < max(1, jitter + window) for instant, late in zip(nominal, due, strict=True))
    assert due == [due_of(schedule, instant, jitter, salt, window) for instant in nominal]


@deterministic
@given(schedules, instants, st.integers(1, 86_400_000), st.text(max_size=20))
def test_a_window_gives_a_job_the_same_place_each_time_where_there_is_room(
    schedule: Schedule, start: int, window: int, salt: str
) -> None:
    nominal = first_of(schedule, start, 6)
    offsets = [due_of(schedule, instant, 0, salt, window) - instant for instant in nominal]
    gaps = [after - before for before, after in pairwise(nominal)]
    roomy = [offset for offset, gap in zip(offsets, gaps, strict=False) if gap >= window]
    assert len(set(roomy)) <= 1
    assert all(0 <= offset < window for offset in offsets)


@deterministic
@given(st.integers(1000, 10**9), instants, widths, widths, st.text(max_size=20), st.integers(0, 10**9))
def test_the_next_instant_due_is_the_first_that_is_due(
    interval: int, anchor: int, jitter: int, window: int, salt: str, ahead: int
) -> None:
    definition = Definition("n", Schedule(Every(interval, anchor)), Target("http", {}), jitter_ms=jitter)
    job = Job("t", salt, replace(definition, window_ms=window), JobState.ACTIVE, 1, anchor, anchor, anchor)
    found = job.next_due(anchor + ahead)
    assert found is not None
    assert job.due(found) >= anchor + ahead
    assert found == anchor or job.due(found - interval) < anchor + ahead


def test_a_window_is_filled_evenly() -> None:
    """Ten thousand daily jobs in an hour, by the minute: chi-square of 60 classes lies below 107 but once in 10,000."""
    schedule, window = Schedule(Cron("0 0 * * *", "UTC")), 3_600_000
    midnight = schedule.first_from(1_795_000_000_000)
    assert midnight is not None
    offsets = [due_of(schedule, midnight, 0, job_id(n.to_bytes(10)), window) - midnight for n in range(10_000)]
    expected = 10_000 / 60
    minutes = Counter(offset // 60_000 for offset in offsets)
    assert sum((minutes[minute] - expected) ** 2 / expected for minute in range(60)) < 107
    assert len({offset % 1_000 for offset in offsets}) > 900  # to the millisecond


def test_a_window_wider_than_the_gap_fills_the_gap_evenly() -> None:
    schedule = Schedule(Every(60_000, 0))
    offsets = [due_of(schedule, 0, 0, job_id(n.to_bytes(10)), 7 * 60_000 + 11) for n in range(6_000)]
    tenths = Counter(offset // 6_000 for offset in offsets)
    assert sum((tenths[tenth] - 600) ** 2 / 600 for tenth in range(10)) < 34  # once in 10,000


@deterministic
@given(schedules)
def test_documents_come_back(schedule: Schedule) -> None:
    assert from_document(json.loads(json.dumps(to_document(schedule)))) == schedule


@deterministic
@given(
    st.builds(Cron, st.sampled_from(["30 2 * * *", "*/30 * * * *", "0 0,12 * * *"]), st.sampled_from(ZONES)), instants
)
def test_the_way_to_an_instant_does_not_matter(cron: Cron, start: int) -> None:
    """Asked from anywhere inside a change of the offset, the answer is the one a walk would give."""
    walked = first_of(Schedule(cron), start, 8)
    assert [cron.next_after(instant - 1) for instant in walked] == walked
    assert [cron.next_after(before) for before in walked[:-1]] == walked[1:]
