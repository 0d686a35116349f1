"""No answer of a list exceeds what Lambda sends: a page ends early, and its cursor goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.api.answers import fitting
from tests.support.api_bench import EVERY_JOB, NOW_MS, ApiBench
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import DEFAULT_TENANT, ExecutionId, job_id
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.limits import ANSWER_BYTES, ANSWER_SENT_BYTES, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.wire.model import Model

TEXTS = {"ascii": "x" * 60_000, "quotes": '"' * 30_000, "letters": "☂" * 20_000, "pairs": "🌊" * 15_000}
LAMBDA_BYTES = 6_000_000


class Piece(Model):
    """An item of a list."""

    text: str


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


def pages(api_bench: ApiBench, path: str, **query: str) -> Iterator[Any]:
    """Every page of a list, each checked against the limits."""
    cursor: dict[str, str] = {}
    while True:
        asked = {name: [value] for name, value in (query | cursor).items()}
        answer = api_bench.call("GET", path, query=asked)
        assert answer.status == 200
        assert len(answer.text.encode()) < ANSWER_BYTES
        assert len(json.dumps({"body": answer.text})) < LAMBDA_BYTES
        yield answer.json
        if answer.json["cursor"] is None:
            return
        cursor = {"cursor": answer.json["cursor"]}


def ids(api_bench: ApiBench, path: str, **query: str) -> tuple[list[str], int]:
    """The ids of all items of a list, and on how many pages they were."""
    found = [[one["id"] for one in page["items"]] for page in pages(api_bench, path, **query)]
    return [id for page in found for id in page], len(found)


def a_job() -> Job:
    target = Target("http", {"method": "POST", "url": "https://example.com/", "headers": {}})
    definition = Definition("large", Schedule(Every(SECOND_MS, NOW_MS)), target)
    return Job(DEFAULT_TENANT, job_id(bytes(10)), definition, JobState.ACTIVE, 1, NOW_MS, NOW_MS, NOW_MS)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_page_of_large_jobs_ends_early(api_bench: ApiBench, kind: str) -> None:
    body = json.dumps(EVERY_JOB | {"target": EVERY_JOB["target"] | {"body": TEXTS[kind]}}, ensure_ascii=False)
    created = [api_bench.call("POST", "/jobs", body).json["id"] for _ in range(100)]
    found, count = ids(api_bench, "/jobs", limit="100")
    assert (sorted(found), count > 1) == (created, True)


def a_run(job: Job, number: int, text: str) -> Execution:
    """A dead letter with more in it than one record holds today."""
    attempts = tuple(Attempt(n, NOW_MS, NOW_MS, Result.FAILED, 500, text) for n in range(1, 11))
    id = str(ExecutionId(job.id, NOW_MS + number))
    ended = NOW_MS + number
    return Execution(DEFAULT_TENANT, id, State.DEAD, ended, 1, attempt=10, attempts=attempts, finished_ms=ended)


@pytest.mark.parametrize("path", ["/jobs/{job}/executions", "/dead-letters"])
def test_a_page_of_large_runs_ends_early(api_bench: ApiBench, path: str) -> None:
    job = a_job()
    api_bench.ports.jobs.create(job, None, None)
    runs = [a_run(job, number, "why" * 1_000) for number in range(100)]
    assert all(api_bench.ports.executions.swap(run, None) is None for run in runs)
    found, count = ids(api_bench, path.format(job=job.id), limit="100")
    assert (found, count > 1) == ([run.id for run in reversed(runs)], True)


def test_a_large_ledger_is_answered_in_parts(api_bench: ApiBench) -> None:
    job, count = a_job(), 6_000
    api_bench.ports.jobs.create(job, None, None)
    for number in range(count):
        id = str(ExecutionId(job.id, NOW_MS + number * SECOND_MS))
        run = Execution(DEFAULT_TENANT, id, State.DEAD, NOW_MS, 1, reason="☂" * 200, finished_ms=NOW_MS)
        assert api_bench.ports.executions.swap(run, None) is None
    api_bench.clock.advance((count - 1) * SECOND_MS + 1)
    found = list(pages(api_bench, f"/jobs/{job.id}/ledger"))
    assert len(found) > 1
    assert len({line["nominal_at"] for page in found for line in page["items"]}) == count
    assert [page["end"] for page in found[:-1]] == [page["start"] for page in found[1:]]
    assert all(page["missing"] == 0 for page in found)
    elsewhere = api_bench.call(
        "GET", f"/jobs/{job.id}/ledger", query={"from": [found[0]["start"]], "cursor": [found[0]["cursor"]]}
    )
    assert elsewhere.status == 422


@pytest.mark.parametrize(
    ("sign", "size", "fits"),
    [("x", 1_000_000, 2), ("x", ANSWER_BYTES + 1, 1), ('"', ANSWER_SENT_BYTES, 1), ("☂", 900_000, 1), ("x", 1, 5)],
)
def test_at_least_one_item_is_answered_and_no_more_than_fit(sign: str, size: int, fits: int) -> None:
    piece = Piece(text=sign * size)
    assert fitting([piece] * 5) == fits
    assert fitting([replace_text(piece, "")] * 5) == 5
    assert fitting([]) == 0


def replace_text(piece: Piece, text: str) -> Piece:
    return piece.model_copy(update={"text": text})
