import platform
import sys
from dataclasses import fields

import pytest

from infra.assets import HOST
from tidewheel import names, settings
from tidewheel.domain import limits
from tidewheel.domain.wheel.pace import ECONOMY

READS = {
    "api": settings.ApiSettings,
    "authorizer": settings.AuthorizerSettings,
    "worker": settings.WorkerSettings,
    "scheduler": settings.SchedulerSettings,
    "watchdog": settings.WatchdogSettings,
    "reconciler": settings.ReconcilerSettings,
    "dead_letter_handler": settings.DeadLetterHandlerSettings,
}
LONG_RUNNING = ("api", "authorizer", "reconciler", "scheduler", "dead_letter_handler", "watchdog", "worker")


def _roles(part):
    found = part.properties("Lambda::Function", "FunctionName")
    return {name.removeprefix("tidewheel-"): properties for name, properties in found.items()}


def test_the_sample_target_is_deployed_on_a_laptop_alone(aws, local):
    assert set(_roles(aws.service)) == set(LONG_RUNNING)
    assert set(_roles(local.service)) == set(names.Function)


def test_each_has_its_own_handler_role_and_log_group(either, as_text):
    functions = _roles(either.service)
    assert {role: each["Handler"] for role, each in functions.items()} == {
        role: f"functions.{role}.handler.handler" for role in functions
    }
    assert len({as_text(each["Role"]) for each in functions.values()}) == len(functions)
    logs = either.service.of("Logs::LogGroup")
    for role, each in functions.items():
        group = logs[each["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
        assert group == {"LogGroupName": f"/aws/lambda/tidewheel-{role}", "RetentionInDays": 30}


def test_no_role_holds_a_managed_policy(either):
    assert not [id for id, role in either.service.of("IAM::Role").items() if "ManagedPolicyArns" in role["Properties"]]


def test_an_account_runs_the_python_of_the_tests_on_arm(aws):
    for each in _roles(aws.service).values():
        assert (each["Runtime"], each["Architectures"]) == (f"python{HOST.python}", ["arm64"])


def test_a_laptop_runs_its_own_interpreter(local):
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for each in _roles(local.service).values():
        assert (each["Runtime"], each["Architectures"]) == (runtime, [machine])


def test_a_noisy_account_cannot_stop_the_wheel(aws, economy, synthesise):
    reserved = {role: each.get("ReservedConcurrentExecutions") for role, each in _roles(aws.service).items()}
    assert reserved == dict.fromkeys(LONG_RUNNING) | {"worker": 150, "scheduler": 6, "watchdog": 2}
    assert economy.service.function("scheduler")["ReservedConcurrentExecutions"] == 2
    other = synthesise(schedulers="3", reserved_api="20", reserved_watchdog="0").service
    assert other.function("scheduler")["ReservedConcurrentExecutions"] == 8
    assert other.function("api")["ReservedConcurrentExecutions"] == 20
    assert "ReservedConcurrentExecutions" not in other.function("watchdog")


def test_only_the_loops_that_are_meant_may_loop(either):
    loops = {role: each["RecursiveLoop"] for role, each in _roles(either.service).items() if role != "echo"}
    assert {role for role, loop in loops.items() if loop == "Allow"} == {"scheduler", "dead_letter_handler", "worker"}
    assert set(loops.values()) == {"Allow", "Terminate"}


def test_the_scheduler_runs_as_long_as_lambda_allows(either):
    scheduler = either.service.function("scheduler")
    assert (scheduler["Timeout"], scheduler["MemorySize"]) == (900, 1024)


def test_the_api_answers_before_the_gateway_gives_up(either):
    assert either.service.function("api")["Timeout"] < 29


def test_what_is_invoked_asynchronously_is_tried_once_and_not_late(either, as_text):
    found = either.service.properties("Lambda::EventInvokeConfig", "FunctionName")
    assert len(found) == 3
    assert {name.strip("<").split("Function")[0] for name in found} == {"Scheduler", "Watchdog", "Reconciler"}
    for config in found.values():
        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)
        assert config["Qualifier"] == "$LATEST"


def test_the_watchdog_is_woken_every_minute_and_the_reconciler_every_five(either, as_text):
    woken = {}
    for rule in (each["Properties"] for each in either.service.of("Events::Rule").values()):
        (target,) = rule["Targets"]
        assert rule["State"] == "ENABLED"
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
        woken[as_text(target["Arn"]).strip("<").split("Function")[0]] = rule["ScheduleExpression"]
    assert woken == {"Watchdog": "rate(1 minute)", "Reconciler": "rate(5 minutes)"}


def test_a_run_of_the_reconciler_is_over_before_lambda_ends_it_and_before_the_next(either):
    timeout_ms = either.service.function("reconciler")["Timeout"] * 1_000
    assert limits.RECONCILE_RUN_MS + 30_000 < timeout_ms < limits.RECONCILE_EVERY_MS


@pytest.mark.parametrize("role", READS)
def test_each_finds_in_its_environment_what_it_needs_and_nothing_else(either, role, as_text):
    variables = either.service.function(role)["Environment"]["Variables"]
    environ = {name: as_text(value) for name, value in variables.items()}
    found = READS[role].from_env(environ)
    assert set(environ) == {names.Env[field.name.upper()] for field in fields(READS[role])}
    for table in (field.name for field in fields(found) if field.name.endswith("_table")):
        assert getattr(found, table) == f"tidewheel-{table.removesuffix('_table')}"


@pytest.mark.parametrize("role", ["api", "worker", "scheduler", "reconciler", "dead_letter_handler"])
def test_each_route_has_its_queue_and_the_wheel_its_shards(either, role, as_text):
    variables = either.service.function(role)["Environment"]["Variables"]
    found = READS[role].from_env({name: as_text(value) for name, value in variables.items()})
    assert found.queues == {
        route: f"<Queue{route.pool.capitalize()}{route.priority.capitalize()}>" for route in names.ROUTES
    }
    assert found.shards == (4 if either.local else 16)
    assert getattr(found, "schedulers", 2) == 2


def test_scheduler_and_watchdog_agree_on_name_and_version(either, as_text):
    both = [either.service.function(role)["Environment"]["Variables"] for role in ("scheduler", "watchdog")]
    for variables in both:
        assert variables[names.Env.SCHEDULER_FUNCTION] == "tidewheel-scheduler"
        assert variables[names.Env.CODE_VERSION] == f"digest-of-scheduler-{4 if either.local else 16}-loop"


def test_outputs_have_the_names_that_others_read(aws, local):
    common = {names.Output.API_URL, names.Output.MINUTE_FUNCTION, "ApiId"}
    account = {names.Output.ON_CALL_TOPIC_ARN, "WorkerRoleFargate"}  # a pool that other machines work
    assert set(aws.service.template["Outputs"]) == common | account
    assert set(local.service.template["Outputs"]) == common | {names.Output.ECHO_FUNCTION_ARN}
    watchdog = local.service.template["Outputs"][names.Output.MINUTE_FUNCTION]
    assert watchdog["Value"] == "tidewheel-watchdog"


# --- economy mode -------------------------------------------------------------------------------------------


def test_in_economy_mode_nobody_watches_and_every_minute_runs_the_scheduler_once(economy, as_text):
    assert set(_roles(economy.service)) == set(LONG_RUNNING) - {"watchdog"}
    rules = economy.service.properties("Events::Rule", "ScheduleExpression")
    (target,) = rules["rate(1 minute)"]["Targets"]
    assert len(rules) == 2  # the reconciler's is the other
    assert as_text(target["Arn"]).startswith("<SchedulerFunction")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    for invoked in economy.service.properties("Lambda::EventInvokeConfig", "FunctionName").values():
        assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (0, 60)


def test_in_economy_mode_the_scheduler_is_small_short_and_no_loop(economy):
    scheduler = economy.service.function("scheduler")
    assert (scheduler["Timeout"], scheduler["MemorySize"], scheduler["RecursiveLoop"]) == (60, 512, "Terminate")


def test_in_economy_mode_all_that_write_or_turn_know_it(economy, as_text):
    for role in ("api", "worker", "scheduler"):
        variables = economy.service.function(role)["Environment"]["Variables"]
        found = READS[role].from_env({name: as_text(value) for name, value in variables.items()})
        assert (found.pace, found.shards) == (ECONOMY, 2)
    assert variables[names.Env.CODE_VERSION] == "digest-of-scheduler-2-economy"  # the loops of before yield at once


def test_in_economy_mode_no_watchdog_is_named_and_nothing_is_found(economy):
    outputs = {names.Output.API_URL, names.Output.MINUTE_FUNCTION, names.Output.ON_CALL_TOPIC_ARN, "ApiId"}
    assert set(economy.service.template["Outputs"]) == outputs | {"WorkerRoleFargate"}
    assert economy.findings == []
