"""Keys sort as what they stand for, and what is taken apart is what they were made of."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import ExecutionId, Origin, job_id

JOB = job_id(bytes(10))
tenants = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
jobs = st.binary(min_size=10, max_size=10).map(job_id)
times = st.integers(0, 4_000_000_000_000)
numbers = st.integers(0, 9_999)


@given(tenants, jobs)
def test_a_job_is_found_in_its_keys(tenant: str, job: str) -> None:
    assert keys.parse_job_partition(keys.job_partition(tenant, job)) == (tenant, job)
    assert keys.parse_job_cursor(keys.job_cursor(tenant, job)) == (tenant, job)


@given(tenants)
def test_a_tenant_is_found_in_its_partitions_and_in_no_other_kind_of_them(tenant: str) -> None:
    circuits, permits = keys.circuit_partition(tenant), keys.permit_partition(tenant)
    assert keys.parse_circuit_partition(circuits) == keys.parse_permit_partition(permits) == tenant
    for parse, other in ((keys.parse_circuit_partition, permits), (keys.parse_permit_partition, circuits)):
        with pytest.raises(Unreadable, match="key #"):
            parse(other)


@given(numbers)
def test_a_number_is_found_in_its_key(number: int) -> None:
    assert keys.parse_generation_sort(keys.generation_sort(number)) == number
    assert keys.parse_permit_sort(keys.permit_sort(number)) == number
    assert keys.parse_lease_partition(keys.lease_partition(number)) == number


@pytest.mark.parametrize("parse", [keys.parse_generation_sort, keys.parse_lease_partition])
def test_another_key_has_no_number(parse: object) -> None:
    with pytest.raises(Unreadable, match="expected"):
        parse(keys.JOB_SORT)  # type: ignore[operator]


@given(numbers, numbers)
def test_numbers_sort_as_they_count(one: int, other: int) -> None:
    for key in (keys.generation_sort, keys.permit_sort, keys.shard_partition, lambda n: keys.pack_sort(1, 1, n)):
        assert (key(one) < key(other)) == (one < other)


@given(numbers, numbers)
def test_a_range_of_generations_holds_those_from_the_first_on(first: int, number: int) -> None:
    low, high = keys.generation_range(first)
    assert (low <= keys.generation_sort(number) <= high) == (number >= first)
    assert not low <= keys.JOB_SORT <= high
    assert not low <= keys.idempotency_sort("x") <= high


def test_a_jobs_partition_is_in_order() -> None:
    """Executions and ledger rows by time, then what no list shows."""
    last = 4_000_000_000_000
    found = [
        keys.execution_range(JOB)[0],
        keys.execution_bound(JOB, 5),
        keys.missed_sort(JOB, 5, 9),
        str(ExecutionId(JOB, 5, Origin.SCHEDULE)),
        keys.execution_bound(JOB, 6),
        str(ExecutionId(JOB, last, Origin.RUN, "zz")),
        keys.execution_range(JOB)[1],
        keys.missed_by_end_range(JOB, 0)[0],
        keys.missed_by_end_sort(JOB, 5, 9),
        keys.missed_by_end_sort(JOB, 0, last),
        keys.missed_by_end_range(JOB, 0)[1],
        keys.lock_sort(JOB),
    ]
    assert all(one < other for one, other in pairwise(found))


@given(times, times, times)
def test_a_ledger_rows_copy_is_found_by_where_it_ends(from_ms: int, until_ms: int, asked_ms: int) -> None:
    low, high = keys.missed_by_end_range(JOB, asked_ms)
    assert (low <= keys.missed_by_end_sort(JOB, from_ms, until_ms) <= high) == (until_ms >= asked_ms)


@given(times, times)
def test_singles_and_dead_letters_sort_by_time(one: int, other: int) -> None:
    singles = [keys.single_sort(at, "t", JOB, "o1") for at in (one, other)]
    dead = [keys.failure_sort(at, "x") for at in (one, other)]
    assert (singles[0] < singles[1]) == (dead[0] < dead[1]) == (one < other)
    assert (singles[0] >= keys.single_bound(other)) == (one >= other)
    assert max(dead) < keys.LAST


@given(times)
def test_a_singles_key_names_its_due_time(due_ms: int) -> None:
    single = keys.single_sort(due_ms, "t", JOB, "o1")
    assert keys.due_of_single(single) == due_ms
    assert keys.SINGLES_FROM < single < keys.SINGLES_END < keys.pack_sort(0, 1, 1) < keys.SLOT_END
    assert keys.is_single_sort(single)


@pytest.mark.parametrize("key", [keys.pack_sort(0, 1, 1), "e#", "e#bad", "e#²", keys.FIRST])
def test_another_key_names_no_due_time(key: str) -> None:
    assert keys.due_of_single(key) is None


def test_keys_of_callers_texts_are_short_and_differ() -> None:
    texts = ["a", "b", "ключ ☂", "x" * 512, "a#b/c"]
    found = {keys.idempotency_sort(text) for text in texts}
    assert len(found) == len(texts)
    assert {len(key) for key in found} == {36}


def test_what_is_found_again_has_the_same_place_in_quarantine() -> None:
    places = [keys.quarantine_sort("late#0#0000", key, text) for key, text in (("k", "x"), ("k", "y"), ("l", "x"))]
    assert len(set(places)) == 3
    assert keys.quarantine_sort("late#0#0000", "k", "x") == places[0]
    assert keys.quarantine_sort("late#0#0000", "k", "\ud800")  # half a character, as damaged text may hold


@given(tenants, numbers)
def test_a_part_of_a_log_is_found_in_its_key(tenant: str, part: int) -> None:
    prefix = keys.log_prefix(tenant, str(ExecutionId(JOB, 5)), 2)
    assert keys.parse_log_part(prefix, keys.log_part(prefix, part)) == part
    assert keys.log_part(prefix, part) < keys.log_part(prefix, part + 1)


@pytest.mark.parametrize("name", ["notes.gz", "", "1.5.gz", "../00001.gz"])
def test_another_object_is_no_part(name: str) -> None:
    prefix = keys.log_prefix("t", str(ExecutionId(JOB, 5)), 2)
    with pytest.raises(Unreadable, match="part"):
        keys.parse_log_part(prefix, prefix + name)


def test_an_object_of_another_attempt_is_no_part() -> None:
    one, other = (keys.log_prefix("t", str(ExecutionId(JOB, 5)), attempt) for attempt in (1, 2))
    with pytest.raises(Unreadable, match="expected"):
        keys.parse_log_part(one, keys.log_part(other, 0))
