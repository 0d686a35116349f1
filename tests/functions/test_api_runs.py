"""Executions are listed across jobs, by state and time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, NOW_MS, ApiBench
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import DEFAULT_TENANT, ExecutionId
from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS
from tidewheel.wire.values import from_ms


@pytest.fixture
def api_bench() -> ApiBench:
    bench = ApiBench()
    bench.clock.advance(2 * DAY_MS)
    return bench


def created(api_bench: ApiBench, name: str = "job") -> str:
    id: str = api_bench.call("POST", "/jobs", EVERY_JOB | {"name": name}).json["id"]
    api_bench.clock.advance(1)
    return id


def ran(api_bench: ApiBench, job: str, ago_ms: int, state: State, ended_ago_ms: int | None = None) -> str:
    at = NOW_MS + 2 * DAY_MS - ago_ms
    ended = None if ended_ago_ms is None else NOW_MS + 2 * DAY_MS - ended_ago_ms
    record = Execution(DEFAULT_TENANT, str(ExecutionId(job, at)), state, at, 1, finished_ms=ended)
    assert api_bench.ports.executions.swap(record, None) is None
    return record.id


def listed(api_bench: ApiBench, limit: int = 1, **query: Any) -> list[str]:
    """The ids of a whole list, page by page."""
    asked = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    found: list[str] = []
    cursor: dict[str, list[str]] = {}
    for _ in range(1_000):
        answer = api_bench.call("GET", "/executions", query={**asked, "limit": [str(limit)], **cursor})
        assert answer.status == 200, answer.json
        assert len(answer.json["items"]) <= limit
        found += [one["id"] for one in answer.json["items"]]
        if answer.json["cursor"] is None:
            return found
        cursor = {"cursor": [answer.json["cursor"]]}
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_runs_of_all_jobs_come_the_newest_first(api_bench: ApiBench, limit: int) -> None:
    jobs = [created(api_bench) for _ in range(5)]
    ids = [ran(api_bench, jobs[n % 5], n // 3 * MINUTE_MS + n % 5, State.SUCCEEDED) for n in range(40)]
    newest = sorted(ids, key=lambda run: (ExecutionId.parse(run).nominal_ms, run), reverse=True)
    assert listed(api_bench, limit) == newest
    assert listed(api_bench, limit, job=jobs[2]) == [id for id in newest if id.startswith(jobs[2])]


def test_runs_are_found_by_state_and_time(api_bench: ApiBench) -> None:
    one, two = created(api_bench, "one"), created(api_bench, "two")
    running = [ran(api_bench, job, n * HOUR_MS, State.RUNNING) for n, job in enumerate((one, two), 1)]
    succeeded = ran(api_bench, one, 3 * HOUR_MS, State.SUCCEEDED, 3 * HOUR_MS)
    old = ran(api_bench, two, 30 * HOUR_MS, State.RUNNING)
    assert listed(api_bench, state="running") == running
    assert listed(api_bench, state=["running", "succeeded"]) == [*running, succeeded]
    assert listed(api_bench, state="running", job="two") == [running[1], old]
    instant = {"from": from_ms(NOW_MS + 2 * DAY_MS - 31 * HOUR_MS).isoformat()}
    assert listed(api_bench, state="running", **instant) == [*running, old]
    until = {"to": from_ms(NOW_MS + 2 * DAY_MS - HOUR_MS).isoformat()}
    assert listed(api_bench, state="running", **until) == [running[1]]
    assert listed(api_bench, state="retrying") == []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_dead_letters_come_by_when_they_ended(api_bench: ApiBench, limit: int) -> None:
    one, two = created(api_bench), created(api_bench)
    late = ran(api_bench, one, 50 * HOUR_MS, State.DEAD, HOUR_MS)
    early = ran(api_bench, two, 3 * HOUR_MS, State.FAILED, 2 * HOUR_MS)
    ran(api_bench, two, 40 * HOUR_MS, State.FAILED, 39 * HOUR_MS)
    assert listed(api_bench, limit, state=["dead", "failed"]) == [late, early]
    assert listed(api_bench, limit, state="failed") == [early]
    until = {"to": from_ms(NOW_MS + 2 * DAY_MS - HOUR_MS).isoformat()}
    assert listed(api_bench, limit, state=["dead", "failed"], **until) == [early]


def test_instants_that_did_not_run_are_among_the_skipped(api_bench: ApiBench) -> None:
    job, at = created(api_bench), NOW_MS + 2 * DAY_MS - HOUR_MS
    row = Missed(DEFAULT_TENANT, job, 1, at, at + MINUTE_MS, 2, Reason.SKIPPED, at)
    api_bench.ports.executions.account(row)
    run = ran(api_bench, job, 2 * HOUR_MS, State.SUCCEEDED)
    assert listed(api_bench, state="skipped") == [row.id]
    assert listed(api_bench) == [row.id, run]


def test_of_more_than_a_hundred_jobs_every_run_is_listed_once(api_bench: ApiBench) -> None:
    jobs = [created(api_bench) for _ in range(230)]
    ids = [ran(api_bench, job, (n * 7 % 13) * MINUTE_MS, State.SUCCEEDED) for n, job in enumerate(jobs)]
    found = listed(api_bench, 40)
    assert (len(found), set(found)) == (230, set(ids))
    assert listed(api_bench, 100, state="running") == []


def test_a_rare_state_behind_many_runs_is_found_by_going_on(api_bench: ApiBench) -> None:
    job = created(api_bench)
    wanted = ran(api_bench, job, 5_000, State.RUNNING)
    for n in range(2_500):
        ran(api_bench, job, n, State.SUCCEEDED)
    first = api_bench.call("GET", "/executions", query={"state": ["running"]}).json
    assert (first["items"], first["cursor"] is None) == ([], False)
    assert listed(api_bench, 1, state="running") == [wanted]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": ["done"]}, "state"),
        ({"job": ["nobody"]}, "job"),
        ({"from": ["2030-01-01T00:00:00Z"]}, "from"),
        ({"cursor": ["x"]}, "cursor"),
        ({"stat": ["dead"]}, "stat"),
    ],
)
def test_a_list_of_runs_refuses_what_it_cannot_follow(
    api_bench: ApiBench, query: dict[str, list[str]], field: str
) -> None:
    answer = api_bench.call("GET", "/executions", query=query)
    assert (answer.status, [one["field"] for one in answer.json["errors"]]) == (422, [field])
