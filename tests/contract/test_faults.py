"""How the AWS adapters report a service that fails: as ``PortError``, and as a kind of it only where that is sure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.stub import Stubber

from tests.support.pauses import Pauses
from tests.support.tables import Tables
from tests.support.world import Backend, Cloud, cloud_backend
from tests.support.world_examples import (
    NOW_MS,
    ROUTE,
    TENANT,
    a_job,
    an_audit_row,
    asked,
    closing,
    dispatch,
    execution,
    minute,
    schedule_entry,
)
from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb import calls
from tidewheel.adapters.aws.dynamodb.job_items import job_item, job_key
from tidewheel.adapters.aws.functions import LambdaLauncher
from tidewheel.domain import keys as keys_of
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.jobs.listing import ALL, Listing
from tidewheel.domain.limits import WRITE_BOUND_MS
from tidewheel.domain.quotas.tally import Tally, TallyChange
from tidewheel.domain.repeats import Remembered
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.ports import Fenced, PortError, Refused, Throttled

URL = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
JOB, LEASE = a_job(), Lease("one", 1, 0, "v1")
TALLIED = TallyChange(Tally(TENANT, 0, NOW_MS, NOW_MS, NOW_MS, NOW_MS, 5, 1), 1, 5)
KEYS = [f"e#{n}" for n in range(3)]

DYNAMODB_CALLS: dict[str, Callable[[Backend], object]] = {
    "jobs.create": lambda world: world.jobs.create(JOB, *asked(JOB)),
    "jobs.replace": lambda world: world.jobs.replace(JOB, JOB, None),
    "jobs.delete": lambda world: world.jobs.delete(JOB, 1, closing(JOB)),
    "jobs.enqueue": lambda world: world.jobs.enqueue(*asked(JOB), "key"),
    "jobs.get": lambda world: world.jobs.get(TENANT, JOB.id),
    "jobs.batch": lambda world: world.jobs.batch([(TENANT, JOB.id)]),
    "jobs.generations": lambda world: world.jobs.generations(TENANT, JOB.id, 1),
    "jobs.list": lambda world: world.jobs.list(TENANT, 5, None),
    "jobs.listed": lambda world: world.jobs.listed(TENANT, Listing(ALL), 5, None),
    "jobs.sweep": lambda world: world.jobs.sweep(None, 5),
    "executions.present": lambda world: world.executions.present([(TENANT, execution(JOB).id)]),
    "executions.get": lambda world: world.executions.get(TENANT, execution(JOB).id),
    "executions.swap": lambda world: world.executions.swap(execution(JOB), 1),
    "executions.list": lambda world: world.executions.list(TENANT, JOB.id, 5, None),
    "locks.get": lambda world: world.locks.get(TENANT, JOB.id),
    "locks.swap": lambda world: world.locks.swap(Lock(TENANT, JOB.id).given(execution(JOB).id, NOW_MS)),
    "requests.get": lambda world: world.requests.get(TENANT, "name", NOW_MS),
    "requests.begin": lambda world: world.requests.begin(Remembered(TENANT, "name", "digest", NOW_MS), NOW_MS),
    "requests.fulfil": lambda world: world.requests.fulfil(Remembered(TENANT, "name", "digest", NOW_MS, result="x")),
    "wheel.load": lambda world: world.wheel.load(minute()),
    "wheel.put": lambda world: world.wheel.put(Placed(minute(), schedule_entry(JOB))),
    "wheel.put_pack": lambda world: world.wheel.put_pack(minute(), "p#1", [schedule_entry(JOB)]),
    "wheel.remove": lambda world: world.wheel.remove(minute(), KEYS),
    "wheel.quarantine": lambda world: world.wheel.quarantine(Quarantined(minute(), "e#1", "x", "w", "p", NOW_MS)),
    "audit.add": lambda world: world.audit.add(an_audit_row()),
    "audit.page": lambda world: world.audit.page(TENANT, NOW_MS, keys_of.LAST, 5),
    "leases.lease": lambda world: world.leases.lease(),
    "layouts.layout": lambda world: world.layouts.layout(),
    "layouts.establish": lambda world: world.layouts.establish(Layout.first(NOW_MS, 1)),
    "layouts.reshape": lambda world: world.layouts.reshape(Layout.first(NOW_MS, 1), Layout.first(NOW_MS, 2)),
    "leases.announce": lambda world: world.leases.announce(LEASE, "v2"),
    "leases.take": lambda world: world.leases.take(LEASE, "two", "v1"),
    "leases.renew": lambda world: world.leases.renew(LEASE),
    "leases.release": lambda world: world.leases.release(LEASE),
    "ownership.holding": lambda world: world.ownership.holding(0),
    "ownership.claim": lambda world: world.ownership.claim(0, None, 0, 1),
    "ownership.vacate": lambda world: world.ownership.vacate(0, 1),
    "sweeps.sweep": lambda world: world.sweeps.sweep(),
    "sweeps.move_sweep": lambda world: world.sweeps.move_sweep(None, Sweep(NOW_MS)),
    "ownership.advance": lambda world: world.ownership.advance(0, 1, {Level.MINUTES: 0}),
}
SQS_CALLS: dict[str, Callable[[Backend], object]] = {
    "queue.send": lambda world: world.queue.send(ROUTE, [dispatch()]),
    "queue.waiting": lambda world: world.queue.waiting(ROUTE),
    "queue.retry_later": lambda world: world.queue.retry_later(ROUTE, "receipt", 2_000),
    "queue.receive": lambda world: world.queue.receive(ROUTE, 10, 2_000),
    "queue.hide": lambda world: world.queue.hide(ROUTE, ["receipt"], 2_000),
    "queue.delete": lambda world: world.queue.delete(ROUTE, ["receipt"]),
}
S3_CALLS: dict[str, Callable[[Backend], object]] = {
    "logs.append": lambda world: world.logs.append(TENANT, execution(JOB).id, 1, 0, b"x"),
    "logs.read": lambda world: list(world.logs.read(TENANT, execution(JOB).id, 1)),
}
CALLS = {**DYNAMODB_CALLS, **SQS_CALLS, **S3_CALLS}
IN_BATCHES = {"jobs.create", "jobs.batch", "executions.present", "wheel.remove"}
MADE = {kind: boto3.client(kind) for kind in ("dynamodb", "sqs", "s3", "lambda")}


def service_of(name: str) -> str:
    """Which service a call of the table goes to."""
    return "sqs" if name in SQS_CALLS else "s3" if name in S3_CALLS else "dynamodb"


@pytest.fixture
def world() -> Backend:
    """The adapters over clients that nobody answers."""
    tables = Tables("j", "w", "e", "c", "a", "u")
    return cloud_backend("none", Cloud(MADE["dynamodb"], MADE["sqs"], tables, {ROUTE: URL}, MADE["s3"]))


@pytest.fixture
def stub() -> Iterator[dict[str, Stubber]]:
    """What the services will answer, in turn; all of it must be asked for."""
    stubbers = {kind: Stubber(client) for kind, client in MADE.items()}
    for stubber in stubbers.values():
        stubber.activate()
    yield stubbers
    for stubber in stubbers.values():
        stubber.deactivate()
        stubber.assert_no_pending_responses()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pauses between tries, each as long as it may be."""
    clock = Pauses()
    monkeypatch.setattr(calls, "_CLOCK", clock)
    monkeypatch.setattr(calls, "jitter_ms", lambda longest_ms: longest_ms)
    return clock.taken


