"""What holds for every schedule."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.schedule import At, Cron, Every, Schedule, due_of, from_document, parse_cron, to_document

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
    found = schedule.upcoming(start, 6)
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
    assert schedule.upcoming(start, 5) == found


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
    nominal = schedule.upcoming(start, 5)
    due = [due_of(schedule, instant, jitter, salt) for instant in nominal]
    assert due == sorted(set(due))
    assert all(0 <= late - instant < jitter for instant, late in zip(nominal, due, strict=True))


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
    walked = Schedule(cron).upcoming(start, 8)
    assert [cron.next_after(instant - 1) for instant in walked] == walked
    assert [cron.next_after(before) for before in walked[:-1]] == walked[1:]
