"""How a pool's worker finds its deployment, what it says when it cannot, and that a signal reaches its loop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tests.support.run_settings import WORKER_ENVIRONMENT as ENVIRONMENT
from tests.support.tables import make_queues, make_tables
from tidewheel.adapters.aws import clients
from tidewheel.adapters.memory import RecordingTelemetry
from tidewheel.names import Env
from tidewheel.settings import WorkerSettings
from tidewheel.wiring import pool as wiring

TOLD = ["--pool", "fargate", "--concurrency", "3"]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What the Lambda service answers."""
    client = boto3.client("lambda", region_name="us-east-1")
    with Stubber(client) as stub:
        monkeypatch.setattr(clients, "functions", lambda: client)
        yield stub


@pytest.fixture
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def answers(stub: Stubber, variables: dict[str, Any], function: str = "tidewheel-worker") -> None:
    document = {"Environment": {"Variables": variables}}
    stub.add_response("get_function_configuration", document, {"FunctionName": function})


def test_its_settings_are_those_of_the_deployments_worker(deployed: Stubber) -> None:
    answers(deployed, dict(ENVIRONMENT), "mine-worker")
    assert wiring.settings_of("mine", {}) == WorkerSettings.from_env(ENVIRONMENT)
    deployed.assert_no_pending_responses()


def test_where_the_environment_says_everything_nobody_is_asked(deployed: Stubber) -> None:
    assert wiring.settings_of("mine", ENVIRONMENT) == WorkerSettings.from_env(ENVIRONMENT)


def test_a_deployment_that_is_not_there_is_named_with_what_to_check(
    deployed: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.add_client_error("get_function_configuration", "ResourceNotFoundException", "no such function")
    assert wiring.main([*TOLD, "--deployment", "moon"]) == wiring.MISUSED
    said = capsys.readouterr().err
    assert "No deployment moon can be seen" in said
    assert "--deployment" in said
    assert said.count("\n") == 1


def test_a_missing_region_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert wiring.main(TOLD) == wiring.MISUSED
    assert "region" in capsys.readouterr().err


def test_a_deployment_of_another_version_is_said_with_the_variable(deployed: Stubber) -> None:
    answers(deployed, {name: value for name, value in ENVIRONMENT.items() if name != Env.PACE})
    with pytest.raises(wiring.Misused, match=r"another version: TIDEWHEEL_PACE is not set\.$"):
        wiring.settings_of("tidewheel", {})


def test_a_module_with_tasks_that_cannot_be_imported_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert wiring.main([*TOLD, "--import", "no_such_tasks"]) == wiring.MISUSED
    said = capsys.readouterr().err
    assert said.startswith("tidewheel worker: the task module 'no_such_tasks' cannot be imported")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("text", "named"), [(None, []), ("", []), ("a", ["a"]), (" a.b, ,c ", ["a.b", "c"])])
def test_modules_with_tasks_are_those_of_both(text: str | None, named: list[str]) -> None:
    environ = {} if text is None else {"TIDEWHEEL_TASK_MODULES": text}
    assert wiring.modules_of(["x", "y"], environ) == ["x", "y", *named]


@pytest.fixture
def cloud() -> Iterator[WorkerSettings]:
    """Tables and queues that answer."""
    with mock_aws():
        tables, urls = make_tables(boto3.client("dynamodb")), make_queues(boto3.client("sqs"))
        yield WorkerSettings.from_env(
            {
                **ENVIRONMENT,
                **{Env[f"{name.upper()}_TABLE"]: getattr(tables, name) for name in ("jobs", "wheel", "executions")},
                Env.CONTROL_TABLE: tables.control,
                Env.QUEUES: json.dumps({str(route): url for route, url in urls.items()}),
            }
        )


@pytest.mark.parametrize("name", ["moon", "lambda"])
def test_a_pool_that_workers_cannot_work_is_refused_with_those_they_can(cloud: WorkerSettings, name: str) -> None:
    with pytest.raises(wiring.Misused, match=f"--pool {name}: .* are fargate"):
        wiring.pool_of(name, 1, 0, cloud, RecordingTelemetry())


def test_a_queue_that_does_not_answer_is_named(cloud: WorkerSettings) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=next(url for url in cloud.queues.values() if url.endswith("fargate-low")))
    with pytest.raises(wiring.Misused, match="fargate-low"):
        wiring.pool_of("fargate", 1, 0, cloud, RecordingTelemetry())


def test_a_pool_that_is_whole_works_until_it_is_stopped(cloud: WorkerSettings) -> None:
    telemetry = RecordingTelemetry()
    pool = wiring.pool_of("fargate", 2, 0, cloud, telemetry)
    pool.stop()
    assert pool.run()
    assert [what for what, _ in telemetry.infos] == ["the worker drains", "the worker ends"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whole", [True, False])
def test_a_signal_stops_it_and_the_status_says_whether_all_was_handed_over(
    monkeypatch: pytest.MonkeyPatch, signals: None, number: signal.Signals, whole: bool
) -> None:
    class Loop:
        stopped = 0

        def stop(self) -> None:
            self.stopped += 1

        def run(self) -> bool:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            assert self.stopped == 2
            return whole

    given: list[Any] = []
    monkeypatch.setattr(wiring, "pool_of", lambda *values: (given.append(values), Loop())[1])
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert wiring.main([*TOLD, "--drain", "7"]) == (0 if whole else wiring.LEFT)
    assert given[0][:3] == ("fargate", 3, 7_000)