def failing(stub: dict[str, Stubber], name: str, code: str) -> None:
    """Any operation of the service answers with an error."""
    stubber = stub[service_of(name)]
    stubber._queue.append(
        {
            "operation_name": None,
            "response": (_Answer(), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}),
            "expected_params": None,
        }
    )


class _Answer:
    status_code = 400


@pytest.fixture(autouse=True)
def any_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stubber takes an answer without an operation's name for the answer to whichever comes."""
    check = Stubber._assert_expected_call_order

    def lenient(self: Stubber, model: Any, params: Any) -> None:
        if self._queue and self._queue[0]["operation_name"] is None:
            self._queue[0]["operation_name"] = model.name
        check(self, model, params)

    monkeypatch.setattr(Stubber, "_assert_expected_call_order", lenient)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_throttling_is_told_apart(
    world: Backend, stub: dict[str, Stubber], pauses: list[int], name: str, code: str
) -> None:
    for _ in range(5 if name in IN_BATCHES else 1):  # those pause and try again by themselves
        failing(stub, name, code)
    with pytest.raises(Throttled, match=name):
        CALLS[name](world)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("code", ["InternalServerError", "ExpiredTokenException", "UnrecognizedClientException"])
def test_any_other_error_may_have_been_applied(world: Backend, stub: dict[str, Stubber], name: str, code: str) -> None:
    failing(stub, name, code)
    with pytest.raises(PortError, match=name) as raised:
        CALLS[name](world)
    assert type(raised.value) is PortError
    assert code in raised.value.problem


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("code", "mendable"),
    [
        ("ResourceNotFoundException", True),
        ("AccessDeniedException", True),
        ("ValidationException", False),
        ("InvalidParameterValue", False),
    ],
)
def test_a_refusal_is_told_apart(
    world: Backend, stub: dict[str, Stubber], name: str, code: str, mendable: bool
) -> None:
    """An operator mends a missing right or table; what the call says nobody mends."""
    failing(stub, name, code)
    with pytest.raises(Refused, match=name) as raised:
        CALLS[name](world)
    assert raised.value.mendable is mendable


