"""Targets in AWS against services that imitate it: what is sent arrives, once, and says where it comes from.

What the imitations lack: moto's state machines never move by themselves, and its rules want a package that is not here,
so these are shown on MiniStack alone; nobody executes SQL, so the exchange is shown, and not a database.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.rdsdata.models import QueryResults, rdsdata_backends

from tests.support.calls import a_call
from tests.support.polling import until
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import MemorySecrets
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.ids import ExecutionId, job_id
from tidewheel.domain.jobs.job import Target
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call
from tidewheel.wiring.callers import Callers, found

ROLE = "arn:aws:iam::000000000000:role/machines"
NOMINAL_MS = 1_795_000_000_000
_count = itertools.count(1)


@dataclass
class Aws:
    """One imitation of AWS, and the targets that call it."""

    name: str
    callers: Callers = field(default_factory=lambda: Callers(Surroundings(MemorySecrets(), (), SystemClock()), found()))

    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]

    def call(self, kind: str, attempt: int = 1, execution: str = "", **spec: Any) -> Answer:
        return self.callers[kind].call(self.a_call(kind, attempt, execution, **spec))

    def a_call(self, kind: str, attempt: int = 1, execution: str = "", **spec: Any) -> Call:
        return a_call(Target(kind, spec), execution or an_execution(), NOMINAL_MS, attempt, 20_000)

    def queue(self, *, fifo: bool = False) -> tuple[str, str, str]:
        """A new queue's name, URL and ARN."""
        name = f"target-{next(_count)}" + (".fifo" if fifo else "")
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return name, url, arn

    def received(self, url: str, count: int = 1) -> list[dict[str, Any]]:
        """All messages of a queue, once there are so many."""
        sqs, messages = self.client("sqs"), []

        def look() -> list[dict[str, Any]]:
            asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
            messages.extend(sqs.receive_message(**asked).get("Messages", []))
            return messages if len(messages) >= count else []

        return until(look, f"{count} messages")

    def machine(self, **state: Any) -> str:
        """A new state machine of one state."""
        definition = {"StartAt": "Only", "States": {"Only": state}}
        created = self.client("stepfunctions").create_state_machine(
            name=f"target-{next(_count)}", definition=json.dumps(definition), roleArn=ROLE
        )
        return str(created["stateMachineArn"])


def an_execution() -> str:
    return str(ExecutionId(job_id(next(_count).to_bytes(10)), NOMINAL_MS))


def told(message: Mapping[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def attributes(execution: str, attempt: int, **own: str) -> dict[str, str]:
    return own | {
        "Tidewheel-Execution": execution,
        "Tidewheel-Nominal-Time": str(NOMINAL_MS),
        "Tidewheel-Due-Time": str(NOMINAL_MS + 40),
        "Tidewheel-Attempt": str(attempt),
        "Tidewheel-Fencing-Token": str(attempt),
    }


@pytest.fixture(params=["moto", pytest.param("ministack", marks=pytest.mark.ministack)])
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    if request.param == "ministack":
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("ministack_endpoint"))
        yield Aws("ministack")
    else:
        with mock_aws():
            yield Aws("moto")


# --- sqs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [0, 2])
def test_a_queue_is_found_by_its_name_and_by_its_arn(aws: Aws, form: int) -> None:
    queue, execution = aws.queue(), an_execution()
    answer = aws.call("sqs", 3, execution, queue=queue[form], body={"a": 1}, attributes={"colour": "red"})
    (message,) = aws.received(queue[1])
    assert json.loads(message["Body"]) == {"a": 1}
    assert told(message) == attributes(execution, 3, colour="red")
    assert (answer.result, json.loads(answer.output)) == (Result.SUCCEEDED, {"MessageId": message["MessageId"]})


def test_a_fifo_queue_takes_an_execution_once(aws: Aws) -> None:
    name, url, _ = aws.queue(fifo=True)
    first, second = an_execution(), an_execution()
    answers = [aws.call("sqs", attempt, first, queue=name, body="a") for attempt in (1, 2)]
    answers.append(aws.call("sqs", 1, second, queue=name, body="b"))
    assert {answer.result for answer in answers} == {Result.SUCCEEDED}
    assert [message["Body"] for message in aws.received(url, 2)] == ["a", "b"]


def test_a_missing_queue_is_not_asked_for_again(aws: Aws) -> None:
    answer = aws.call("sqs", queue="nobody")
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, 400, False)
    assert "NonExistentQueue" in answer.reason


# --- sns ------------------------------------------------------------------------------------------------------------


def test_a_topic_hands_on_what_it_gets(aws: Aws) -> None:
    sns, (_, url, queue), execution = aws.client("sns"), aws.queue(), an_execution()
    topic = sns.create_topic(Name=f"target-{next(_count)}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    answer = aws.call("sns", 2, execution, topic=topic, body="hello", subject="hi", attributes={"a": "b"})
    assert (answer.result, "MessageId" in answer.output) == (Result.SUCCEEDED, True)
    (message,) = aws.received(url)
    assert (message["Body"], told(message)) == ("hello", attributes(execution, 2, a="b"))


def test_a_missing_topic_is_not_asked_for_again(aws: Aws) -> None:
    answer = aws.call("sns", topic="arn:aws:sns:us-east-1:123456789012:nobody")
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, 404, False)


# --- eventbridge ----------------------------------------------------------------------------------------------------


def test_a_bus_takes_an_event(aws: Aws) -> None:
    bus = f"target-{next(_count)}"
    aws.client("events").create_event_bus(Name=bus)
    answer = aws.call("eventbridge", bus=bus, source="acme", detail_type="due")
    assert (answer.result, list(json.loads(answer.output))) == (Result.SUCCEEDED, ["EventId"])


