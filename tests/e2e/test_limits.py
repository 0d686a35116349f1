"""A tenant at its limits on the deployed stack: eight clients at once, and every run accounted for."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from secrets import token_bytes

import httpx
import pytest

from localstack.receiver import Reply
from tests.support.polling import until
from tidewheel.adapters.aws.dynamodb.access.api_keys import DynamoApiKeys
from tidewheel.adapters.aws.dynamodb.access.tenants import DynamoTenants
from tidewheel.client import ApiError, Client
from tidewheel.domain.access.api_key import ApiKey, ApiToken
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.quotas.limit import REQUESTS_OVER_MS
from tidewheel.names import DEFAULT_DEPLOYMENT, Table, physical

CLIENTS = 8
QUOTA, RUNS = 20, 48
RATE = 4
WINDOW_S = REQUESTS_OVER_MS // 1_000
REQUESTS = 30


@pytest.fixture
def tenant_with(stack, clock):
    """Makes a tenant with limits of its own, and a client that is signed in for it."""
    dynamodb, table = stack.client("dynamodb"), physical(DEFAULT_DEPLOYMENT, Table.ACCESS)

    @contextmanager
    def made(name: str, **limits: int):
        now_ms, token = clock.now_ms(), ApiToken.made(token_bytes(42))
        tenant = Tenant(name, limits=limits, version=1, created_ms=now_ms, updated_ms=now_ms)
        assert DynamoTenants(dynamodb, table).swap(tenant) is None
        key = ApiKey(token.id, name, "e2e", token.digest, Role.ADMIN, created_ms=now_ms, version=1)
        assert DynamoApiKeys(dynamodb, table).swap(key) is None
        with Client(stack.outputs.api_url, str(token), timeout=120) as client:
            yield client, str(token)

    return made


def test_of_the_runs_of_a_day_as_many_start_as_the_quota_allows_and_the_rest_is_blocked(
    tenant_with, new_target, record_property
):
    target = new_target()
    with tenant_with("metered", executions_per_day=QUOTA) as (client, _):
        body = {"name": "now", "target": target.spec(), "pool": "lambda"}
        with ThreadPoolExecutor(CLIENTS) as threads:
            jobs = list(threads.map(lambda _: client.create_job(body).id, range(RUNS)))
        found: list[object] = []

        def ended():
            found[:] = [one for job in jobs for one in client.executions(job) if one.finished_at is not None]
            return len(found) == RUNS

        until(ended, f"{RUNS} ended executions", within_s=120, progress=lambda: len(found))
        states = Counter(one.state for one in found)
        reasons = {one.reason.split(" used")[0] for one in found if one.state == "blocked"}
        usage = {one.limit: one for one in client.usage().limits}["executions_per_day"]
    figures = f"{RUNS} runs by {CLIENTS} clients at a quota of {QUOTA}: {dict(states)}, {usage.used:g} leased"
    print(figures)  # noqa: T201
    record_property("quota", figures)
    assert states == {"succeeded": QUOTA, "blocked": RUNS - QUOTA}
    assert len(target.arrivals()) == QUOTA
    assert reasons == {f"quota: executions_per_day, {QUOTA} of {QUOTA}"}
    assert (usage.used, usage.allowed) == (QUOTA, QUOTA)


def test_requests_beyond_the_rate_are_told_when_to_come_again(stack, tenant_with, record_property):
    with tenant_with("hurried", requests_per_second=RATE) as (_client, token):
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{stack.outputs.api_url}/v1"
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http, ThreadPoolExecutor(CLIENTS) as threads:
            answers = list(threads.map(lambda _: http.get("/jobs"), range(CLIENTS * REQUESTS)))
    statuses = Counter(answer.status_code for answer in answers)
    refused = [answer for answer in answers if answer.status_code == httpx.codes.TOO_MANY_REQUESTS]
    resets = {answer.json()["limit"]["reset_at"] for answer in refused}
    figures = (
        f"{len(answers)} requests by {CLIENTS} clients at {RATE} a second: {dict(statuses)}, {len(resets)} windows"
    )
    print(figures)  # noqa: T201
    record_property("rate", figures)
    assert set(statuses) == {200, 429}
    assert statuses[200] <= RATE * WINDOW_S * (len(resets) + 1)
    for answer in refused:
        assert 0 <= int(answer.headers["Retry-After"]) <= WINDOW_S
        assert answer.headers["RateLimit-Policy"] == f'"requests_per_second";q={RATE * WINDOW_S};w={WINDOW_S}'
        assert answer.json()["type"] == "urn:tidewheel:problem:limited"


MOST_ACTIVE, JOBS = 12, 40
HOURLY = {"name": "hourly", "schedule": {"every": "1h"}, "pool": "lambda"}


def test_of_eight_clients_that_create_jobs_as_many_get_in_as_may_be_active(tenant_with, new_target, record_property):
    target = new_target()
    with tenant_with("crowded", active_jobs=MOST_ACTIVE) as (client, _):
        body, refusals = {**HOURLY, "target": target.spec()}, []

        def create(_number: int) -> str | None:
            try:
                return client.create_job(body).id
            except ApiError as error:
                refusals.append((error.status, error.problem.limit.name, error.problem.limit.allowed))
                return None

        with ThreadPoolExecutor(CLIENTS) as threads:
            made = [id for id in threads.map(create, range(JOBS)) if id]
        listed = sum(1 for _ in client.jobs(state="active"))
        used = {one.limit: one.used for one in client.usage().limits}["active_jobs"]
        client.pause_job(made[0])
        again = create(0)
        over = create(0)
    figures = f"{JOBS} jobs by {CLIENTS} clients at a limit of {MOST_ACTIVE}: {len(made)} made, {used:g} counted"
    print(figures)  # noqa: T201
    record_property("active", figures)
    assert len(made) == listed == used == MOST_ACTIVE
    assert again is not None
    assert over is None
    assert refusals == [(429, "active_jobs", MOST_ACTIVE)] * (JOBS - MOST_ACTIVE + 1)


AT_ONCE, HELD = 2, 8
LASTS_S = 3


def test_as_many_run_at_once_as_the_plan_says_and_the_others_have_a_place_in_line(
    tenant_with, new_target, record_property
):
    target = new_target(Reply(delay_ms=LASTS_S * 1_000))
    with tenant_with("narrow", running_at_once=AT_ONCE) as (client, _):
        body = {"name": "slow", "target": target.spec(), "pool": "lambda"}
        with ThreadPoolExecutor(CLIENTS) as threads:
            jobs = list(threads.map(lambda _: client.create_job(body).id, range(HELD)))
        seen: list[object] = []

        def waits():
            runs = [one for job in jobs for one in client.executions(job)]
            found = [client.execution(one.id).waiting for one in runs if one.finished_at is None]
            seen[:] = [one for one in found if one is not None]
            return bool(seen)

        def ended():
            return sum(one.finished_at is not None for job in jobs for one in client.executions(job)) == HELD

        until(waits, "a run that waits in line", within_s=60)
        until(ended, f"{HELD} ended executions", within_s=180)
        runs = [one for job in jobs for one in client.executions(job)]
    spans = [(one.started_at, 1) for one in runs] + [(one.finished_at, -1) for one in runs]
    running = most = 0
    for _, step in sorted(spans):
        running += step
        most = max(most, running)
    figures = f"{HELD} runs of {LASTS_S} s at {AT_ONCE} at once: at most {most} ran, {len(seen)} were seen in line"
    print(figures)  # noqa: T201
    record_property("running", figures)
    assert {one.state for one in runs} == {"succeeded"}
    assert most == AT_ONCE
    assert {(one.limit, one.limited_by) for one in seen} == {(AT_ONCE, "running_at_once")}
