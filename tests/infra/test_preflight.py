"""``make deploy``: what it finds in an account, what it says to do, and in which order it deploys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from infra.config import Config, Stage
from infra.deploy import deploy
from infra.preflight.account import Account
from infra.preflight.checks import Preflight
from infra.preflight.findings import Finding, Weight
from infra.preflight.taken import fixed_names

REGION = "eu-west-1"
GIVEN = {"target": "aws"}
ROLE = json.dumps({"Version": "2012-10-17", "Statement": []})


class Lab:
    """An account in which everything is as it should be, but for what a test changes."""

    def __init__(self) -> None:
        self.quota, self.unreserved = 1_000, 1_000
        self.reserved: dict[str, int] = {}
        self.gateway_role: str | None = None
        self.stacks: dict[str, tuple[str, bool]] = {}
        self.refused: set[str] = set()
        self.fails: Exception | None = None
        boto3.client("ssm", REGION).put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")
        boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=ROLE)

    def function(self, name: str) -> None:
        role = boto3.client("iam").get_role(RoleName="r")["Role"]["Arn"]
        boto3.client("lambda", REGION).create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": b"-"}
        )

    @property
    def account(self) -> Account:
        return Account(lambda service: _Client(self, service), REGION)

    def findings(self, importing: bool = False, **context: Any) -> list[Finding]:
        config = Config.from_context((GIVEN | context).get)
        return Preflight(config, self.account, importing=importing).run()

    def answers(self, service: str, call: str, **given: Any) -> Any:
        """What moto does not have, or cannot have otherwise."""
        match call:
            case "get_account_settings":
                limit = {"ConcurrentExecutions": self.quota, "UnreservedConcurrentExecutions": self.unreserved}
                return {"AccountLimit": limit}
            case "get_function_concurrency":
                return {"ReservedConcurrentExecutions": self.reserved.get(given["FunctionName"], 0)}
            case "get_account":
                return {"cloudwatchRoleArn": self.gateway_role} if self.gateway_role else {}
            case "describe_stacks":
                name = given["StackName"]
                if name not in self.stacks:
                    raise _error("ValidationError", f"Stack with id {name} does not exist", call)
                status, protected = self.stacks[name]
                return {"Stacks": [{"StackStatus": status, "EnableTerminationProtection": protected}]}
        return getattr(boto3.client(service, REGION), call)(**given)


class _Client:
    def __init__(self, lab: Lab, service: str) -> None:
        self._lab, self._service = lab, service

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def made(**given: Any) -> Any:
            if self._lab.fails is not None:
                raise self._lab.fails
            if call in self._lab.refused or self._service in self._lab.refused:
                raise _error("AccessDeniedException", "no", call)
            return self._lab.answers(self._service, call, **given)

        return made


def _error(code: str, text: str, call: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, call)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Lab()


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_an_account_that_has_everything(lab: Lab) -> None:
    assert lab.findings() == []


# --- quotas ---------------------------------------------------------------------------------------------------


def test_a_new_account_may_have_no_concurrency_to_reserve(lab: Lab) -> None:
    lab.quota = lab.unreserved = 10
    found = _only(lab.findings())
    assert found.weight is Weight.BLOCKS
    assert "158 concurrent executions are to be reserved" in found.what
    assert "248 are missing" in found.what
    assert "--desired-value 258" in found.remedy
    assert "reserved_worker=150" in found.remedy


def test_reserving_nothing_needs_no_quota(lab: Lab) -> None:
    lab.quota = lab.unreserved = 10
    assert lab.findings(reserved_worker=0, reserved_scheduler=0, reserved_watchdog=0) == []
    lab.quota = lab.unreserved = 120
    small = {f"batches_{priority}": 2 for priority in ("critical", "high", "normal", "low")}
    assert lab.findings(**small) == []  # 8 + 6 + 2


def test_a_hundred_must_stay_for_the_others(lab: Lab) -> None:
    lab.unreserved = 258
    assert lab.findings() == []
    lab.unreserved = 257
    assert "1 are missing" in _only(lab.findings()).what


def test_what_this_deployment_has_reserved_already_is_its_own(lab: Lab) -> None:
    lab.stacks = {"tidewheel-state": ("UPDATE_COMPLETE", True), "tidewheel-service": ("CREATE_COMPLETE", True)}
    lab.unreserved, lab.reserved = 100, {"tidewheel-worker": 150, "tidewheel-scheduler": 6, "tidewheel-watchdog": 2}
    assert lab.findings() == []
    assert lab.findings(batches_low=21)


# --- API Gateway, bootstrap -----------------------------------------------------------------------------------


def test_logs_of_the_gateway_need_the_accounts_role(lab: Lab) -> None:
    found = _only(lab.findings(api_logs="account-role"))
    assert found.weight is Weight.BLOCKS
    assert "api_logs=own-role" in found.remedy
    assert lab.findings(api_logs="own-role") == []
    lab.gateway_role = "arn:aws:iam::123456789012:role/theirs"
    assert lab.findings(api_logs="account-role") == []


def test_a_role_that_others_use_is_not_replaced_without_a_word(lab: Lab) -> None:
    lab.gateway_role = "arn:aws:iam::123456789012:role/theirs"
    found = _only(lab.findings(api_logs="own-role"))
    assert (found.weight, "role/theirs" in found.what) == (Weight.WARNS, True)


def test_without_the_cdks_bootstrap_nothing_goes(lab: Lab) -> None:
    boto3.client("ssm", REGION).delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    found = _only(lab.findings())
    assert found.weight is Weight.BLOCKS
    assert "cdk bootstrap" in found.remedy


# --- names and stacks -----------------------------------------------------------------------------------------


def _table(lab: Lab) -> None:
    boto3.client("dynamodb", REGION).create_table(
        TableName="tidewheel-jobs",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )


def _bucket(lab: Lab) -> None:
    boto3.client("s3", REGION).create_bucket(
        Bucket=f"tidewheel-logs-123456789012-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )


def _queue(lab: Lab) -> None:
    boto3.client("sqs", REGION).create_queue(QueueName="tidewheel-lambda-high")


def _group(lab: Lab) -> None:
    boto3.client("logs", REGION).create_log_group(logGroupName="/aws/lambda/tidewheel-api")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (_table, "a table tidewheel-jobs"),
        (_bucket, "a bucket tidewheel-logs-"),
        (_queue, "a queue tidewheel-lambda-high"),
        (lambda lab: lab.function("tidewheel-worker"), "a function tidewheel-worker"),
        (_group, "a log group /aws/lambda/tidewheel-api"),
        (lambda _: boto3.client("sns", REGION).create_topic(Name="tidewheel-on-call"), "a topic tidewheel-on-call"),
    ],
)
def test_a_name_that_is_taken_blocks_the_creation_but_not_an_update(
    lab: Lab, make: Callable[[Lab], None], what: str
) -> None:
    make(lab)
    found = _only(lab.findings())
    assert found.weight is Weight.BLOCKS
    assert what in found.what
    assert "recovery.md" in found.remedy
    assert lab.findings(deployment="other") == []
    lab.stacks = {"tidewheel-state": ("CREATE_COMPLETE", True), "tidewheel-service": ("UPDATE_COMPLETE", True)}
    assert lab.findings() == []


def test_the_cluster_is_looked_for_where_tasks_are_to_run(lab: Lab) -> None:
    boto3.client("ecs", REGION).create_cluster(clusterName="tidewheel-workers")
    assert lab.findings() == []
    assert "a cluster tidewheel-workers" in _only(lab.findings(fargate="true")).what


NAMES = {
    "DynamoDB::Table": ("table", "TableName"),
    "S3::Bucket": ("bucket", "BucketName"),
    "SQS::Queue": ("queue", "QueueName"),
    "Lambda::Function": ("function", "FunctionName"),
    "Logs::LogGroup": ("log group", "LogGroupName"),
    "SNS::Topic": ("topic", "TopicName"),
    "IAM::Role": ("role", "RoleName"),
    "ECS::Cluster": ("cluster", "ClusterName"),
}
"""Kinds of which two of one name cannot be. Others lie within one of these, or may be twice."""
HARMLESS = {"ApiGateway::RestApi", "ECS::Service", "ECS::TaskDefinition", "ApplicationAutoScaling::ScalingPolicy"} | {
    "CloudWatch::Alarm"  # goes with its stack, and is put again
}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"economy": "true"},
        {"pools": "gpu,rack-2", "api_logs": "own-role"},
        {"fargate": "true", "deployment": "acme"},
    ],
    ids=str,
)
def test_every_fixed_name_of_the_templates_is_looked_for(synthesise, as_text, context: dict[str, str]) -> None:
    done, config = synthesise(**context), Config.from_context((GIVEN | context).get)
    looked_for = {(named.stage, named.kind, named.name) for named in fixed_names(config, "#", "%")}
    fixed = set()
    for stage, part in ((Stage.STATE, done.state), (Stage.SERVICE, done.service)):
        for resource in part.template["Resources"].values():
            kind = resource["Type"].removeprefix("AWS::")
            for key, value in resource.get("Properties", {}).items():
                text = as_text(value).replace("<AWS::AccountId>", "#").replace("<AWS::Region>", "%")
                if not key.endswith(("Name", "Family")) or f"{config.deployment}-" not in text:
                    continue
                if kind in NAMES and NAMES[kind][1] == key:
                    fixed.add((stage, NAMES[kind][0], text))
                elif "<" not in text:  # a reference is to something that is named elsewhere
                    assert kind in HARMLESS, f"{kind}.{key} {text}"
    assert fixed == looked_for


def test_kept_tables_may_be_taken_over(lab: Lab) -> None:
    _table(lab)
    assert lab.findings(importing=True) == []


@pytest.mark.parametrize(
    ("status", "protected", "told"),
    [
        ("ROLLBACK_COMPLETE", True, "--no-enable-termination-protection"),
        ("ROLLBACK_FAILED", False, "delete-stack"),
        ("DELETE_FAILED", False, "delete-stack"),
        ("UPDATE_ROLLBACK_FAILED", True, "continue-update-rollback"),
        ("CREATE_IN_PROGRESS", False, "Wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True, "Wait"),
    ],
)
def test_a_stack_that_cannot_be_deployed_to(lab: Lab, status: str, protected: bool, told: str) -> None:
    lab.stacks = {"tidewheel-state": (status, protected)}
    found = _only(lab.findings())
    assert (found.weight, told in found.remedy) == (Weight.BLOCKS, True)


def test_a_creation_that_was_rolled_back_can_be_repeated(lab: Lab) -> None:
    lab.stacks = {"tidewheel-state": ("ROLLBACK_COMPLETE", False), "tidewheel-service": ("REVIEW_IN_PROGRESS", False)}
    assert lab.findings() == []


# --- what cannot be read --------------------------------------------------------------------------------------


def test_what_may_not_be_read_is_said_and_blocks_nothing(lab: Lab) -> None:
    _table(lab)
    lab.quota = lab.unreserved = 10
    lab.refused = {"ssm", "cloudformation", "lambda", "apigateway", "dynamodb", "s3", "sqs", "logs", "sts", "sns"}
    found = lab.findings(api_logs="account-role")
    assert found
    assert {finding.weight for finding in found} == {Weight.UNREAD}
    assert any("concurrency" in finding.what for finding in found)


def test_nobody_deploys_without_credentials(lab: Lab) -> None:
    lab.fails = NoCredentialsError()
    found = _only(lab.findings())
    assert found.weight is Weight.BLOCKS
    assert "AWS_PROFILE" in found.remedy


# --- the order of the deployment ------------------------------------------------------------------------------


class Cdk:
    """Takes note of what is deployed."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.runs = list(statuses), []

    def __call__(self, arguments: Any) -> int:
        self.runs.append(" ".join(arguments))
        return self.statuses.pop(0) if self.statuses else 0


