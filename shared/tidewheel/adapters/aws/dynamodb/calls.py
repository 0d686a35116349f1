"""What the stores ask of DynamoDB: every page of a query, full batches, conditional puts, transactions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CALL_BOUND_MS, CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.deadlines import sent_in_time
from tidewheel.adapters.aws.dynamodb.items import Item, number, text
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.keys import FIRST
from tidewheel.domain.limits import JOBS_AT_ONCE, WRITE_BOUND_MS
from tidewheel.domain.wheel.entries import Placed
from tidewheel.ports import Clock, Fenced, Refused, Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ABSENT = "attribute_not_exists(pk)"
"""The condition that there is no such item."""
_WRITE_BATCH = 25  # items in one BatchWriteItem (Amazon DynamoDB quotas)
_SETBACKS = 5  # batches in a row that are not done in full, before the caller is told
_PAUSE_MS = 50
_LONGER = 3  # how often the longest pause between two tries of a transaction doubles
_CLOCK: Clock = SystemClock()  # DynamoDB's own back-off, below the engine's clock


def pages(client: DynamoDBClient, operation: str, **query: Any) -> Iterator[Item]:
    """Every item of a query, page after page."""
    start: dict[str, Any] = {}
    while True:
        with translated(operation, str(query["TableName"])):
            page = client.query(**query, **start)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def items_between(
    client: DynamoDBClient, operation: str, table: str, partition: str, low: str, high: str
) -> Iterator[Item]:
    """Every item of a partition whose sort key lies between two, both included, as of now."""
    return pages(
        client,
        operation,
        TableName=table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues={":pk": text(partition), ":low": text(low), ":high": text(high)},
        ConsistentRead=True,
    )


def page_after(
    client: DynamoDBClient,
    operation: str,
    subject: str,
    table: str,
    partition: str,
    after: str | None,
    limit: int,
    *,
    consistent: bool = True,
) -> Any:
    """What a query answers for the items of a partition whose sort keys follow one, or for the first ones."""
    values = {":pk": text(partition), ":after": text(after or FIRST)}
    with translated(operation, subject):
        return client.query(
            TableName=table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=values,
            Limit=limit,
            ConsistentRead=consistent,
        )


def page_before(
    client: DynamoDBClient,
    operation: str,
    subject: str,
    table: str,
    partition: str,
    before: str,
    limit: int,
    *,
    consistent: bool = True,
) -> Any:
    """The same for those before one, the last of them first."""
    with translated(operation, subject):
        return client.query(
            TableName=table,
            KeyConditionExpression="pk = :pk AND sk < :before",
            ExpressionAttributeValues={":pk": text(partition), ":before": text(before)},
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=consistent,
        )


def write_all(client: DynamoDBClient, operation: str, table: str, requests: Sequence[Any]) -> None:
    """Writes in full batches; only what was left unprocessed is tried again. Ends within ``limits.WRITE_BOUND_MS``.

    Raises:
        Throttled: Items were still unprocessed after several tries, or when the time was up.
    """

    def write(batch: Sequence[Any]) -> Sequence[Any]:
        return client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"].get(table, [])

    _in_batches(operation, table, requests, _WRITE_BATCH, write, last_start_ms())


def read_all(
    client: DynamoDBClient, operation: str, table: str, keys: Sequence[Any], *, consistent: bool = False
) -> Sequence[Item]:
    """Reads many items in full batches, eventually consistent unless asked; what was left unprocessed is tried again.

    Raises:
        Throttled: Items were still unprocessed after several tries.
    """
    found: list[Item] = []
    read_into(found, client, operation, table, keys, consistent=consistent)
    return found


def read_into(
    found: list[Item],
    client: DynamoDBClient,
    operation: str,
    table: str,
    keys: Sequence[Any],
    *,
    consistent: bool = False,
    until_ms: int | None = None,
) -> None:
    """As ``read_all``, but what was read before an error stays; no batch begins after ``until_ms``."""
    how = {"ConsistentRead": True} if consistent else {}

    def read(batch: Sequence[Any]) -> Sequence[Any]:
        asked: Any = {"Keys": batch, **how}
        answer = client.batch_get_item(RequestItems={table: asked})
        found.extend(answer["Responses"].get(table, []))
        unprocessed = answer["UnprocessedKeys"]
        return unprocessed[table]["Keys"] if table in unprocessed else []

    _in_batches(operation, table, keys, JOBS_AT_ONCE, read, until_ms)


def last_start_ms() -> int:
    """Until when (monotonic ms) a call may begin that is to end within ``limits.WRITE_BOUND_MS`` from now."""
    return _CLOCK.monotonic_ms() + WRITE_BOUND_MS - CALL_BOUND_MS


def _in_batches(
    operation: str,
    table: str,
    pending: Sequence[Any],
    largest: int,
    send: Callable[[Sequence[Any]], Sequence[Any]],
    until_ms: int | None = None,
) -> None:
    """Sends everything in batches; ``send`` returns what was left unprocessed of a batch.

    A batch that was throttled, or done in part, halves those that follow; each that is done in full doubles them
    again. No batch begins after ``until_ms``.
    """
    size, setbacks = largest, 0
    while pending:
        left = _left(operation, table, pending[:size], send)
        pending = [*pending[size:], *left]
        size, setbacks = (max(1, size // 2), setbacks + 1) if left else (min(largest, 2 * size), 0)
        if setbacks == _SETBACKS or (pending and until_ms is not None and _CLOCK.monotonic_ms() >= until_ms):
            raise Throttled(operation, table, f"{len(pending)} items were left unprocessed")
        if setbacks:
            _CLOCK.sleep(jitter_ms(_PAUSE_MS << (setbacks - 1)))


def _left(
    operation: str, table: str, batch: Sequence[Any], send: Callable[[Sequence[Any]], Sequence[Any]]
) -> Sequence[Any]:
    """Sends one batch; all of it is left if the request itself was throttled."""
    try:
        with translated(operation, table):
            return send(batch)
    except Throttled:
        return batch


def jitter_ms(longest_ms: int) -> int:
    """A random wait up to the longest, so that callers that were throttled together do not retry together."""
    return random.randint(0, longest_ms)  # noqa: S311 - spreads tries, guards nothing


def on_condition(
    operation: str, subject: str, write: Callable[..., Mapping[str, Any]], **request: Any
) -> tuple[Mapping[str, Any] | None, Item | None]:
    """Sends a write that has a condition.

    Args:
        operation: What is tried.
        subject: On what.
        write: The client's method, such as ``put_item``.
        request: Its arguments.

    Returns:
        The answer and None; or None and the item that did not meet the condition, if there is one and the request asks
        for it.
    """
    with translated(operation, subject):
        try:
            return write(**request), None
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise
            standing: Any = error.response.get("Item")
            return None, standing


def swap(
    client: DynamoDBClient, operation: str, subject: str, table: str, item: Mapping[str, Any], expected: int | None
) -> Item | None:
    """Puts an item if the stored version (``ver``) is as expected (None: if there is none).

    Returns:
        None if it was written, else the stored item. That is the same one if an earlier try, reported as failed, had
        written it.

    Raises:
        Fenced: No item is there although one was expected.
    """
    put: dict[str, Any] = {"TableName": table, "Item": item, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if expected is None:
        put |= {"ConditionExpression": ABSENT}
    else:
        put |= {"ConditionExpression": "ver = :ver", "ExpressionAttributeValues": {":ver": number(expected)}}
    written, standing = on_condition(operation, subject, client.put_item, **put)
    if written is None and not standing:
        raise Fenced(operation, subject, "the item to be replaced is gone")
    return standing


def transact(
    client: DynamoDBClient,
    operation: str,
    subject: str,
    items: Sequence[Any],
    placed: Placed | None = None,
    tries: int = 1,
) -> Sequence[Any] | None:
    """Writes all items or none.

    Args:
        client: DynamoDB.
        operation: What is tried.
        subject: On what.
        items: What is written.
        placed: The wheel entry among the items, whose deadline holds for all of them; None if there is none.
        tries: How often it is sent at most while it conflicts with other transactions, with growing pauses.

    Returns:
        None if they were written, else the reasons, one for each item, why a condition was not met.

    Raises:
        Refused: An item is refused for what it says.
        Throttled: It conflicted with another transaction, or the tables are too busy.
        TooLate: It was not sent before the deadline.
    """
    for tried in range(tries):
        try:
            return _transacted(client, operation, subject, items, placed)
        except _Collided:
            if tried + 1 == tries:
                raise
            _CLOCK.sleep(jitter_ms(_PAUSE_MS << min(tried, _LONGER)))
    raise AssertionError("it is tried once at least")


class _Collided(Throttled):
    """Another transaction was writing one of the items; this one was not applied."""


def _transacted(
    client: DynamoDBClient, operation: str, subject: str, items: Sequence[Any], placed: Placed | None
) -> Sequence[Any] | None:
    with translated(operation, subject), sent_in_time(operation, placed):
        try:
            client.transact_write_items(TransactItems=items)
        except client.exceptions.TransactionCanceledException as error:
            reasons = error.response.get("CancellationReasons", [])
            codes = {reason.get("Code") for reason in reasons}
            if "ConditionalCheckFailed" in codes:
                return list(reasons)
            if "ValidationError" in codes:
                raise Refused(operation, subject, str(error), mendable=False) from error
            collided = codes <= {"TransactionConflict", "None", None}
            raise (_Collided if collided else Throttled)(operation, subject, str(error)) from error
    return None
