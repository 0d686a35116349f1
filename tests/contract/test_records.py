"""Records as DynamoDB keeps them: nothing is lost, and none is larger than it must be."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.support.billing import item_bytes
from tests.support.world import Backend
from tests.support.world_examples import (
    NOW_MS,
    TENANT,
    a_job,
    execution,
    executions,
    full_execution,
    full_job,
    jobs,
    minute,
    schedule_entry,
)
from tidewheel.adapters.aws.dynamodb.execution_items import execution_item, read_execution
from tidewheel.adapters.aws.dynamodb.job_items import generation_item, job_item, read_generation, read_job
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.jobs.job import Generation, Job, JobState
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import (
    ATTEMPT_REASON_CHARS,
    DAY_MS,
    GENERATION_RETENTION_MS,
    OUTPUT_BYTES,
    REASON_CHARS,
    RETENTION_MS,
    SECOND_MS,
    SLOT_RETENTION_MS,
)
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import late

KILOBYTE = 1_024


def test_overlap_costs_the_record_of_a_job_that_allows_it_nothing() -> None:
    """Nor do records from before such an attribute existed."""
    job = a_job()
    assert set(json.loads(job_item(job)["d"]["S"])) == set("nsktpqljorgm")
    assert read_job(job_item(job)).definition.overlap is Overlap.ALLOW


@given(jobs)
def test_any_job_comes_back(job: Job) -> None:
    assert read_job(job_item(job)) == job


@given(jobs)
def test_any_generation_comes_back(job: Job) -> None:
    row = Generation.of(job)
    assert read_generation(generation_item(job.tenant, job.id, row, job.expires_ms(), "2026a")) == row


def test_records_from_before_there_were_windows_have_none() -> None:
    job = a_job(jitter_ms=5)
    assert job.definition.window_ms == 0
    items = job_item(job), generation_item(TENANT, job.id, Generation.of(job), None, "2026a")
    assert '"w"' not in items[0]["d"]["S"]
    assert "w" not in items[1]  # written as they were before, and so no longer than before
    assert read_job(items[0]) == job


@given(executions)
def test_any_execution_comes_back(record: Execution) -> None:
    assert read_execution(execution_item(record)) == record


@pytest.mark.parametrize(
    ("item", "read"),
    [
        (job_item(full_job()), read_job),
        (generation_item(TENANT, full_job().id, Generation.of(full_job()), None, "2026a"), read_generation),
        (execution_item(full_execution()), read_execution),
    ],
)
def test_any_attribute_damaged_is_unreadable_or_harmless(item: dict[str, Any], read: Any) -> None:
    """Never another exception: a caller sets aside what is unreadable, and would stop for anything else."""
    refused: list[str] = []
    for name in item.keys() - {"pk", "sk"}:
        for value in ({"S": "\x00?"}, {"N": "-1"}, {"BOOL": True}, {"S": "[1]"}, {"S": "null"}, None):
            damaged = {key: other for key, other in item.items() if key != name}
            if value is not None:
                damaged[name] = value
            try:
                read(damaged)
            except Unreadable as error:
                refused.append(error.key)
    assert len(refused) > 10
    assert set(refused) == {f"{item['pk']['S']}/{item['sk']['S']}"}


def ttl(item: dict[str, Any]) -> int | None:
    return int(item["ttl"]["N"]) if "ttl" in item else None


def test_what_comes_again_has_no_time_to_live() -> None:
    job = a_job()
    assert ttl(job_item(job)) is None
    assert ttl(generation_item(TENANT, job.id, Generation.of(job), job.expires_ms(), "2026a")) is None


def test_what_is_over_some_day_expires_a_month_later() -> None:
    at = NOW_MS + 5 * DAY_MS + 1
    job = a_job(schedule=Schedule(At(at)))
    expected = -(-(at + RETENTION_MS) // SECOND_MS)
    assert ttl(job_item(job)) == expected
    assert ttl(generation_item(TENANT, job.id, Generation.of(job), job.expires_ms(), "2026a")) == expected
    assert ttl(execution_item(execution(job, at))) == expected


@pytest.mark.needs("damage")
def test_what_rests_in_a_slot_expires_long_after_it_and_what_is_late_does_not(backend: Backend) -> None:
    """Deletions that a crash prevented are made up for; what is late may be years overdue."""
    assert backend.cloud is not None
    entry = schedule_entry(a_job())
    backend.wheel.put(Placed(minute(), entry))
    backend.wheel.put(Placed(late(0), entry))
    backend.wheel.put_pack(minute(), "p#1", [entry])
    items = backend.cloud.dynamodb.scan(TableName=backend.cloud.tables.wheel)["Items"]
    times = {(item["pk"]["S"].partition("#")[0], item["sk"]["S"][:2]): ttl(item) for item in items}
    expiry = (NOW_MS + SLOT_RETENTION_MS) // SECOND_MS
    assert times == {("minutes", "e#"): expiry, ("minutes", "p#"): expiry, ("late", "e#"): None}


def test_an_execution_of_one_attempt_stays_within_a_kilobyte() -> None:
    """Write units are billed by the kilobyte: an answer and a reason of full length still cost one."""
    reason = "r" * REASON_CHARS
    account = Attempt(1, NOW_MS, NOW_MS + 60_000, Result.FAILED, 503, "a" * ATTEMPT_REASON_CHARS)
    ended = replace(
        execution(a_job(tenant="t" * 32), state=State.DEAD, version=3, attempt=1, attempts=(account,)),
        lease_until_ms=NOW_MS + 90_000,
        claimed_ms=NOW_MS,
        started_ms=NOW_MS,
        finished_ms=NOW_MS + 60_000,
        lateness_ms=0,
        output="o" * OUTPUT_BYTES,
        reason=reason,
    )
    assert item_bytes(execution_item(ended)) <= KILOBYTE


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in "jowehn" for value in ([], {}, True, 1.5)]
    + [(name, "5") for name in "jowehgt"]
    + [(name, 5) for name in ("n", "k", "p", "l", "g", "t", "ro")]
    + [("r", [7, "linear", "1", 1, 0.5]), ("r", [7, "linear", 1, 1, "0"]), ("m", ["coalesce", "1", 1]), ("ro", [503])],
)
def test_a_definition_with_a_value_of_another_type_is_unreadable(name: str, value: Any) -> None:
    """Found only where its occurrences are planned, it would stop the shard with all its other jobs."""
    item = job_item(full_job())
    document = json.loads(item["d"]["S"]) | {name: value}
    with pytest.raises(Unreadable, match=rf"cannot be read: ValueError: {name}(\.\d)?: Input should be"):
        read_job({**item, "d": {"S": json.dumps(document)}})


def test_what_is_said_of_a_damaged_definition_shows_nothing_of_it() -> None:
    item = job_item(full_job())
    document = json.loads(item["d"]["S"]) | {"t": "s3cret", "j": "s3cret"}
    with pytest.raises(Unreadable) as refused:
        read_job({**item, "d": {"S": json.dumps(document)}})
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def _row_ends(backend: Backend, job: Job) -> dict[int, int | None]:
    """When each generation row of a job expires (s), by its number."""
    assert backend.cloud is not None
    items = backend.cloud.dynamodb.scan(TableName=backend.cloud.tables.jobs)["Items"]
    return {
        int(item["sk"]["S"].removeprefix("gen#")): ttl(item)
        for item in items
        if item["pk"]["S"] == f"{TENANT}#{job.id}" and item["sk"]["S"].startswith("gen#")
    }


def _expiry(followed_ms: int) -> int:
    return (followed_ms + GENERATION_RETENTION_MS) // SECOND_MS


@pytest.mark.needs("damage")
@pytest.mark.parametrize("request_", ["", "fingerprint"])
def test_the_row_of_a_generation_expires_after_another_followed(backend: Backend, request_: str) -> None:
    """All but the first one of a job with an idempotency key: a late repeat of the request must find it taken."""
    first = replace(a_job(), request=request_)
    second = first.edited(first.definition, JobState.PAUSED, NOW_MS + 1_000)
    third = second.resumed(NOW_MS + 2_000)
    assert backend.jobs.create(first, None, None)
    assert _row_ends(backend, first) == {1: None}
    assert backend.jobs.replace(second, first, None)
    assert backend.jobs.replace(third, second, None)
    kept = None if request_ else _expiry(NOW_MS + 1_000)
    assert _row_ends(backend, first) == {1: kept, 2: _expiry(NOW_MS + 2_000), 3: None}
    last = Generation.of(third.edited(third.definition, JobState.DELETED, NOW_MS + 3_000))
    assert backend.jobs.delete(third, 3, last)
    gone = _expiry(NOW_MS + 3_000)
    assert _row_ends(backend, first) == {1: kept, 2: _expiry(NOW_MS + 2_000), 3: gone, 4: gone}
    assert backend.jobs.create(first, None, None) is False


@pytest.mark.needs("damage")
def test_an_edit_brings_no_row_back_that_has_expired(backend: Backend) -> None:
    assert backend.cloud is not None
    first = a_job()
    second = first.edited(first.definition, JobState.PAUSED, NOW_MS + 1_000)
    assert backend.jobs.create(first, None, None)
    key = {"pk": {"S": f"{TENANT}#{first.id}"}, "sk": {"S": keys.generation_sort(1)}}
    backend.cloud.dynamodb.delete_item(TableName=backend.cloud.tables.jobs, Key=key)
    assert backend.jobs.replace(second, first, None)
    assert backend.jobs.replace(second, first, None) is False
    assert set(_row_ends(backend, first)) == {2}
