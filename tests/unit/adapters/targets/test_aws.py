"""The targets sqs, sns, eventbridge and sql: what their services are asked, and what their answers come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from tests.support.calls import a_call, surroundings
from tidewheel.adapters.aws.targets import eventbridge, sns, sql, sqs, stepfunctions
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress

EXECUTION = "j0000000000000001-1k7x5gjk0-s"
JOB = "j0000000000000001"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:orders"
URL = "https://sqs.us-east-1.amazonaws.com/111122223333/orders"
TOPIC = "arn:aws:sns:us-east-1:111122223333:news"
ATTRIBUTES = {
    "Tidewheel-Execution": {"DataType": "String", "StringValue": EXECUTION},
    "Tidewheel-Nominal-Time": {"DataType": "Number", "StringValue": "1000"},
    "Tidewheel-Due-Time": {"DataType": "Number", "StringValue": "1040"},
    "Tidewheel-Attempt": {"DataType": "Number", "StringValue": "3"},
    "Tidewheel-Fencing-Token": {"DataType": "Number", "StringValue": "3"},
}
TOLD = {"execution": EXECUTION, "nominal_ms": 1_000, "due_ms": 1_040, "attempt": 3, "fencing_token": 3}
SQL = {
    "cluster": "arn:aws:rds:us-east-1:111122223333:cluster:orders",
    "secret": "arn:aws:secretsmanager:us-east-1:111122223333:secret:orders",
    "database": "orders",
    "sql": "SELECT 1",
}
KINDS: dict[str, Any] = {
    "sqs": sqs,
    "sns": sns,
    "eventbridge": eventbridge,
    "sql": sql,
    "stepfunctions": stepfunctions,
}


class Service:
    """A caller whose client is stubbed."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.caller = KINDS[kind].make(surroundings())
        self.stub = Stubber(self.caller.client)
        self.stub.activate()
        self.progress = OpenCallProgress(SystemClock())

    def call(self, spec: Mapping[str, Any], attempt: int = 3) -> Answer:
        call = a_call(Target(self.kind, spec), EXECUTION, 1_000, attempt, 60_000, self.progress)
        answer = self.caller.call(call)
        self.stub.assert_no_pending_responses()
        return answer


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    return Service(request.param)


