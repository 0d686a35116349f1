"""Which pools a job may name, and for how long it may run there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.api_bench import ApiBench
from tests.support.memory_stack import TENANT, MemoryStack, every
from tidewheel.domain.errors import Invalid
from tidewheel.domain.fleet import pools
from tidewheel.domain.fleet.route import POOLS, PRIORITIES, ROUTES, Route, routes_of
from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS

PLAIN = Definition("job", None, Target("http", {}))
JOB = {"name": "a", "target": {"kind": "http", "url": "https://example.com/hook"}, "schedule": {"every": "1h"}}


def refused(definition: Definition, known: tuple[str, ...] = POOLS) -> Invalid:
    with pytest.raises(Invalid) as error:
        pools.refuse(definition, known)
    return error.value


def test_every_pool_has_every_priority_and_names_may_hold_dashes() -> None:
    assert routes_of(["a-b"]) == tuple(Route("a-b", priority) for priority in PRIORITIES)
    assert [Route.parse(str(route)) for route in routes_of(["a-b", "low"])] == [*routes_of(["a-b", "low"])]
    assert routes_of(POOLS) == ROUTES


def test_a_pool_that_is_not_deployed_is_refused_with_those_that_are() -> None:
    error = refused(replace(PLAIN, pool="moon"), ("lambda", "rack-2"))
    assert error.field == "pool"
    assert "'moon'" in error.problem
    assert "lambda, rack-2" in error.remedy


@pytest.mark.parametrize(
    ("pool", "longest_ms"), [("lambda", 14 * MINUTE_MS), ("fargate", 11 * HOUR_MS), ("gpu", 11 * HOUR_MS)]
)
def test_a_timeout_is_as_long_as_its_pool_can_keep(pool: str, longest_ms: int) -> None:
    known = (*POOLS, "gpu")
    pools.refuse(replace(PLAIN, pool=pool, timeout_ms=longest_ms), known)
    error = refused(replace(PLAIN, pool=pool, timeout_ms=longest_ms + 1), known)
    assert error.field == "timeout"
    assert f"{longest_ms // MINUTE_MS}m" in error.remedy
    assert ("fargate, gpu" in error.remedy) == (pool == "lambda")


def test_where_lambda_is_the_only_pool_no_other_is_named() -> None:
    assert "pool" not in refused(replace(PLAIN, timeout_ms=HOUR_MS), ("lambda",)).remedy


def test_a_job_goes_to_the_queue_of_its_pool() -> None:
    stack = MemoryStack()
    stack.workers_up = False
    stack.create(None, pool="fargate", priority="low")
    assert stack.queue.depth(Route("fargate", "low")) == 1


def test_an_edit_is_held_to_it_and_what_was_stored_before_goes_on() -> None:
    stack = MemoryStack()
    job = stack.create(every(60_000))
    with pytest.raises(Invalid, match="moon"):
        stack.job_service.edit(TENANT, job.id, lambda _id, _now, old: replace(old or PLAIN, pool="moon"))
    with pytest.raises(Invalid, match="timeout"):
        stack.job_service.edit(TENANT, job.id, lambda _id, _now, old: replace(old or PLAIN, timeout_ms=HOUR_MS))


def test_the_api_names_field_and_remedy() -> None:
    api_bench = ApiBench()
    answer = api_bench.call("POST", "/jobs", JOB | {"pool": "moon"})
    assert answer.status == 422
    (problem,) = answer.json["errors"]
    assert problem["field"] == "pool"
    assert "fargate, lambda" in problem["remedy"]
    (problem,) = api_bench.call("POST", "/jobs", JOB | {"timeout": "1h"}).json["errors"]
    assert (problem["field"], "fargate" in problem["remedy"]) == ("timeout", True)
    made = api_bench.call("POST", "/jobs", JOB | {"timeout": "1h", "pool": "fargate"})
    assert (made.status, made.json["pool"], made.json["timeout"]) == (201, "fargate", "PT1H")