@pytest.mark.parametrize("code", ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "AccessDenied"])
def test_a_queue_that_is_gone_or_closed_to_us(world: Backend, stub: dict[str, Stubber], code: str) -> None:
    failing(stub, "queue.send", code)
    with pytest.raises(Refused) as raised:
        world.queue.send(ROUTE, [dispatch()])
    assert raised.value.mendable


@pytest.mark.parametrize(("code", "mendable"), [("InvalidMessageContents", False), ("KmsAccessDenied", True)])
def test_a_message_that_is_refused_by_itself(
    world: Backend, stub: dict[str, Stubber], code: str, mendable: bool
) -> None:
    failed = [{"Id": "0", "SenderFault": True, "Code": code}]
    stub["sqs"].add_response("send_message_batch", {"Successful": [], "Failed": failed})
    with pytest.raises(Refused, match=code) as raised:
        world.queue.send(ROUTE, [dispatch()])
    assert raised.value.mendable is mendable


@pytest.mark.parametrize(
    "failed",
    [
        {"Id": "0", "SenderFault": False, "Code": "InternalError"},
        {"Id": "0", "SenderFault": True, "Code": "RequestThrottled"},
    ],
)
def test_a_message_that_is_not_taken_now(world: Backend, stub: dict[str, Stubber], failed: Any) -> None:
    stub["sqs"].add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
    assert list(world.queue.send(ROUTE, [dispatch()])) == [False]


def test_one_among_several_is_only_not_accepted(world: Backend, stub: dict[str, Stubber]) -> None:
    """Whether it is the message shows when it is sent by itself."""
    failed = [{"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents"}]
    sent = [{"Id": "0", "MessageId": "0", "MD5OfMessageBody": ""}]
    stub["sqs"].add_response("send_message_batch", {"Successful": sent, "Failed": failed})
    assert list(world.queue.send(ROUTE, [dispatch(1), dispatch(2)])) == [True, False]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_may_have_been_applied(world: Backend, name: str, error: Exception) -> None:
    client = MADE[service_of(name)]

    def fail(**_: Any) -> None:
        raise error

    event = f"before-call.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.register(event, fail)
    try:
        with pytest.raises(PortError, match=name) as raised:
            CALLS[name](world)
    finally:
        client.meta.events.unregister(event, fail)
    assert type(raised.value) is PortError


@pytest.mark.parametrize("name", S3_CALLS)
def test_s3_has_a_word_of_its_own_for_throttling(world: Backend, stub: dict[str, Stubber], name: str) -> None:
    failing(stub, name, "SlowDown")
    with pytest.raises(Throttled, match=name):
        S3_CALLS[name](world)


def test_a_part_that_cannot_be_fetched(world: Backend, stub: dict[str, Stubber]) -> None:
    key = keys_of.log_part(keys_of.log_prefix(TENANT, execution(JOB).id, 1), 0)
    stub["s3"].add_response("list_objects_v2", {"Contents": [{"Key": key}]})
    failing(stub, "logs.read", "AccessDenied")
    with pytest.raises(PortError, match=f"logs.read {key}"):
        S3_CALLS["logs.read"](world)


def test_only_what_sqs_reports_as_accepted_counts_as_sent(world: Backend, stub: dict[str, Stubber]) -> None:
    sent = [{"Id": id, "MessageId": id, "MD5OfMessageBody": ""} for id in ("3", "0")]
    failed = [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]  # of "2" it says nothing
    stub["sqs"].add_response("send_message_batch", {"Successful": sent, "Failed": failed})
    assert list(world.queue.send(ROUTE, [dispatch(n) for n in range(4)])) == [True, False, False, True]


def test_nothing_accepted_is_an_answer_too(world: Backend, stub: dict[str, Stubber]) -> None:
    stub["sqs"].add_response("send_message_batch", {"Successful": [], "Failed": []})
    assert list(world.queue.send(ROUTE, [dispatch()])) == [False]


