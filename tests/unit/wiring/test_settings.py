"""Settings: complete at the start, or an error by the variable's name."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from ipaddress import ip_network

import pytest

from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.names import Env
from tidewheel.settings import (
    ApiSettings,
    AuthorizerSettings,
    DeadLetterHandlerSettings,
    ReconcilerSettings,
    SchedulerSettings,
    SettingsError,
    WatchdogSettings,
    WorkerSettings,
)

EVERYTHING = {
    Env.JOBS_TABLE: "t-jobs",
    Env.WHEEL_TABLE: "t-wheel",
    Env.EXECUTIONS_TABLE: "t-executions",
    Env.CONTROL_TABLE: "t-control",
    Env.ACCESS_TABLE: "t-access",
    Env.SIGN_IN: "function",
    Env.ISSUERS: "[]",
    Env.AUDIT_TABLE: "t-audit",
    Env.LOGS_BUCKET: "t-logs",
    Env.QUEUES: json.dumps({str(route): f"https://sqs/1/t-{route}" for route in ROUTES}),
    Env.SHARDS: "16",
    Env.PACE: "economy",
    Env.CIRCUIT_FAILURES: "0",
    Env.CIRCUIT_OPEN: "600",
    Env.TENANT_CONCURRENCY: '{"*": 50, "acme": 5}',
    Env.PLANS: '{"free": {"executions_per_day": 5}}',
    Env.LEAST_LOG: "2048",
    Env.WRITES_TOGETHER: "25",
    Env.ALLOW_KINDS: '{"*": ["python"], "on-site": ["command", "sql"]}',
    Env.SCHEDULER_FUNCTION: "t-scheduler",
    Env.CODE_VERSION: "abc",
    Env.SCHEDULERS: "2",
    Env.DEPLOYMENT: "t",
    Env.LEAN_TRANSPORT: "true",
    Env.ALLOWED_NETWORKS: "10.0.0.0/8, fd00::/8",
}
CLASSES = [
    ApiSettings,
    AuthorizerSettings,
    DeadLetterHandlerSettings,
    ReconcilerSettings,
    SchedulerSettings,
    WatchdogSettings,
    WorkerSettings,
]
Kind = type[
    ApiSettings
    | AuthorizerSettings
    | DeadLetterHandlerSettings
    | ReconcilerSettings
    | SchedulerSettings
    | WatchdogSettings
    | WorkerSettings
]


URLS = {route: f"https://sqs/1/t-{route}" for route in ROUTES}
KINDS = {"*": frozenset({"python"}), "on-site": frozenset({"command", "sql"})}
PLANS = {"free": {"executions_per_day": 5}}
STORES = ("t-jobs", "t-wheel", "t-executions", "t-control", URLS, 16, "t", True)


def environ(**changes: str) -> dict[str, str]:
    return {str(name): value for name, value in EVERYTHING.items()} | changes


def test_what_the_api_needs() -> None:
    expected = ApiSettings(*STORES, ECONOMY, "t-logs", KINDS, "t-access", PLANS, "function", "t-audit")
    assert ApiSettings.from_env(environ()) == expected


def test_what_the_reconciler_and_the_dead_letter_handler_need() -> None:
    assert ReconcilerSettings.from_env(environ()) == ReconcilerSettings(*STORES)
    assert DeadLetterHandlerSettings.from_env(environ()) == DeadLetterHandlerSettings(*STORES, ECONOMY)


def test_what_the_workers_need() -> None:
    read = WorkerSettings.from_env(environ())
    assert (read.executions_table, read.deployment) == ("t-executions", "t")
    assert read.allowed_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert WorkerSettings.from_env(environ(**{Env.ALLOWED_NETWORKS: "none"})).allowed_networks == ()


@pytest.mark.parametrize("value", ["10.0.0.1/8", "all", "10.0.0.0/8,", "10.0.0.0/8 fd00::/8", "none,none"])
def test_networks_are_cidrs(value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{Env.ALLOWED_NETWORKS} must be a list of networks"):
        WorkerSettings.from_env(environ(**{Env.ALLOWED_NETWORKS: value}))


def test_what_the_workers_need_beside_that() -> None:
    read = WorkerSettings.from_env(environ())
    assert (read.least_log, read.writes_together) == (2048, 25)
    assert (read.circuit_failures, read.circuit_open, read.tenant_concurrency) == (0, 600, {"*": 50, "acme": 5})


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        (Env.CIRCUIT_FAILURES, "-1", "0 or more"),
        (Env.CIRCUIT_OPEN, "0", "1 or more"),
        (Env.WRITES_TOGETHER, "0", "1 or more"),
        (Env.LEAN_TRANSPORT, "yes", "true or false"),
        (Env.TENANT_CONCURRENCY, "50", "JSON object"),
        (Env.TENANT_CONCURRENCY, "{", "JSON object"),
        (Env.TENANT_CONCURRENCY, '{"acme": 0}', "1 to 1000"),
        (Env.TENANT_CONCURRENCY, '{"acme": 1001}', "1 to 1000"),
        (Env.TENANT_CONCURRENCY, '{"acme": true}', "1 to 1000"),
        (Env.TENANT_CONCURRENCY, '{"acme": "5"}', "1 to 1000"),
        (Env.TENANT_CONCURRENCY, '{"Acme Inc": 5}', "no tenant"),
        (Env.ALLOW_KINDS, "command", "JSON object"),
        (Env.ALLOW_KINDS, '["command"]', "JSON object"),
        (Env.ALLOW_KINDS, '{"fargate": "command"}', "no list of kinds"),
        (Env.ALLOW_KINDS, '{"fargate": [1]}', "no list of kinds"),
    ],
)
def test_who_may_begin_is_checked(variable: Env, value: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        WorkerSettings.from_env(environ(**{variable: value}))
    assert caught.value.variable == variable


def test_what_the_scheduler_needs() -> None:
    read = SchedulerSettings.from_env(environ())
    assert (read.control_table, read.shards, read.scheduler_function) == ("t-control", 16, "t-scheduler")
    assert read.queues[Route("lambda", "critical")] == "https://sqs/1/t-lambda-critical"
    assert (read.access_table, read.plans, read.tenant_concurrency) == ("t-access", PLANS, {"*": 50, "acme": 5})


def test_what_the_watchdog_needs() -> None:
    assert WatchdogSettings.from_env(environ()) == WatchdogSettings("t-control", "t-scheduler", "abc", 2, "t")


@pytest.mark.parametrize(("kind", "name"), [(kind, field.name.upper()) for kind in CLASSES for field in fields(kind)])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_or_empty_is_named(kind: Kind, name: str, value: str | None) -> None:
    variable = Env[name]
    given = environ()
    del given[variable]
    if value is not None:
        given[variable] = value
    with pytest.raises(SettingsError, match=f"^{variable} is not set$") as raised:
        kind.from_env(given)
    assert raised.value.variable == variable


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_else_is_asked_for(
    kind: Kind,
) -> None:
    own = {Env[field.name.upper()] for field in fields(kind)}
    assert kind.from_env({name: value for name, value in environ().items() if name in own})


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "four", " 4", "0x10"])
def test_shards_are_a_whole_number_of_one_or_more(value: str) -> None:
    with pytest.raises(SettingsError, match=Env.SHARDS):
        ReconcilerSettings.from_env(environ(**{Env.SHARDS: value}))


@pytest.mark.parametrize("value", ["{", "[]", "null", "7", '"x"', "{}", '{"nodash": "u"}'])
def test_queues_are_urls_by_route(value: str) -> None:
    with pytest.raises(SettingsError, match=Env.QUEUES):
        ReconcilerSettings.from_env(environ(**{Env.QUEUES: value}))


def test_settings_are_frozen() -> None:
    read = WatchdogSettings.from_env(environ())
    with pytest.raises(FrozenInstanceError):
        read.code_version = "other"  # type: ignore[misc]
