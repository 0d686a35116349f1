"""A job shows how its last run ended, is found by it, and is not plainly completed if its only run failed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, HTTP_JOB, ApiBench
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import claimed, ended_unrun
from tidewheel.domain.ids import DEFAULT_TENANT


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


def created(api_bench: ApiBench, body: dict[str, Any]) -> str:
    id: str = api_bench.call("POST", "/jobs", body).json["id"]
    api_bench.clock.advance(1)
    return id


def ended(api_bench: ApiBench, run: str, state: State) -> None:
    """The run ends as its worker, or the queue, would have it."""
    executions, now = api_bench.ports.executions, api_bench.clock.now_ms()
    record = executions.get(DEFAULT_TENANT, run)
    assert record is not None
    assert executions.swap(ended_unrun(record, state, "told so", now), record.version) is None
    api_bench.clock.advance(1)


def ran(api_bench: ApiBench, job: str, state: State) -> str:
    id: str = api_bench.call("POST", f"/jobs/{job}/run").json["id"]
    ended(api_bench, id, state)
    return id


def only_run(api_bench: ApiBench, job: str) -> str:
    (run,) = api_bench.call("GET", f"/jobs/{job}/executions").json["items"]
    return str(run["id"])


def listed(api_bench: ApiBench, **query: str | list[str]) -> list[str]:
    """The ids of a whole list, a job a page."""
    asked = {name: [value] if isinstance(value, str) else value for name, value in query.items()}
    found: list[str] = []
    cursor: dict[str, list[str]] = {}
    while True:
        page = api_bench.call("GET", "/jobs", query={**asked, "limit": ["1"], **cursor}).json
        found += [one["id"] for one in page["items"]]
        if page["cursor"] is None:
            return found
        cursor = {"cursor": [page["cursor"]]}


def test_a_one_time_job_whose_run_died_is_failed_until_it_is_run_with_success(api_bench: ApiBench) -> None:
    job, fine = created(api_bench, HTTP_JOB), created(api_bench, HTTP_JOB)
    assert api_bench.call("GET", f"/jobs/{job}").json["last_run"] is None
    run = only_run(api_bench, job)
    ended(api_bench, run, State.DEAD)
    answer = api_bench.call("GET", f"/jobs/{job}").json
    assert (answer["state"], answer["last_run"]["state"], answer["last_run"]["id"]) == ("failed", "dead", run)
    assert listed(api_bench, state="failed") == [job]
    assert listed(api_bench, state="completed") == [fine]
    assert listed(api_bench, state="failed", name_prefix="ho") == [job]
    again = api_bench.call("POST", f"/jobs/{job}/run").json["id"]
    assert api_bench.call("GET", f"/jobs/{job}").json["state"] == "failed"  # it has not ended yet
    record = api_bench.ports.executions.get(DEFAULT_TENANT, again)
    assert record is not None
    api_bench.ports.executions.swap(claimed(record, 1, "w", record.due_ms, received_ms=record.due_ms), 1)
    ended(api_bench, again, State.CANCELLED)
    assert api_bench.call("GET", f"/jobs/{job}").json["state"] == "completed"
    assert sorted(listed(api_bench, state="completed")) == sorted([job, fine])


def test_a_recurring_job_that_failed_stays_active(api_bench: ApiBench) -> None:
    job = created(api_bench, EVERY_JOB)
    ran(api_bench, job, State.DEAD)
    answer = api_bench.call("GET", f"/jobs/{job}").json
    assert (answer["state"], answer["last_run"]["state"]) == ("active", "dead")
    assert listed(api_bench, state="failed") == []
    assert listed(api_bench, state="active") == [job]


def test_jobs_are_found_by_how_their_last_run_ended(api_bench: ApiBench) -> None:
    jobs = [created(api_bench, EVERY_JOB | {"tags": {"n": str(n)}}) for n in range(4)]
    for state in (State.DEAD, State.DEAD, State.TIMED_OUT):
        ran(api_bench, jobs[0], state)
    ran(api_bench, jobs[1], State.DEAD)
    ran(api_bench, jobs[2], State.DEAD)
    ran(api_bench, jobs[2], State.CANCELLED)
    assert listed(api_bench, last_result="dead") == [jobs[1]]
    assert listed(api_bench, last_result=["dead", "timed_out"]) == [jobs[1], jobs[0]]  # the last to fail first
    assert listed(api_bench, last_result="cancelled") == [jobs[2]]
    assert listed(api_bench, last_result=["cancelled", "timed_out"]) == [jobs[2], jobs[0]]
    assert listed(api_bench, last_result="timed_out", tag="n:0") == [jobs[0]]
    assert listed(api_bench, last_result="timed_out", state="active") == [jobs[0]]
    assert listed(api_bench, last_result="timed_out", state="paused") == []
    assert listed(api_bench, last_result="succeeded") == []
    assert api_bench.call("GET", "/jobs", query={"last_result": ["skipped"]}).status == 422


def test_what_never_ran_is_no_result(api_bench: ApiBench) -> None:
    job = created(api_bench, EVERY_JOB)
    ran(api_bench, job, State.DEAD)
    ran(api_bench, job, State.SKIPPED)
    ran(api_bench, job, State.BLOCKED)
    api_bench.call("POST", f"/jobs/{job}/run")
    assert api_bench.call("GET", f"/jobs/{job}").json["last_run"]["state"] == "dead"