def deletion(key: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"pk": {"S": minute().key}, "sk": {"S": key}}}}


def test_unprocessed_writes_alone_are_tried_again(world: Backend, stub: dict[str, Stubber], pauses: list[int]) -> None:
    left: dict[str, Any] = {"w": [deletion(KEYS[1])]}
    everything = {"RequestItems": {"w": [deletion(key) for key in KEYS]}}
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": left}, everything)
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": left}, {"RequestItems": left})
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}}, {"RequestItems": left})
    world.wheel.remove(minute(), KEYS)
    assert pauses == [50, 100]


def test_writes_that_stay_unprocessed(world: Backend, stub: dict[str, Stubber], pauses: list[int]) -> None:
    for _ in range(5):
        stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {"w": [deletion(KEYS[0])]}})
    with pytest.raises(Throttled, match="1 items"):
        world.wheel.remove(minute(), KEYS[:1])


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_batches_shrink_while_they_are_throttled_and_grow_again(
    world: Backend, stub: dict[str, Stubber], pauses: list[int], code: str
) -> None:
    """The first request is refused as a whole, the second done in part; nothing that was done is sent again."""
    keys = [f"e#{n:03d}" for n in range(60)]

    def answer(sent: Sequence[str], left: Sequence[str] = ()) -> None:
        unprocessed: dict[str, Any] = {"w": [deletion(key) for key in left]} if left else {}
        request = {"RequestItems": {"w": [deletion(key) for key in sent]}}
        stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": unprocessed}, request)

    failing(stub, "wheel.remove", code)  # 25
    answer(keys[25:37], left=keys[30:37])  # 12 of which 7 are left
    rest = [*keys[37:], *keys[:25], *keys[30:37]]
    for start, end in ((0, 6), (6, 18), (18, 42), (42, 55)):  # 6, 12, 24, and what remains
        answer(rest[start:end])
    world.wheel.remove(minute(), keys)
    assert pauses == [50, 100]


def test_a_removal_begins_nothing_that_could_outlast_the_bound_of_a_write(
    world: Backend, stub: dict[str, Stubber], monkeypatch: pytest.MonkeyPatch, pauses: list[int]
) -> None:
    """Calls that are slow, though they succeed: the last one to begin may still take as long as a call can."""
    began: list[int] = []
    clock = calls._CLOCK

    def slow(**_: Any) -> None:
        began.append(clock.monotonic_ms())
        clock.advance(400)  # type: ignore[attr-defined]

    event = MADE["dynamodb"].meta.events
    event.register("before-parameter-build.dynamodb.BatchWriteItem", slow)
    for _ in range(3):
        stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}})
    try:
        with pytest.raises(Throttled, match="125 items"):
            world.wheel.remove(minute(), [f"e#{n:03d}" for n in range(200)])
    finally:
        event.unregister("before-parameter-build.dynamodb.BatchWriteItem", slow)
    assert began == [0, 400, 800]
    assert began[-1] + clients.CALL_BOUND_MS <= WRITE_BOUND_MS


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_reads_that_are_throttled_as_a_whole_are_tried_again_in_smaller_batches(
    world: Backend, stub: dict[str, Stubber], pauses: list[int], code: str
) -> None:
    jobs = [a_job(n) for n in range(3)]
    keys = [job_key(TENANT, job.id) for job in jobs]
    failing(stub, "jobs.batch", code)
    answer = {"Responses": {"j": [job_item(job) for job in jobs]}, "UnprocessedKeys": {}}
    stub["dynamodb"].add_response("batch_get_item", answer, {"RequestItems": {"j": {"Keys": keys}}})
    assert world.jobs.batch([(TENANT, job.id) for job in jobs]) == {(TENANT, job.id): job for job in jobs}
    assert pauses == [50]


def test_unprocessed_keys_alone_are_read_again(world: Backend, stub: dict[str, Stubber], pauses: list[int]) -> None:
    jobs = [a_job(n) for n in range(2)]
    keys = [job_key(TENANT, job.id) for job in jobs]
    left: dict[str, Any] = {"j": {"Keys": keys[1:]}}
    first = {"Responses": {"j": [job_item(jobs[0])]}, "UnprocessedKeys": left}
    stub["dynamodb"].add_response("batch_get_item", first, {"RequestItems": {"j": {"Keys": keys}}})
    stub["dynamodb"].add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left}, {"RequestItems": left})
    last = {"Responses": {"j": [job_item(jobs[1])]}, "UnprocessedKeys": {}}
    stub["dynamodb"].add_response("batch_get_item", last, {"RequestItems": left})
    assert world.jobs.batch([(TENANT, job.id) for job in jobs]) == {(TENANT, job.id): job for job in jobs}


