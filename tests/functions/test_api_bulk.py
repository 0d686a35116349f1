"""Many jobs in one call: each item is done or refused by itself, and a repeat does what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, HTTP_JOB, Answer, ApiBench
from tidewheel.client import Client
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.limits import ANSWER_BYTES, BULK_MS, MAX_BULK
from tidewheel.ports import Throttled

KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
def api() -> ApiBench:
    return ApiBench()


def bulk(api: ApiBench, *items: dict[str, Any], **rest: Any) -> Answer:
    return api.call("POST", "/jobs/bulk", {"items": list(items)}, **rest)


def statuses(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    found = [item["status"] for item in answer.json["items"]]
    assert answer.json["failed"] == sum(status >= 300 for status in found)
    return found


def create(**changes: Any) -> dict[str, Any]:
    return {"action": "create", "job": EVERY_JOB | changes}


def listed(api: ApiBench) -> list[str]:
    return [job["name"] for job in api.call("GET", "/jobs", query={"limit": ["100"]}).json["items"]]


def test_every_action_in_one_call(api: ApiBench) -> None:
    one, two, three = (item["id"] for item in bulk(api, create(name="a"), create(), create()).json["items"])
    answer = bulk(
        api,
        {"action": "edit", "id": one, "patch": {"timeout": "5m"}, "match": 1},
        {"action": "replace", "id": "name:a", "job": EVERY_JOB | {"name": "b"}},
        {"action": "pause", "id": two},
        {"action": "resume", "id": two},
        {"action": "delete", "id": three},
    )
    assert statuses(answer) == [200, 200, 200, 200, 204]
    assert [item["id"] for item in answer.json["items"]] == [one, one, two, two, three]
    assert [item["job"] and item["job"]["state"] for item in answer.json["items"]][2:] == ["paused", "active", None]
    assert answer.json["items"][1]["job"] == api.call("GET", f"/jobs/{one}").json
    assert api.call("GET", f"/jobs/{three}").status == 404


def test_each_item_is_refused_by_itself(api: ApiBench) -> None:
    id = bulk(api, create()).json["items"][0]["id"]
    answer = bulk(
        api,
        create(timeout="never"),
        {"action": "edit", "id": id, "patch": {}, "match": 7},
        {"action": "pause", "id": "nobody"},
        create(target={"kind": "http", "url": "https://example.com", "body": "x" * 70_000}),
        {"action": "pause", "id": id},
    )
    assert statuses(answer) == [422, 412, 404, 413, 200]
    refused = answer.json["items"][0]["problem"]
    assert (refused["type"], refused["errors"][0]["field"]) == ("urn:tidewheel:problem:invalid", "timeout")


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        ([create()] * (MAX_BULK + 1), "items"),
        ([{"action": "explode", "id": "j"}], "items.0"),
        ([{"id": "j"}], "items.0"),
        (["pause"], "items.0"),
        ([{"action": "pause"}], "items.0.id"),
        ([create(), {"action": "delete", "id": "j", "matches": 1}], "items.1.matches"),
        ([{"action": "edit", "id": "j", "patch": 1}], "items.0.patch"),
    ],
)
def test_a_call_that_cannot_be_read_does_nothing(api: ApiBench, items: list[Any], field: str) -> None:
    answer = bulk(api, *items)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)
    assert listed(api) == []


def test_a_job_that_is_no_object_is_that_items_problem(api: ApiBench) -> None:
    assert statuses(bulk(api, {"action": "create", "job": 7}, create())) == [400, 201]


def test_the_roles_of_single_requests_hold(api: ApiBench) -> None:
    id = bulk(api, create()).json["items"][0]["id"]
    everything = [create(), {"action": "pause", "id": id}, {"action": "edit", "id": id, "patch": {}}]
    api.who = Principal("default", "key:op", Role.OPERATOR)
    assert statuses(bulk(api, *everything)) == [403, 200, 403]
    assert statuses(bulk(api, *everything, query={"dry_run": ["true"]})) == [403, 200, 403]
    api.who = Principal("default", "key:v", Role.VIEWER)
    assert bulk(api, *everything).status == 403
    assert api.ports.tenants.swap(Tenant("other", version=1)) is None
    api.who = Principal("other", "key:x", Role.ADMIN)
    assert statuses(bulk(api, {"action": "delete", "id": id})) == [404]


def test_a_repeat_does_nothing_twice(api: ApiBench) -> None:
    id = bulk(api, create(name="a")).json["items"][0]["id"]
    items = [create(name="b"), create(name="b"), {"action": "edit", "id": id, "patch": {"name": "c"}, "match": 1}]
    first = bulk(api, *items, headers=KEY)
    assert statuses(first) == [201, 201, 200]
    again = bulk(api, *items, headers=KEY)
    assert again.json == first.json
    assert sorted(listed(api)) == ["b", "b", "c"]
    other = bulk(api, *items[:1], headers=KEY)
    assert (other.status, other.json["errors"][0]["field"]) == (409, "Idempotency-Key")
    assert statuses(bulk(api, *items[:2])) == [201, 201]  # without a key, or under another, it is another call


def test_what_does_not_fit_the_time_is_said_not_to_be_done_and_done_by_the_repeat(api: ApiBench) -> None:
    ports, slow = api.ports, SlowJobs(api.ports.jobs, api)
    items = [create(name=str(number)) for number in range(6)]
    api.ports = replace(ports, jobs=slow)
    first = bulk(api, *items, headers=KEY)
    assert statuses(first) == [201, 201, 503, 503, 503, 503]
    problem = first.json["items"][2]["problem"]
    assert (problem["errors"][0]["field"], "same Idempotency-Key" in problem["detail"]) == ("items.2", True)
    assert sorted(listed(api)) == ["0", "1"]
    api.ports = ports
    assert statuses(bulk(api, *items, headers=KEY)) == [201] * 6
    assert sorted(listed(api)) == [str(number) for number in range(6)]


class SlowJobs:
    """Each creation takes more than half a call's time."""

    def __init__(self, inner: Any, api: ApiBench) -> None:
        self._inner, self._api = inner, api

    def create(self, *wanted: Any) -> Any:
        self._api.clock.advance(BULK_MS * 2 // 3)
        return self._inner.create(*wanted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Failing(SlowJobs):
    """The second creation is throttled before anything is written."""

    count = 0

    def create(self, *wanted: Any) -> Any:
        self.count += 1
        if self.count == 2:
            raise Throttled("jobs.create", "x", "too busy")
        return self._inner.create(*wanted)


def test_a_store_that_fails_for_one_item_fails_that_item(api: ApiBench) -> None:
    ports = api.ports
    api.ports = replace(ports, jobs=Failing(ports.jobs, api))
    items = [create(name=str(number)) for number in range(3)]
    assert statuses(bulk(api, *items, headers=KEY)) == [201, 503, 201]
    api.ports = ports
    assert statuses(bulk(api, *items, headers=KEY)) == [201, 201, 201]
    assert sorted(listed(api)) == ["0", "1", "2"]


def test_a_dry_run_writes_nothing(api: ApiBench) -> None:
    id = bulk(api, create(name="a")).json["items"][0]["id"]
    items = [
        create(name="b"),
        {"action": "edit", "id": id, "patch": {"schedule": {"every": "1h"}}},
        {"action": "delete", "id": id, "match": 1},
        {"action": "delete", "id": id, "match": 2},
        {"action": "pause", "id": id},
        {"action": "pause", "id": "nobody"},
    ]
    answer = bulk(api, *items, query={"dry_run": ["true"]}, headers=KEY)
    assert statuses(answer) == [200, 200, 200, 412, 200, 404]
    assert answer.json["items"][1]["job"]["preview"]["executions_a_month"] == 719
    assert api.call("GET", f"/jobs/{id}").json["generation"] == 1
    assert listed(api) == ["a"]
    assert statuses(bulk(api, create(name="c"), headers=KEY)) == [201]  # the key is still free


def test_an_answer_that_would_be_too_large_leaves_jobs_out_and_keeps_their_ids(api: ApiBench) -> None:
    large = HTTP_JOB | {"target": HTTP_JOB["target"] | {"body": "x" * 60_000}}
    id = api.call("POST", "/jobs", large).json["id"]
    items = [{"action": action, "id": id} for _ in range(50) for action in ("pause", "resume")]
    answer = bulk(api, *items)
    assert statuses(answer) == [200] * 100
    assert len(answer.text) < ANSWER_BYTES
    jobs = [item["job"] is not None for item in answer.json["items"]]
    assert jobs == sorted(jobs, reverse=True)
    assert (jobs[0], jobs[-1], {item["id"] for item in answer.json["items"]}) == (True, False, {id})


def test_the_client(api: ApiBench) -> None:
    with Client("https://api.example.com/prod", transport=api.transport()) as client:
        foretold = client.bulk_jobs([{"action": "create", "job": EVERY_JOB}], dry_run=True)
        assert foretold.items[0].job is not None
        assert foretold.items[0].job.preview is not None
        done = client.bulk_jobs([{"action": "create", "job": EVERY_JOB}, {"action": "pause", "id": "none"}])
        assert (done.failed, [item.status for item in done.items]) == (1, [201, 404])
        assert client.job(str(done.items[0].id)) == done.items[0].job
