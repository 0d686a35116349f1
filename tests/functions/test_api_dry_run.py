"""Dry runs: what would be, and nothing written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, HTTP_JOB, ApiBench
from tidewheel.domain.pricing import dollars_of_run

DRY = {"dry_run": ["true"]}
READS = {"get", "batch", "generations", "list", "listed", "sweep", "present", "heads", "dead", "overdue", "missed"}


class ReadOnly:
    """A store or queue that refuses everything but reads."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        assert name in READS, f"a dry run called {name}"
        return getattr(self._inner, name)


@pytest.fixture
def api() -> ApiBench:
    return ApiBench()


def refuse_writes(api: ApiBench) -> None:
    ports = api.ports
    kinds = ("jobs", "executions", "wheel", "queue", "locks", "circuits", "requests", "logs")
    api.ports = replace(ports, **{name: ReadOnly(getattr(ports, name)) for name in kinds})


def created(api: ApiBench, body: Any = EVERY_JOB) -> str:
    return str(api.call("POST", "/jobs", body).json["id"])


def test_the_stores_of_these_tests_refuse_writes(api: ApiBench) -> None:
    refuse_writes(api)
    with pytest.raises(AssertionError, match="a dry run called"):
        api.ports.jobs.create(None, None, None)  # type: ignore[arg-type]


def test_what_would_be_created_is_answered_and_not_written(api: ApiBench) -> None:
    whole = api.ports
    refuse_writes(api)
    body = EVERY_JOB | {"window": "1h"}
    dry = api.call("POST", "/jobs", body, headers={"Idempotency-Key": "k"}, query=DRY)
    assert (dry.status, "Location" in dry.headers, "ETag" in dry.headers) == (200, False, False)
    assert [warning["field"] for warning in dry.json["warnings"]] == ["window"]
    api.ports = whole
    assert api.call("GET", "/jobs").json["items"] == []
    made = api.call("POST", "/jobs", body, headers={"Idempotency-Key": "k"})
    assert made.json == dry.json | {"preview": None}
    items = api.call("GET", f"/jobs/{made.json['id']}/upcoming", query={"count": ["20"]}).json["items"]
    assert dry.json["preview"]["upcoming"] == items


def test_the_month_is_counted_and_priced(api: ApiBench) -> None:
    preview = api.call("POST", "/jobs", EVERY_JOB, query=DRY).json["preview"]
    assert (preview["executions_a_month"], preview["exact"]) == (30 * 24 * 12 - 1, True)
    assert preview["dollars_a_month"] == pytest.approx(8_639 * dollars_of_run(), abs=1e-6)
    assert preview["prices_as_of"] == "2026-11-30"
    minutely = api.call("POST", "/jobs", HTTP_JOB | {"schedule": {"cron": "* * * * *"}}, query=DRY).json["preview"]
    assert (minutely["executions_a_month"], minutely["exact"]) == (30 * 24 * 60, False)
    once = api.call("POST", "/jobs", HTTP_JOB, query=DRY).json["preview"]
    assert (once["executions_a_month"], once["exact"], len(once["upcoming"])) == (1, True, 1)


def test_an_edit_is_foretold(api: ApiBench) -> None:
    id = created(api)
    whole = api.ports
    refuse_writes(api)
    patch = {"schedule": {"every": "1h"}}
    dry = api.call("PATCH", f"/jobs/{id}", patch, headers={"Idempotency-Key": "k"}, query=DRY)
    assert (dry.status, dry.json["generation"], dry.json["preview"]["executions_a_month"]) == (200, 2, 719)
    put = api.call("PUT", f"/jobs/{id}", EVERY_JOB | {"name": "b"}, query=DRY)
    assert (put.json["name"], put.json["preview"]["executions_a_month"]) == ("b", 8_639)
    api.ports = whole
    assert api.call("GET", f"/jobs/{id}").json["generation"] == 1
    edited = api.call("PATCH", f"/jobs/{id}", patch, headers={"Idempotency-Key": "k"})
    assert edited.json == dry.json | {"preview": None}


def test_a_paused_job_runs_no_more(api: ApiBench) -> None:
    id = created(api)
    api.call("POST", f"/jobs/{id}/pause")
    preview = api.call("PATCH", f"/jobs/{id}", {"timeout": "5m"}, query=DRY).json["preview"]
    assert (preview["upcoming"], preview["executions_a_month"], preview["dollars_a_month"]) == ([], 0, 0)


def test_what_would_be_refused_is_refused(api: ApiBench) -> None:
    id = created(api, EVERY_JOB | {"unique_name": True})
    key = {"Idempotency-Key": "k"}
    api.call("POST", "/jobs", HTTP_JOB | {"name": "other"}, headers=key)
    refuse_writes(api)

    def status(method: str, path: str, body: Any, **rest: Any) -> int:
        return api.call(method, path, body, query=DRY, **rest).status

    past = HTTP_JOB | {"schedule": {"at": "2020-01-01T00:00:00Z"}}
    assert status("POST", "/jobs", past) == 422
    assert status("POST", "/jobs", EVERY_JOB | {"pool": "nowhere"}) == 422
    assert status("POST", "/jobs", EVERY_JOB | {"unique_name": True}) == 409
    assert status("POST", "/jobs", HTTP_JOB | {"name": "third"}, headers=key) == 409
    assert status("PATCH", f"/jobs/{id}", {"name": "b"}, headers={"If-Match": '"7"'}) == 412
    assert status("PATCH", f"/jobs/{id}", {"schedule": None}) == 422
    assert status("PATCH", "/jobs/j0000000000000009", {}) == 404
    assert api.call("POST", "/jobs", EVERY_JOB, query={"dry_run": ["yes"]}).status == 422


def test_a_dry_run_of_what_a_key_created_answers_that_job(api: ApiBench) -> None:
    key = {"Idempotency-Key": "k"}
    id = api.call("POST", "/jobs", EVERY_JOB, headers=key).json["id"]
    refuse_writes(api)
    assert api.call("POST", "/jobs", EVERY_JOB, headers=key, query=DRY).json["id"] == id