def test_keys_that_stay_unprocessed(world: Backend, stub: dict[str, Stubber], pauses: list[int]) -> None:
    left: dict[str, Any] = {"j": {"Keys": [job_key(TENANT, JOB.id)]}}
    for _ in range(5):
        stub["dynamodb"].add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
    with pytest.raises(Throttled, match="1 items"):
        world.jobs.batch([(TENANT, JOB.id)])


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_collided_wrote_nothing(world: Backend, stub: dict[str, Stubber], reason: str) -> None:
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}})  # the rows of the lists
    stub["dynamodb"].add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": reason}]},
    )
    with pytest.raises(Throttled, match=r"jobs\.create"):
        world.jobs.create(JOB, None, None)


def colliding(stub: dict[str, Stubber], reason: str = "TransactionConflict") -> None:
    stub["dynamodb"].add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": reason}]},
    )


def test_a_write_that_collides_at_its_tenants_tally_waits_for_the_others(
    world: Backend, stub: dict[str, Stubber], pauses: list[int]
) -> None:
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}})  # the rows of the lists
    colliding(stub)
    colliding(stub)
    stub["dynamodb"].add_response("transact_write_items", {})
    assert world.jobs.create(JOB, None, None, TALLIED)
    assert len(pauses) == 2


@pytest.mark.parametrize(("reason", "times"), [("TransactionConflict", 8), ("ThrottlingError", 1)])
def test_one_that_collides_for_ever_or_is_throttled_is_sent_away(
    world: Backend, stub: dict[str, Stubber], pauses: list[int], reason: str, times: int
) -> None:
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}})
    for _ in range(times):
        colliding(stub, reason)
    with pytest.raises(Throttled, match=r"jobs\.create"):
        world.jobs.create(JOB, None, None, TALLIED)
    assert len(pauses) == times - 1


def test_a_failed_condition_outweighs_a_collision(world: Backend, stub: dict[str, Stubber]) -> None:
    stub["dynamodb"].add_response("batch_write_item", {"UnprocessedItems": {}})  # the rows of the lists
    stub["dynamodb"].add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"}]},
    )
    assert world.jobs.create(JOB, None, None) is False


@pytest.mark.parametrize("code", ["TransactionInProgressException", "ServiceUnavailable"])
def test_what_may_have_been_applied_is_not_called_throttled(
    world: Backend, stub: dict[str, Stubber], code: str
) -> None:
    """``Throttled`` promises that nothing was applied; a repeat of a transaction under way promises no such thing."""
    failing(stub, "jobs.create", code)
    with pytest.raises(PortError) as raised:
        world.jobs.create(JOB, None, None)
    assert type(raised.value) is PortError


def test_a_condition_fails_without_a_record(world: Backend, stub: dict[str, Stubber]) -> None:
    failing(stub, "executions.swap", "ConditionalCheckFailedException")
    with pytest.raises(Fenced):
        world.executions.swap(execution(JOB), 1)


def test_a_launch_that_fails(stub: dict[str, Stubber]) -> None:
    launcher = LambdaLauncher(MADE["lambda"], "scheduler")
    stub["lambda"].add_response(
        "invoke",
        {"StatusCode": 202},
        {"FunctionName": "scheduler", "InvocationType": "Event", "Payload": b'{"instance": 1}'},
    )
    launcher.launch(1)
    stub["lambda"].add_client_error("invoke", "TooManyRequestsException")
    with pytest.raises(Throttled, match=r"launcher\.launch scheduler"):
        launcher.launch(1)


@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("change_message_visibility_batch", lambda world: world.queue.hide(ROUTE, ["gone", "kept"], 2_000)),
        ("delete_message_batch", lambda world: world.queue.delete(ROUTE, ["gone", "kept"])),
    ],
)
def test_of_several_messages_only_what_the_service_could_not_do_counts_as_failed(
    world: Backend, stub: dict[str, Stubber], operation: str, act: Callable[[Backend], object]
) -> None:
    gone = {"Id": "0", "SenderFault": True, "Code": "ReceiptHandleIsInvalid", "Message": "expired"}
    broken = {"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "down"}
    stub["sqs"].add_response(operation, {"Successful": [{"Id": "1"}], "Failed": [gone]})
    act(world)
    stub["sqs"].add_response(operation, {"Successful": [], "Failed": [gone, broken]})
    with pytest.raises(PortError, match="1 failed: down"):
        act(world)