def of(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", [kind], indirect=True)


# --- sqs ------------------------------------------------------------------------------------------------------------


@of("sqs")
def test_a_message_carries_its_body_and_where_it_comes_from(service: Service) -> None:
    asked = {"QueueName": "orders", "QueueOwnerAWSAccountId": "111122223333"}
    service.stub.add_response("get_queue_url", {"QueueUrl": URL}, asked)
    own = {"colour": {"DataType": "String", "StringValue": "red"}}
    sent = {"QueueUrl": URL, "MessageBody": '{"a": 1}', "MessageAttributes": own | ATTRIBUTES}
    service.stub.add_response("send_message", {"MessageId": "m"}, sent)
    answer = service.call({"queue": QUEUE, "body": {"a": 1}, "attributes": {"colour": "red"}})
    assert answer == Answer(Result.SUCCEEDED, 200, '{"MessageId": "m"}')
    assert service.progress.take_log(last=True) == b'{"MessageId": "m"}'


@of("sqs")
@pytest.mark.parametrize(("body", "text"), [("plain", "plain"), (None, "null"), ([1], "[1]")])
def test_a_string_is_sent_as_it_is(service: Service, body: Any, text: str) -> None:
    service.stub.add_response("get_queue_url", {"QueueUrl": URL}, {"QueueName": "orders"})
    sent = {"QueueUrl": URL, "MessageBody": text, "MessageAttributes": ATTRIBUTES}
    service.stub.add_response("send_message", {"MessageId": "m"}, sent)
    assert service.call({"queue": "orders", "body": body}).result is Result.SUCCEEDED


@of("sqs")
@pytest.mark.parametrize(("group", "named"), [(None, JOB), ("g", "g")])
def test_a_fifo_queue_drops_repeats_of_an_execution(service: Service, group: str | None, named: str) -> None:
    service.stub.add_response("get_queue_url", {"QueueUrl": f"{URL}.fifo"}, {"QueueName": "orders.fifo"})
    for attempt in (1, 2):  # the second asks for the URL no more
        sent = {
            "QueueUrl": f"{URL}.fifo",
            "MessageBody": "null",
            "MessageAttributes": ANY,
            "MessageGroupId": named,
            "MessageDeduplicationId": EXECUTION,
        }
        service.stub.add_response("send_message", {"MessageId": "m", "SequenceNumber": "7"}, sent)
        if attempt == 1:
            service.caller.call(a_call(Target("sqs", {"queue": "orders.fifo", "group": group}), EXECUTION, 0, 1, 9_000))
    answer = service.call({"queue": "orders.fifo", "group": group})
    assert json.loads(answer.output) == {"MessageId": "m", "SequenceNumber": "7"}


@of("sqs")
def test_a_standard_queue_is_fair_by_the_group_that_a_job_names(service: Service) -> None:
    service.stub.add_response("get_queue_url", {"QueueUrl": URL})
    sent = {"QueueUrl": URL, "MessageBody": "null", "MessageAttributes": ATTRIBUTES, "MessageGroupId": "g"}
    service.stub.add_response("send_message", {"MessageId": "m"}, sent)
    assert service.call({"queue": "orders", "group": "g"}).result is Result.SUCCEEDED


@of("sqs")
def test_a_queue_of_another_region_is_not_mistaken_for_ours_of_that_name(service: Service) -> None:
    answer = service.call({"queue": QUEUE.replace("us-east-1", "eu-west-1")})
    assert (answer.result, answer.retryable) == (Result.FAILED, False)
    assert "eu-west-1" in answer.reason


@of("sqs")
def test_a_missing_queue_is_asked_for_again_next_time(service: Service) -> None:
    code = "AWS.SimpleQueueService.NonExistentQueue"
    service.stub.add_client_error("get_queue_url", code, "no such queue", http_status_code=400)
    answer = service.call({"queue": "orders"})
    assert answer == Answer(Result.FAILED, 400, reason=f"{code}: no such queue", retryable=False)
    service.stub.add_response("get_queue_url", {"QueueUrl": URL})
    service.stub.add_client_error("send_message", "InternalError", "oops", http_status_code=500)
    answer = service.call({"queue": "orders"})
    assert answer == Answer(Result.FAILED, 500, reason="InternalError: oops", retryable=True)


# --- sns ------------------------------------------------------------------------------------------------------------


@of("sns")
def test_a_topic_gets_the_same(service: Service) -> None:
    sent = {"TopicArn": TOPIC, "Message": "hello", "Subject": "hi", "MessageAttributes": ATTRIBUTES}
    service.stub.add_response("publish", {"MessageId": "m"}, sent)
    answer = service.call({"topic": TOPIC, "body": "hello", "subject": "hi"})
    assert answer == Answer(Result.SUCCEEDED, 200, '{"MessageId": "m"}')


@of("sns")
def test_a_fifo_topic_drops_repeats_of_an_execution(service: Service) -> None:
    sent = {
        "TopicArn": f"{TOPIC}.fifo",
        "Message": "null",
        "MessageAttributes": ATTRIBUTES,
        "MessageGroupId": JOB,
        "MessageDeduplicationId": EXECUTION,
    }
    service.stub.add_response("publish", {"MessageId": "m", "SequenceNumber": "1"}, sent)
    assert service.call({"topic": f"{TOPIC}.fifo"}).result is Result.SUCCEEDED


@of("sns")
@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("NotFound", 404, False),
        ("AuthorizationError", 403, False),
        ("Throttled", 429, True),
        ("InternalError", 500, True),
    ],
)
def test_a_topic_refuses(service: Service, code: str, status: int, retryable: bool) -> None:
    service.stub.add_client_error("publish", code, "no", http_status_code=status)
    assert service.call({"topic": TOPIC}) == Answer(Result.FAILED, status, reason=f"{code}: no", retryable=retryable)


# --- eventbridge ----------------------------------------------------------------------------------------------------

EVENT = {"bus": "orders", "source": "acme", "detail_type": "due", "detail": {"a": 1}}


@of("eventbridge")
def test_an_event_says_in_its_detail_where_it_comes_from(service: Service) -> None:
    entry = {
        "EventBusName": "orders",
        "Source": "acme",
        "DetailType": "due",
        "Detail": json.dumps({"a": 1, "tidewheel": TOLD}),
    }
    said = {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}
    service.stub.add_response("put_events", said, {"Entries": [entry]})
    assert service.call(EVENT) == Answer(Result.SUCCEEDED, 200, '{"EventId": "e"}')


@of("eventbridge")
@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [("ThrottlingException", 429, True), ("InternalFailure", 500, True), ("MalformedDetail", 400, False)],
)
def test_an_entry_is_refused_although_the_request_is_not(
    service: Service, code: str, status: int, retryable: bool
) -> None:
    said = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]}
    service.stub.add_response("put_events", said)
    assert service.call(EVENT) == Answer(Result.FAILED, status, reason=f"{code}: no", retryable=retryable)


