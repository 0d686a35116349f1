"""Plans as data: what a deployment may write, and whose limits win."""

from __future__ import annotations

import pytest

from tidewheel.domain.limits import MAX_JOB_BYTES
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.quotas.plans import PLANS, limits_of, parse_plans

DAY = Limit.EXECUTIONS_PER_DAY


def test_the_plans_that_every_deployment_has() -> None:
    days = {name: limits_of({}, name, {}).get(DAY) for name in PLANS}
    assert days == {"default": None, "free": 100, "pro": 10_000, "enterprise": None}


def test_a_deployments_plan_outranks_one_of_the_same_name_and_a_tenants_own_limits_outrank_both() -> None:
    plans = parse_plans({"free": {"executions_per_day": 5, "payload_bytes": 2}, "team": {}})
    assert limits_of(plans, "free", {}) == {DAY: 5, Limit.PAYLOAD_BYTES: 2}
    assert limits_of(plans, "free", {"payload_bytes": 0, "of another release": 1}, 2.5) == {
        DAY: 5,
        Limit.PAYLOAD_BYTES: 0,
        Limit.DOLLARS_PER_MONTH: 2.5,
    }
    assert limits_of(plans, "team", {}) == {}
    assert limits_of(plans, "pro", {}) == PLANS["pro"]
    assert limits_of(plans, "gone", {}) == {}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "must be an object"),
        ({"": {}}, "names the plan ''"),
        ({"a b": {}}, "names the plan 'a b'"),
        ({"a": 1}, "no object of limits"),
        ({"a": {"days": 1}}, "the limit 'days', which is none of active_jobs, dollars_per_month, executions_per_day"),
        ({"a": {"executions_per_day": -1}}, "executions_per_day -1, which is not a whole number from 0"),
        ({"a": {"executions_per_day": 1.5}}, "not a whole number"),
        ({"a": {"executions_per_day": True}}, "not a whole number"),
        ({"a": {"executions_per_day": None}}, "not a whole number"),
        ({"a": {"dollars_per_month": float("nan")}}, "not a number"),
        ({"a": {"payload_bytes": MAX_JOB_BYTES + 1}}, f"from 0 to {MAX_JOB_BYTES}"),
    ],
)
def test_a_plan_that_is_malformed_is_named(document, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_plans(document)


def test_dollars_and_rates_may_have_fractions() -> None:
    plans = parse_plans({"a": {"dollars_per_month": 0.5, "requests_per_second": 2.5}})
    assert plans["a"] == {Limit.DOLLARS_PER_MONTH: 0.5, Limit.REQUESTS_PER_SECOND: 2.5}
