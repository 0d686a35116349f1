"""The API of runs of workflows: what it takes, answers and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.api_bench import ApiBench
from tests.support.workflows import a_step, a_workflow
from tests.support.world_examples import NOW_MS
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import opened, run_ended
from tidewheel.domain.workflows.definition import Workflow
from tidewheel.domain.workflows.params import Param
from tidewheel.domain.workflows.works import Wait
from tidewheel.engine.orchestration.versions import VersionCache

DIGEST = "0" * 63 + "1"
FLOW = replace(a_workflow(a_step("extract"), a_step("load", "extract")), params={"day": Param()})
WAITS = a_workflow(replace(a_step("nap"), work=Wait(for_ms=1)), name="waits")


@pytest.fixture
def api() -> ApiBench:
    kept: dict[str, Workflow] = {"flow": FLOW, "waits": WAITS}
    bench = ApiBench()
    versions = VersionCache(
        lambda _tenant, name, digest: kept.get(name) if digest == DIGEST else None,
        lambda _tenant, name: DIGEST if name in kept else None,
    )
    bench.ports = replace(bench.ports, versions=versions)
    return bench


def started(api: ApiBench) -> str:
    """A run that a worker has opened."""
    id = str(api.call("POST", "/workflows/flow/runs").json["id"])
    record = api.ports.executions.get(api.who.tenant, id)
    assert record is not None
    assert record.run is not None
    api.ports.executions.swap(opened(record, record.run, NOW_MS, NOW_MS, None), record.version)
    return id


def ended(api: ApiBench, state: State) -> str:
    id = started(api)
    record = api.ports.executions.get(api.who.tenant, id)
    assert record is not None
    api.ports.executions.swap(run_ended(record, state, "as it is", NOW_MS), record.version)
    return id


def test_a_run_is_started_by_the_workflows_name(api: ApiBench) -> None:
    answer = api.call("POST", "/workflows/flow/runs", {"params": {"day": "monday"}})
    assert answer.status == 202
    assert answer.headers["Location"] == f"../../runs/{answer.json['id']}"
    told = {name: answer.json[name] for name in ("workflow", "version", "params", "state", "paused", "steps")}
    assert told == {
        "workflow": "flow",
        "version": DIGEST,
        "params": {"day": "monday"},
        "state": "queued",
        "paused": False,
        "steps": [],
    }
    job = api.call("GET", f"/jobs/{answer.json['job']}").json
    assert (job["name"], job["state"]) == ("runs of flow", "paused")


def test_the_same_key_starts_one_run(api: ApiBench) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = (api.call("POST", "/workflows/flow/runs", headers=key).json["id"] for _ in range(2))
    other = api.call("POST", "/workflows/flow/runs").json["id"]
    assert first == again != other


def test_runs_are_listed_newest_first(api: ApiBench) -> None:
    ids = []
    for _ in range(3):
        ids.append(api.call("POST", "/workflows/flow/runs").json["id"])
        api.clock.sleep(1_000)
    page = api.call("GET", "/workflows/flow/runs", query={"limit": ["2"]}).json
    assert [one["id"] for one in page["items"]] == ids[:0:-1]
    rest = api.call("GET", "/workflows/flow/runs", query={"limit": ["2"], "cursor": [page["cursor"]]}).json
    assert [one["id"] for one in rest["items"]] == ids[:1]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/workflows/none/runs", {}, 404, "none"),
        ("/workflows/flow/runs", {"version": "a" * 64}, 404, "flow"),
        ("/workflows/flow/runs", {"version": "newest"}, 422, "version"),
        ("/workflows/flow/runs", {"params": {"night": "x"}}, 422, "params.night: is no parameter"),
        ("/workflows/flow/runs", {"params": {"day": "x" * 4_000}}, 422, "more than 3500"),
        ("/workflows/waits/runs", {}, 422, "step nap is of the kind wait, which this release does not run yet"),
        ("/workflows/flow/runs", {"parameters": {}}, 422, "parameters"),
    ],
)
def test_what_cannot_be_started_is_refused(
    api: ApiBench, path: str, body: dict[str, object], status: int, told: str
) -> None:
    answer = api.call("POST", path, body)
    assert answer.status == status
    assert told in answer.text


def test_an_open_run_shows_where_its_steps_stand(api: ApiBench) -> None:
    run = api.call("GET", f"/runs/{started(api)}").json
    assert run["state"] == "open"
    assert [(step["name"], step["state"], step["execution"]) for step in run["steps"]] == [
        ("extract", "ready", None),
        ("load", "undecided", None),
    ]


def test_a_run_is_paused_and_resumed(api: ApiBench) -> None:
    id = started(api)
    assert api.call("POST", f"/runs/{id}/pause").json["paused"] is True
    assert api.call("POST", f"/runs/{id}/pause").status == 202
    assert api.call("POST", f"/runs/{id}/resume").json["paused"] is False


def test_a_cancelled_run_ends_once_nothing_of_it_runs(api: ApiBench) -> None:
    id = started(api)
    answer = api.call("POST", f"/runs/{id}/cancel", {"reason": "wrong day"})
    assert (answer.status, answer.json["state"]) == (202, "cancelled")
    assert answer.json["reason"] == "someone cancelled it: wrong day"
    assert [step["state"] for step in answer.json["steps"]] == ["cancelled", "upstream_failed"]


def test_a_run_that_no_worker_has_begun_is_shown_and_cancelled(api: ApiBench) -> None:
    id = api.call("POST", "/workflows/flow/runs").json["id"]
    assert api.call("GET", f"/runs/{id}").json["state"] == "queued"
    for ask, body in (("pause", None), ("resume", None), ("clear", {"steps": ["load"]})):
        refused = api.call("POST", f"/runs/{id}/{ask}", body)
        assert (refused.status, "has not begun" in refused.text) == (409, True), ask
    answer = api.call("POST", f"/runs/{id}/cancel", {"reason": "wrong day"})
    assert (answer.status, answer.json["state"]) == (202, "cancelled")
    assert answer.json["reason"] == "someone cancelled it: wrong day"
    assert api.call("POST", f"/runs/{id}/cancel").status == 202
    assert api.call("POST", f"/runs/{id}/resume").status == 409


def test_an_execution_that_is_a_run_is_cancelled_as_one(api: ApiBench) -> None:
    id = started(api)
    api.call("POST", f"/executions/{id}/cancel")
    assert api.call("GET", f"/runs/{id}").json["state"] == "cancelled"


def test_steps_of_an_ended_run_run_again(api: ApiBench) -> None:
    id = ended(api, State.SUCCEEDED)
    answer = api.call("POST", f"/runs/{id}/clear", {"steps": ["load"]})
    assert (answer.status, answer.json["state"], answer.json["generation"]) == (202, "open", 2)


@pytest.mark.parametrize(
    ("state", "ask", "body", "status", "told"),
    [
        (State.SUCCEEDED, "resume", None, 409, "clear the steps that are to run again"),
        (State.SUCCEEDED, "pause", None, 409, "nothing is left to pause"),
        (State.FAILED, "cancel", None, 409, "nothing is left to cancel"),
        (State.FAILED, "clear", {"steps": ["none"]}, 422, "the workflow has no step 'none'"),
        (State.FAILED, "clear", {"steps": []}, 422, "steps"),
    ],
)
def test_what_does_not_fit_an_ended_run_is_refused(
    api: ApiBench, state: State, ask: str, body: dict[str, object] | None, status: int, told: str
) -> None:
    answer = api.call("POST", f"/runs/{ended(api, state)}/{ask}", body)
    assert answer.status == status
    assert told in answer.text


def test_a_failed_run_is_resumed_and_not_redriven(api: ApiBench) -> None:
    id = ended(api, State.FAILED)
    redriven = api.call("POST", "/dead-letters/redrive", {"ids": [id]}).json
    assert redriven["skipped"][0]["reason"] == "belongs to a run of a workflow: resume that"
    assert api.call("POST", f"/runs/{id}/resume").json["state"] == "open"


def test_what_is_no_run_is_not_found(api: ApiBench) -> None:
    job = api.call("POST", "/jobs", {"name": "j", "target": {"kind": "http", "url": "https://example.com"}}).json
    other = api.call("POST", f"/jobs/{job['id']}/run").json["id"]
    assert api.call("GET", f"/runs/{other}").status == 404
    assert api.call("POST", f"/runs/{other}/pause").status == 404
    assert api.call("GET", f"/runs/{started(api)}.0").status == 404


def test_a_job_that_starts_a_workflow_is_stored(api: ApiBench) -> None:
    target = {"kind": "workflow", "workflow": "flow", "params": {"day": "monday"}}
    body = {"name": "nightly", "schedule": {"cron": "0 3 * * *"}, "target": target}
    job = api.call("POST", "/jobs", body).json
    assert job["target"] == {**target, "version": "latest"}


def test_runs_go_on_after_their_job_was_deleted_by_another(api: ApiBench) -> None:
    first = api.call("POST", "/workflows/flow/runs").json["job"]
    assert api.call("DELETE", f"/jobs/{first}").status == 204
    assert api.call("GET", "/workflows/flow/runs").json["items"] == []
    second = api.call("POST", "/workflows/flow/runs").json["job"]
    assert second != first
    assert len(api.call("GET", "/workflows/flow/runs").json["items"]) == 1