def test_a_rule_of_the_bus_matches_the_event(aws: Aws) -> None:
    if aws.name == "moto":
        pytest.skip("its rules hand nothing on without jsonpath-ng")
    events, (_, url, queue), execution = aws.client("events"), aws.queue(), an_execution()
    bus, rule = f"target-{next(_count)}", f"rule-{next(_count)}"
    events.create_event_bus(Name=bus)
    pattern = {"source": ["acme"], "detail-type": ["due"], "detail": {"tidewheel": {"attempt": [2]}}}
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "1", "Arn": queue}])
    for attempt in (1, 2):
        spec = {"bus": bus, "source": "acme", "detail_type": "due", "detail": {"a": 1}}
        answer = aws.call("eventbridge", attempt, execution, **spec)
        assert (answer.result, "EventId" in answer.output) == (Result.SUCCEEDED, True)
    (message,) = aws.received(url)
    detail = json.loads(message["Body"])["detail"]
    assert detail.pop("a") == 1
    assert (detail["tidewheel"]["execution"], detail["tidewheel"]["attempt"]) == (execution, 2)


# --- stepfunctions --------------------------------------------------------------------------------------------------


def test_a_run_is_started_once_for_an_execution(aws: Aws) -> None:
    machine, execution = aws.machine(Type="Pass", End=True), an_execution()
    answers = [aws.call("stepfunctions", attempt, execution, machine=machine, input={"a": 1}) for attempt in (1, 2)]
    states = aws.client("stepfunctions")
    (run,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert run["name"] == execution
    assert {json.loads(answer.output)["executionArn"] for answer in answers} == {run["executionArn"]}
    assert json.loads(states.describe_execution(executionArn=run["executionArn"])["input"]) == {"a": 1}


def test_a_missing_machine_is_not_asked_for_again(aws: Aws) -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:nobody"
    answer = aws.call("stepfunctions", machine=machine, input={})
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, 400, False)


def test_a_run_is_waited_for(aws: Aws) -> None:
    if aws.name == "moto":
        pytest.skip("its runs do not end by themselves")
    machine, execution = aws.machine(Type="Pass", Result={"done": True}, End=True), an_execution()
    answer = aws.call("stepfunctions", 1, execution, machine=machine, wait=True)
    assert (answer.result, json.loads(answer.output)) == (Result.SUCCEEDED, {"done": True})
    again = aws.call("stepfunctions", 2, execution, machine=machine, wait=True)
    assert (again.result, again.output) == (Result.SUCCEEDED, answer.output)
    assert len(aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]) == 1


def test_a_run_that_fails_is_followed_by_another(aws: Aws) -> None:
    if aws.name == "moto":
        pytest.skip("its runs do not end by themselves")
    machine, execution = aws.machine(Type="Fail", Error="Bad", Cause="luck"), an_execution()
    for attempt in (1, 2):
        answer = aws.call("stepfunctions", attempt, execution, machine=machine, wait=True)
        assert (answer.result, answer.reason) == (Result.FAILED, "the run ended as FAILED: Bad: luck")
    runs = aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert {run["name"] for run in runs} == {execution, f"{execution}-2"}


def test_a_run_is_stopped_when_its_call_is_cancelled(aws: Aws) -> None:
    machine, execution = aws.machine(Type="Wait", Seconds=600, End=True), an_execution()
    progress = OpenCallProgress(SystemClock())
    call = replace(aws.a_call("stepfunctions", 1, execution, machine=machine, wait=True), progress=progress)
    answers: list[Answer] = []
    waiting = threading.Thread(target=lambda: answers.append(aws.callers["stepfunctions"].call(call)))
    waiting.start()
    states = aws.client("stepfunctions")
    (run,) = until(lambda: states.list_executions(stateMachineArn=machine)["executions"], "a run")
    progress.stop(Stop.CANCELLED)
    waiting.join()
    assert answers[0].result is Result.FAILED
    assert states.describe_execution(executionArn=run["executionArn"])["status"] == "ABORTED"


# --- sql ------------------------------------------------------------------------------------------------------------


def _cluster(aws: Aws) -> dict[str, str]:
    if aws.name == "moto":
        records = [[{"stringValue": "orders"}]]
        answer = QueryResults(records, [{"label": "Database"}], 0, [])
        rdsdata_backends["123456789012"]["us-east-1"].results_queue.append(answer)
        account = "arn:aws:{}:us-east-1:123456789012:{}"
        return {"cluster": account.format("rds", "cluster:a"), "secret": account.format("secretsmanager", "secret:a")}
    name = f"target-{next(_count)}"
    credentials = json.dumps({"username": "admin", "password": "secret-1"})
    secret = aws.client("secretsmanager").create_secret(Name=name, SecretString=credentials)["ARN"]
    created = aws.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-mysql",
        MasterUsername="admin",
        MasterUserPassword="secret-1",
        EnableHttpEndpoint=True,
    )
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier=name,
        DBInstanceClass="db.serverless",
        Engine="aurora-mysql",
    )
    return {"cluster": created["DBCluster"]["DBClusterArn"], "secret": secret}


def test_a_statement_is_asked_for_and_its_rows_are_kept(aws: Aws) -> None:
    answer = aws.call("sql", **_cluster(aws), database="orders", sql="SHOW DATABASES")
    assert answer.result is Result.SUCCEEDED
    assert "orders" in answer.output or "information_schema" in answer.output
    assert json.loads(answer.output)["updated"] == 0
