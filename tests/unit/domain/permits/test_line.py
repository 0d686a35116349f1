"""The line: its order, who is chosen, and when a start is to be expected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world_examples import NOW_MS, a_job
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import LINE_SPREAD_MS
from tidewheel.domain.permits.line import LineEntry, choose, earliest_start_ms, waits_since_ms
from tidewheel.domain.permits.permit import Grant, Permit

JOB = a_job()
RECORD = Execution(JOB.tenant, str(ExecutionId(JOB.id, NOW_MS)), State.QUEUED, NOW_MS, 1, version=0)
ENTRY = LineEntry.of(RECORD, JOB, 1)


def waiting(rank: int, since_ms: int, number: int = 0) -> LineEntry:
    id = str(ExecutionId(JOB.id, NOW_MS + number))
    return replace(ENTRY, rank=rank, since_ms=since_ms, execution=id)


def test_the_order_is_by_priority_then_by_since_when() -> None:
    line = [waiting(2, 5), waiting(0, 9), waiting(2, 4), waiting(3, 1), waiting(2, 10_000)]
    assert sorted(line, key=lambda entry: entry.key) == [line[1], line[2], line[0], line[4], line[3]]


def test_an_entry_follows_from_the_record() -> None:
    assert (ENTRY.rank, ENTRY.since_ms, ENTRY.redriven_ms, ENTRY.route) == (2, NOW_MS, 0, JOB.route)
    grant = Grant(0, "tok", NOW_MS + 1)
    woken = ENTRY.wake(grant)
    assert (woken.execution, woken.attempt, woken.recorded, woken.grant) == (RECORD.id, 1, True, grant)
    assert ENTRY.is_named_by(grant.permit(JOB.tenant, RECORD.id, 1))
    assert not ENTRY.is_named_by(grant.permit(JOB.tenant, RECORD.id, 2))


@pytest.mark.parametrize(
    ("record", "over"),
    [
        (None, False),
        (RECORD, False),
        (replace(RECORD, attempt=1), True),
        (replace(RECORD, redriven_ms=1), True),
        (replace(RECORD, state=State.CANCELLED), True),
    ],
)
def test_whether_an_entry_is_over(record: Execution | None, *, over: bool) -> None:
    assert ENTRY.is_over(record) is over


def test_who_was_handed_over_keeps_its_place_and_who_failed_does_not() -> None:
    failed = Attempt(1, NOW_MS, NOW_MS + 500, Result.FAILED)
    handed = Attempt(2, NOW_MS + 600, NOW_MS + 900, Result.HANDED_OVER)
    assert waits_since_ms(replace(RECORD, attempts=(handed,))) == NOW_MS
    assert waits_since_ms(replace(RECORD, attempts=(failed, handed))) == NOW_MS + 500
    assert waits_since_ms(replace(RECORD, redriven_ms=NOW_MS + 7)) == NOW_MS + 7


LINES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9_000)), min_size=1, max_size=25)


@given(LINES, st.integers(0, 999), st.integers(1, 1_000))
def test_whoever_is_chosen_has_waited_as_long_as_the_first_to_within_the_spread(
    line: list[tuple[int, int]], number: int, limit: int
) -> None:
    entries = sorted((waiting(*place, at) for at, place in enumerate(line)), key=lambda entry: entry.key)
    chosen = choose(entries, number, limit)
    assert chosen is not None
    assert chosen.rank == entries[0].rank
    assert chosen.since_ms <= entries[0].since_ms + LINE_SPREAD_MS
    assert limit > 1 or chosen == entries[0]


def test_permits_that_are_returned_at_once_go_to_different_ones() -> None:
    line = [waiting(2, NOW_MS, number) for number in range(25)]
    chosen = {each.execution for number in range(16) if (each := choose(line, number, 16))}
    assert len(chosen) >= 8
    assert choose([], 0, 4) is None


def test_when_a_start_is_to_be_expected() -> None:
    held = [Permit("t", number, "x#y", NOW_MS + 1, 1, 0, NOW_MS - 4_000) for number in range(2)]
    assert earliest_start_ms(3, held, 2, NOW_MS) == NOW_MS + 6_000
    assert earliest_start_ms(3, [], 2, NOW_MS) == NOW_MS
