"""What the API answers at a tenant's limits, and what it tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_bench import NOW_MS, ApiBench
from tests.support.world_examples import a_tenant
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.quotas.limit import Limit, window_at
from tidewheel.domain.quotas.plans import Plans, parse_plans
from tidewheel.engine.common.tenant_cache import KEPT_MS

TARGET = {"kind": "http", "url": "https://example.com/hook", "body": {"text": "x" * 300}}
HOURLY = {"name": "a", "schedule": {"every": "1h"}, "target": TARGET}


def bench(**limits: float) -> ApiBench:
    plans: Plans = parse_plans({"default": limits})
    return ApiBench(plans=plans)


def test_requests_beyond_the_rate_are_refused_with_what_to_do_until_the_window_ends() -> None:
    api = bench(requests_per_second=0.3)  # three in ten seconds
    answers = [api.call("GET", "/jobs") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    left_s = (window_at(Limit.REQUESTS_PER_SECOND, NOW_MS).until_ms - NOW_MS) // SECOND_MS
    assert refused.headers["Retry-After"] == str(left_s)
    assert refused.headers["RateLimit-Policy"] == '"requests_per_second";q=3;w=10'
    assert refused.headers["RateLimit"] == f'"requests_per_second";r=0;t={left_s}'
    assert refused.json["type"] == "urn:tidewheel:problem:limited"
    assert refused.json["limit"] == {
        "name": "requests_per_second",
        "used": 0.3,
        "allowed": 0.3,
        "reset_at": "2025-11-20T16:47:10.000Z",
    }
    api.clock.advance(left_s * SECOND_MS)
    assert api.call("GET", "/jobs").status == 200


def test_an_answer_says_how_many_requests_are_left() -> None:
    api = bench(requests_per_second=1)
    left = [api.call("GET", "/jobs").headers["RateLimit"].split(";")[1] for _ in range(3)]
    assert left == ["r=9", "r=8", "r=7"]


def test_a_tenant_without_a_rate_gets_no_headers_and_costs_nothing() -> None:
    api = bench()
    assert not {name for name in api.call("GET", "/jobs").headers if name.startswith("RateLimit")}


def test_what_is_for_everybody_is_not_counted() -> None:
    api = bench(requests_per_second=0)
    assert api.call("GET", "/health").status == 200
    assert api.call("GET", "/openapi.json").status == 200
    assert api.call("GET", "/jobs").status == 429


@pytest.mark.parametrize(
    ("limits", "body", "expected"),
    [
        ({"payload_bytes": 250}, HOURLY, {"name": "payload_bytes", "allowed": 250}),
        (
            {"shortest_interval_seconds": 3601},
            HOURLY,
            {"name": "shortest_interval_seconds", "used": 3600, "allowed": 3601},
        ),
        (
            {"shortest_interval_seconds": 600},
            HOURLY | {"schedule": {"cron": "0,5 9 * * 1"}},
            {"name": "shortest_interval_seconds", "used": 300, "allowed": 600},
        ),
        (
            {"dollars_per_month": 0.003},
            HOURLY,
            {"name": "dollars_per_month", "allowed": 0.003},
        ),
    ],
)
def test_a_job_beyond_a_limit_is_refused_when_it_is_created_and_when_it_is_edited(
    limits: dict[str, float], body: dict[str, Any], expected: dict[str, Any]
) -> None:
    api = bench(**limits)
    refused = api.call("POST", "/jobs", body)
    assert (refused.status, "Retry-After" in refused.headers) == (429, False)
    assert refused.json["limit"].items() >= expected.items()
    assert refused.headers["RateLimit"] == f'"{expected["name"]}";r=0'
    small = {"name": "a", "schedule": {"every": "30d"}, "target": {"kind": "http", "url": "https://a.example"}}
    made = api.call("POST", "/jobs", small)
    assert made.status == 201
    assert api.call("PUT", f"/jobs/{made.json['id']}", body).status == 429
    assert api.call("GET", f"/jobs/{made.json['id']}").json["generation"] == 1


ACTIVE_LIMIT = {"name": "active_jobs", "used": 2, "allowed": 2}


def test_a_job_beyond_those_that_may_be_active_is_refused_however_it_is_made() -> None:
    api = bench(active_jobs=2)
    first = api.call("POST", "/jobs", HOURLY).json["id"]
    bulk = {"items": [{"action": "create", "job": HOURLY}, {"action": "create", "job": HOURLY}]}
    made, over = api.call("POST", "/jobs/bulk", bulk).json["items"]
    assert (made["status"], over["status"], over["problem"]["limit"]) == (201, 429, ACTIVE_LIMIT)
    for refused in (
        api.call("POST", "/jobs", HOURLY),
        api.call("POST", "/jobs", HOURLY, query={"dry_run": ["true"]}),
    ):
        assert (refused.status, refused.json["limit"], "Retry-After" in refused.headers) == (429, ACTIVE_LIMIT, False)
        assert refused.json["detail"].startswith("active_jobs: 2 of 2; pause or delete one")
        assert refused.headers["RateLimit"] == '"active_jobs";r=0'
    assert api.call("POST", "/jobs", {"name": "now", "target": TARGET}).status == 201
    assert api.call("POST", f"/jobs/{first}/pause").status == 200
    assert api.call("POST", "/jobs", HOURLY).status == 201
    assert api.call("POST", f"/jobs/{first}/resume").json["limit"] == ACTIVE_LIMIT
    assert api.call("PATCH", f"/jobs/{first}", {"name": "b"}).status == 200
    used = {one["limit"]: one["used"] for one in api.call("GET", "/usage").json["limits"]}
    assert (used["active_jobs"], used["running_at_once"]) == (2, None)


def test_a_repeat_under_its_key_is_no_further_job() -> None:
    api = bench(active_jobs=1)
    headers = {"Idempotency-Key": "once"}
    answers = [api.call("POST", "/jobs", HOURLY, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json["id"] == answers[1].json["id"]


def test_how_many_may_run_at_once_is_a_limit_of_a_tenant_from_one_on() -> None:
    api = bench()
    refused = api.call("POST", "/tenants", {"id": "acme", "limits": {"running_at_once": 0}})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "limits")
    assert "from 1 to 1000" in refused.json["errors"][0]["problem"]
    made = api.call("POST", "/tenants", {"id": "acme", "limits": {"running_at_once": 5}, "weight": 3})
    assert (made.json["limits"], made.json["weight"]) == ({"running_at_once": 5}, 3)


def test_a_run_that_waits_says_for_which_limit() -> None:
    api = bench(running_at_once=1)
    job = api.call("POST", "/jobs", HOURLY).json["id"]
    run = api.call("POST", f"/jobs/{job}/run").json
    entry = LineEntry(DEFAULT_TENANT, run["id"], 1, 2, NOW_MS, 0, 1, NOW_MS, Route("lambda", "normal"))
    api.ports.permit_lines.join(entry)
    waiting = api.call("GET", f"/executions/{run['id']}").json["waiting"]
    assert (waiting["limit"], waiting["limited_by"], waiting["position"]) == (1, "running_at_once", 1)


def test_a_job_within_the_limits_is_created() -> None:
    api = bench(payload_bytes=500, shortest_interval_seconds=3600, dollars_per_month=0.004)
    assert api.call("POST", "/jobs", HOURLY).status == 201


def test_usage_names_every_limit_and_what_is_used() -> None:
    api = bench(requests_per_second=1, executions_per_day=100, dollars_per_month=1)
    window = window_at(Limit.EXECUTIONS_PER_DAY, NOW_MS)
    api.ports.counters.take(DEFAULT_TENANT, window, 7, 100)
    answer = api.call("GET", "/usage")
    assert answer.status == 200
    assert (answer.json["tenant"], answer.json["plan"]) == (DEFAULT_TENANT, "default")
    limits = {one["limit"]: one for one in answer.json["limits"]}
    assert set(limits) == set(Limit)
    assert limits["executions_per_day"] == {
        "limit": "executions_per_day",
        "allowed": 100,
        "used": 7,
        "reset_at": "2025-11-21T00:00:00.000Z",
    }
    assert limits["requests_per_second"]["used"] == 0.1
    assert limits["dollars_per_month"]["used"] == 0
    assert limits["executions_per_minute"] == {
        "limit": "executions_per_minute",
        "allowed": None,
        "used": None,
        "reset_at": None,
    }


def test_a_tenants_own_limit_holds_within_seconds() -> None:
    api = bench()
    assert api.call("GET", "/jobs").status == 200
    assert api.ports.tenants.swap(a_tenant(DEFAULT_TENANT, limits={"requests_per_second": 0})) is None
    assert api.call("GET", "/jobs").status == 200
    api.clock.advance(KEPT_MS)
    assert api.call("GET", "/jobs").status == 429


def test_a_tenants_limits_have_names_that_exist() -> None:
    api = bench()
    refused = api.call("POST", "/tenants", {"id": "acme", "limits": {"executions_a_day": 5}})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "limits")
    assert "executions_per_day" in refused.json["errors"][0]["problem"]
    made = api.call("POST", "/tenants", {"id": "acme", "limits": {"executions_per_day": 5}})
    assert (made.status, made.json["limits"]) == (201, {"executions_per_day": 5})
    patched = api.call("PATCH", "/tenants/acme", {"limits": {"payload_bytes": 10**9}})
    assert (patched.status, patched.json["errors"][0]["field"]) == (422, "limits")