KEYS = "-c target=aws"


def test_a_first_deployment_creates_and_then_protects(lab: Lab) -> None:
    cdk = Cdk()
    assert deploy(GIVEN, lab.account, cdk) == 0
    assert cdk.runs == [f"{KEYS} -c creating=service,state", KEYS]


def test_a_creation_that_fails_is_not_protected_and_can_be_repeated(lab: Lab) -> None:
    cdk = Cdk(1)
    assert deploy(GIVEN, lab.account, cdk) == 1
    lab.stacks = {"tidewheel-state": ("CREATE_COMPLETE", False), "tidewheel-service": ("ROLLBACK_COMPLETE", False)}
    assert deploy(GIVEN, lab.account, cdk) == 0
    assert cdk.runs[1:] == [f"{KEYS} -c creating=service", KEYS]


def test_a_later_deployment_is_one_and_protected(lab: Lab) -> None:
    lab.stacks = {"tidewheel-state": ("CREATE_COMPLETE", True), "tidewheel-service": ("UPDATE_COMPLETE", True)}
    cdk = Cdk()
    assert deploy(GIVEN, lab.account, cdk, flags=["--require-approval", "never"]) == 0
    assert cdk.runs == [f"--require-approval never {KEYS}"]


def test_a_stack_of_which_nothing_can_be_read_stays_protected(lab: Lab) -> None:
    lab.refused = {"cloudformation"}
    cdk = Cdk()
    assert deploy(GIVEN, lab.account, cdk) == 0
    assert cdk.runs == [KEYS]


def test_what_is_found_stops_it_unless_one_insists(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.quota = lab.unreserved = 10
    cdk = Cdk()
    assert deploy(GIVEN, lab.account, cdk) == 1
    assert not cdk.runs
    assert "request-service-quota-increase" in capsys.readouterr().err
    assert deploy(GIVEN, lab.account, cdk, block=False) == 0
    assert len(cdk.runs) == 2
