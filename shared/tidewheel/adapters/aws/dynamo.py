"""What the DynamoDB stores share: attribute values, pages, batches, transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.ports import Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]
_WRITE_BATCH = 25  # items in one BatchWriteItem (Amazon DynamoDB quotas)
_READ_BATCH = 100  # items in one BatchGetItem (Amazon DynamoDB quotas)
_BATCH_TRIES = 5


def text(value: str) -> dict[str, str]:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> dict[str, str]:
    """A number attribute."""
    return {"N": str(value)}


def without_nones(item: Mapping[str, dict[str, str] | None]) -> dict[str, dict[str, str]]:
    """The item without its absent attributes."""
    return {name: value for name, value in item.items() if value is not None}


def get_text(item: Item, name: str, default: str = "") -> str:
    """A string attribute's value, or the default."""
    return str(item[name]["S"]) if name in item else default


def get_number(item: Item, name: str) -> int | None:
    """A number attribute's value, or None."""
    return int(item[name]["N"]) if name in item else None


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


def write_all(client: DynamoDBClient, operation: str, table: str, requests: Sequence[Any]) -> None:
    """Writes in full batches; what DynamoDB leaves unprocessed is tried again, a little later each time.

    Raises:
        Throttled: Something was still unprocessed after several tries.
    """

    def write(batch: Sequence[Any]) -> Sequence[Any]:
        return client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"].get(table, [])

    _in_batches(operation, table, requests, _WRITE_BATCH, write, "writes")


def read_all(client: DynamoDBClient, operation: str, table: str, keys: Sequence[Any]) -> Sequence[Item]:
    """Reads many items, eventually consistent, in full batches.

    Raises:
        Throttled: Something was still unprocessed after several tries.
    """
    found: list[Item] = []

    def read(batch: Sequence[Any]) -> Sequence[Any]:
        answer = client.batch_get_item(RequestItems={table: {"Keys": batch}})
        found.extend(answer["Responses"].get(table, []))
        unprocessed = answer["UnprocessedKeys"]
        return unprocessed[table]["Keys"] if table in unprocessed else []

    _in_batches(operation, table, keys, _READ_BATCH, read, "reads")
    return found


def _in_batches(
    operation: str,
    table: str,
    pending: Sequence[Any],
    size: int,
    send: Callable[[Sequence[Any]], Sequence[Any]],
    what: str,
) -> None:
    """Sends all in batches; ``send`` answers what was left unprocessed of one."""
    for attempt in range(_BATCH_TRIES):
        left: list[Any] = []
        for start in range(0, len(pending), size):
            with translated(operation, table):
                left += send(pending[start : start + size])
        if not left:
            return
        pending = left
        _pause(attempt)
    raise Throttled(operation, table, f"{len(pending)} {what} were left unprocessed")


def _pause(attempt: int) -> None:
    time.sleep(0.05 * 2**attempt)  # noqa: TID251 - DynamoDB's own back-off, below any clock of ours


def transact(client: DynamoDBClient, operation: str, subject: str, items: Sequence[Any]) -> Sequence[Any] | None:
    """Writes all items or none.

    Returns:
        None if they were written, else the reasons, one for each item, why a condition was not met.

    Raises:
        Throttled: It collided with another transaction, or the tables are too busy.
    """
    with translated(operation, subject):
        try:
            client.transact_write_items(TransactItems=items)
        except client.exceptions.TransactionCanceledException as error:
            reasons = error.response.get("CancellationReasons", [])
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                return list(reasons)
            raise Throttled(operation, subject, str(error)) from error
    return None
