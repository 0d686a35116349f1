"""The Fargate pool in an account: what it runs, what it may do, how it grows; off unless asked for."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.infra.test_permissions import FARGATE_QUEUES, LAMBDA_QUEUES, _resource, _statements
from tidewheel.domain.limits import DRAIN_MS, MINUTE_MS, SECOND_MS
from tidewheel.engine.worker.pool import ALIVE_MS, HAND_OVER_MS
from tidewheel.settings import WorkerSettings
from tidewheel.wiring import pool as wiring

ROOT = Path(__file__).parents[2]


def _only(part, kind):
    (resource,) = part.of(kind).values()
    return resource["Properties"]


def _container(part):
    (container,) = _only(part, "ECS::TaskDefinition")["ContainerDefinitions"]
    return container


def _granted(part, statements, as_text):
    listed = lambda value: value if isinstance(value, list) else [value]  # noqa: E731
    return {
        (action, _resource(resource, part, as_text))
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_without_being_asked_for_there_is_none(aws, local):
    for part in (aws.service, local.service):
        assert not [kind for kind in ("ECS::Cluster", "ECS::Service", "EC2::VPC") if part.of(kind)]


def test_nothing_is_found(fargate, fargate_in_a_vpc):
    assert fargate.findings == fargate_in_a_vpc.findings == []


def test_a_task_runs_the_worker_of_its_pool_with_what_it_needs_to_know(fargate, as_text):
    container = _container(fargate.service)
    given = wiring._read(container["Command"])
    assert (given.pool, given.concurrency) == ("fargate", 16)
    environ = {each["Name"]: as_text(each["Value"]) for each in container["Environment"]}
    found = WorkerSettings.from_env(environ)
    assert {route.pool for route in found.queues} == {"lambda", "fargate"}
    assert found.executions_table == "tidewheel-executions"


def test_it_has_the_longest_time_to_end_and_hands_over_within_it(fargate):
    stop_ms = _container(fargate.service)["StopTimeout"] * SECOND_MS
    assert stop_ms == 120_000
    assert stop_ms > DRAIN_MS + HAND_OVER_MS


def test_a_task_may_do_what_the_function_may_but_with_its_own_queues(fargate, fargate_in_a_vpc, as_text):
    for done in (fargate, fargate_in_a_vpc):
        part = done.service
        task = _granted(part, _statements(part, _only(part, "ECS::TaskDefinition")["TaskRoleArn"]), as_text)
        function = _granted(part, _statements(part, part.function("worker")["Role"]), as_text)
        swapped = dict(zip(LAMBDA_QUEUES, FARGATE_QUEUES, strict=True))
        sends_to_all = {("sqs:SendMessage", queue) for queue in FARGATE_QUEUES} <= function  # in economy mode
        expected = {
            (action, resource if action == "sqs:SendMessage" and sends_to_all else swapped.get(resource, resource))
            for action, resource in function
            if not action.startswith("logs:")  # a task's lines are written for it, by the other role
        }
        (own,) = {resource for action, resource in task if action.startswith("ecs:")}
        assert re.fullmatch(r"arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/<FargateCluster\w+>/\*", own)
        assert task == expected | {(f"ecs:{action}TaskProtection", own) for action in ("Get", "Update")}


def test_most_tasks_are_spot_and_a_failed_deployment_goes_back(fargate):
    service = _only(fargate.service, "ECS::Service")
    weights = {each["CapacityProvider"]: each["Weight"] for each in service["CapacityProviderStrategy"]}
    assert weights == {"FARGATE": 1, "FARGATE_SPOT": 3}
    assert {each["CapacityProvider"]: each.get("Base", 0) for each in service["CapacityProviderStrategy"]} == {
        "FARGATE": 1,
        "FARGATE_SPOT": 0,
    }
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    ((id, association),) = fargate.service.of("ECS::ClusterCapacityProviderAssociations").items()
    assert set(association["Properties"]["CapacityProviders"]) == set(weights)
    (resource,) = fargate.service.of("ECS::Service").values()
    assert id in resource["DependsOn"]


def test_a_task_whose_worker_stands_still_is_replaced(fargate):
    container = _container(fargate.service)
    named = {each["Name"]: each["Value"] for each in container["Environment"]}["TIDEWHEEL_ALIVE_FILE"]
    check = container["HealthCheck"]
    assert check["Command"] == ["CMD-SHELL", f'test -n "$(find {named} -mmin -2)"']
    assert (check["Interval"], check["Timeout"], check["Retries"], check["StartPeriod"]) == (30, 10, 3, 60)
    assert 2 * MINUTE_MS > 2 * ALIVE_MS


def test_a_worker_touches_the_file_of_the_check_and_the_check_reads_its_age(fargate, tmp_path):
    shell = _container(fargate.service)["HealthCheck"]["Command"][1]
    file = tmp_path / "alive"
    shell = shell.replace("/tmp/tidewheel-alive", str(file))

    def check():
        return subprocess.run(["sh", "-c", shell], check=False).returncode

    assert check() != 0
    wiring._alive({"TIDEWHEEL_ALIVE_FILE": str(file)})()
    assert check() == 0
    os.utime(file, (0, 0))
    assert check() != 0


def test_it_grows_with_the_messages_that_wait_or_are_in_flight_for_each_task(fargate, fargate_in_a_vpc, as_text):
    target = _only(fargate.service, "ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 20)
    target = _only(fargate_in_a_vpc.service, "ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (12, 12)
    policy = _only(fargate.service, "ApplicationAutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert tracking["TargetValue"] == 16
    metrics = tracking["CustomizedMetricSpecification"]["Metrics"]
    names = [each["MetricStat"]["Metric"]["MetricName"] for each in metrics if "MetricStat" in each]
    assert sorted(names) == [
        *["ApproximateNumberOfMessagesNotVisible"] * 4,
        *["ApproximateNumberOfMessagesVisible"] * 4,
        "RunningTaskCount",
    ]
    assert len(names) <= 10  # CloudWatch, "Limits that apply to alarms based on metric math expressions"
    queues = [
        as_text(each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0])
        for each in metrics
        if "MetricStat" in each and each["MetricStat"]["Metric"]["Namespace"] == "AWS/SQS"
    ]
    assert sorted(f"<{queue}>" for queue in queues) == sorted([*FARGATE_QUEUES, *FARGATE_QUEUES])
    (formula,) = (each for each in metrics if "Expression" in each)
    messages = " + ".join(f"FILL(waiting{number}, 0) + FILL(held{number}, 0)" for number in range(4))
    assert formula["Expression"] == f"({messages}) / IF(FILL(tasks, 0) > 0, tasks, 1)"
    assert formula["ReturnData"] is True


def test_nobody_can_connect_to_a_task(fargate):
    for group in fargate.service.of("EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group["Properties"]
    assert not fargate.service.of("EC2::SecurityGroupIngress")
    assert not fargate.service.of("EC2::NatGateway")
    network = _only(fargate.service, "ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"  # its subnets are public, and have no other way out


def test_a_vpc_that_is_given_is_used_and_none_is_made(fargate_in_a_vpc):
    part = fargate_in_a_vpc.service
    assert not part.of("EC2::VPC")
    network = _only(part, "ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["Subnets"] == ["subnet-0123456789abcdef0", "subnet-1123456789abcdef0"]
    assert network["AssignPublicIp"] == "DISABLED"
    (group,) = part.of("EC2::SecurityGroup").values()
    assert group["Properties"]["VpcId"] == "vpc-0123456789abcdef0"


def test_the_image_is_made_of_what_its_recipe_names_and_of_nothing_else(fargate):
    (context,) = (file.parent.parent for file in fargate.folder.glob("asset.*/infra/Dockerfile"))
    recipe = (context / "infra" / "Dockerfile").read_text()
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (?!--from)(.*)$", recipe, re.MULTILINE)]
    sources = {source.removeprefix("./") for line in copied for source in line}
    assert {file.name for file in context.iterdir()} == sources | {"infra"}
    assert [file.name for file in (context / "infra").iterdir()] == ["Dockerfile"]
    assert (context / "shared" / "tidewheel" / "wiring" / "pool.py").is_file()
    assert not list(context.rglob("__pycache__"))


def test_the_image_runs_the_command_and_is_installed_by_the_same_uv():
    recipe = (ROOT / "infra" / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["/app/.venv/bin/tidewheel", "worker"]' in recipe
    pinned = re.search(r"^UV_VERSION := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"uv=={pinned[1]}" in recipe