@of("eventbridge")
def test_a_bus_refuses(service: Service) -> None:
    service.stub.add_client_error("put_events", "AccessDeniedException", "no", http_status_code=400)
    answer = service.call(EVENT)
    assert answer == Answer(Result.FAILED, 400, reason="AccessDeniedException: no", retryable=False)


# --- sql ------------------------------------------------------------------------------------------------------------


@of("sql")
def test_a_statement_gets_its_parameters_and_those_that_it_mentions(service: Service) -> None:
    text = "INSERT INTO t VALUES (:a, :b, :c, :d, :e, :tidewheel_execution, :tidewheel_token, :tidewheel_nominal_ms)"
    asked = {
        "resourceArn": SQL["cluster"],
        "secretArn": SQL["secret"],
        "database": "orders",
        "sql": text,
        "includeResultMetadata": True,
        "parameters": [
            {"name": "a", "value": {"isNull": True}},
            {"name": "b", "value": {"booleanValue": True}},
            {"name": "c", "value": {"longValue": 1}},
            {"name": "d", "value": {"doubleValue": 0.5}},
            {"name": "e", "value": {"stringValue": "x"}},
            {"name": "tidewheel_execution", "value": {"stringValue": EXECUTION}},
            {"name": "tidewheel_token", "value": {"longValue": 3}},
            {"name": "tidewheel_nominal_ms", "value": {"longValue": 1_000}},
        ],
    }
    service.stub.add_response("execute_statement", {"numberOfRecordsUpdated": 1}, asked)
    answer = service.call(SQL | {"sql": text, "parameters": {"a": None, "b": True, "c": 1, "d": 0.5, "e": "x"}})
    assert answer == Answer(Result.SUCCEEDED, 200, '{"updated": 1, "records": []}')


@of("sql")
def test_a_statement_that_mentions_nothing_gets_nothing(service: Service) -> None:
    asked = {
        "resourceArn": ANY,
        "secretArn": ANY,
        "database": ANY,
        "sql": "SELECT 1",
        "includeResultMetadata": True,
        "parameters": [],
    }
    service.stub.add_response("execute_statement", {}, asked)
    assert json.loads(service.call(SQL).output) == {"updated": 0, "records": []}


ROW = [
    {"longValue": 1},
    {"isNull": True},
    {"blobValue": b"ab"},
    {"arrayValue": {"stringValues": ["x"]}},
    {"arrayValue": {"arrayValues": [{"longValues": [1, 2]}]}},
]
VALUES = [1, None, "YWI=", ["x"], [[1, 2]]]


@of("sql")
@pytest.mark.parametrize(
    ("labels", "record"),
    [
        ("abcde", dict(zip("abcde", VALUES, strict=True))),
        ("aacde", VALUES),
        ("", VALUES),
    ],
)
def test_rows_are_objects_where_their_columns_differ_by_name(service: Service, labels: str, record: Any) -> None:
    metadata = [{"label": label} for label in labels]
    said = {"records": [ROW], "numberOfRecordsUpdated": 0} | ({"columnMetadata": metadata} if metadata else {})
    service.stub.add_response("execute_statement", said)
    assert json.loads(service.call(SQL).output) == {"updated": 0, "records": [record]}


@of("sql")
@pytest.mark.parametrize(
    ("code", "message", "status", "result", "retryable"),
    [
        ("DatabaseErrorException", "ERROR: syntax; SQLState: 42601", 400, Result.FAILED, False),
        ("DatabaseErrorException", "ERROR: deadlock; SQLState: 40P01", 400, Result.FAILED, True),
        ("DatabaseErrorException", "ERROR: serialize; SQLState: 40001", 400, Result.FAILED, True),
        ("DatabaseResumingException", "it wakes up", 400, Result.FAILED, True),
        ("StatementTimeoutException", "45 s", 400, Result.TIMED_OUT, False),
        ("BadRequestException", "no", 400, Result.FAILED, False),
        ("ForbiddenException", "no", 403, Result.FAILED, False),
        ("ServiceUnavailableError", "no", 503, Result.FAILED, True),
    ],
)
def test_a_statement_fails(
    service: Service, code: str, message: str, status: int, result: Result, retryable: bool
) -> None:
    service.stub.add_client_error("execute_statement", code, message, http_status_code=status)
    assert service.call(SQL) == Answer(result, status, reason=f"{code}: {message}", retryable=retryable)


# --- all ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_client_asks_twice_by_itself(kind: str) -> None:
    config = KINDS[kind].make(surroundings()).client.meta.config
    read = KINDS[kind].READ_MS / SECOND_MS
    assert (config.retries["total_max_attempts"], config.read_timeout, config.connect_timeout) == (1, read, 1)
