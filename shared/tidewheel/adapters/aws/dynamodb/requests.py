"""Requests under idempotency keys in DynamoDB: items of the Jobs table, each in a partition of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import ABSENT, on_condition
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_text,
    item_key,
    number,
    optional_text,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.repeats import Remembered

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoRequests:
    """``ports.Requests`` on the Jobs table: a unit for each write and each read, more with a large plan or result."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, name: str, now_ms: int) -> Remembered | None:
        """See ``ports.Requests``."""
        with translated("requests.get", tenant):
            answer = self.client.get_item(TableName=self.table, Key=request_key(tenant, name), ConsistentRead=True)
        found = read_request(answer["Item"]) if "Item" in answer else None
        return found if found is not None and found.counts(now_ms) else None

    def begin(self, new: Remembered, now_ms: int) -> Remembered | None:
        """See ``ports.Requests``. DynamoDB may keep an item for days after its time."""
        written, item = on_condition(
            "requests.begin",
            new.tenant,
            self.client.put_item,
            TableName=self.table,
            Item=request_item(new),
            ConditionExpression=f"{ABSENT} OR ex <= :now",
            ExpressionAttributeValues={":now": number(now_ms)},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if written is not None:
            return None
        standing = read_request(item or {})
        return None if standing == new else standing

    def fulfil(self, done: Remembered) -> None:
        """See ``ports.Requests``."""
        with translated("requests.fulfil", done.tenant):
            self.client.put_item(TableName=self.table, Item=request_item(done))


def request_key(tenant: str, name: str) -> NewItem:
    """The key of a request's item."""
    return item_key(keys.request_partition(tenant, name), keys.REQUEST_SORT)


def request_item(request: Remembered) -> NewItem:
    """A request as an item. Its name is kept whole beside the key, which holds a hash of it."""
    return without_nones(
        {
            **request_key(request.tenant, request.name),
            "t": text(request.tenant),
            "n": text(request.name),
            "dg": text(request.digest),
            "ex": number(request.expires_ms),
            "pl": optional_text(request.plan),
            "x": optional_text(request.result),
            "ttl": ttl(request.expires_ms),
        }
    )


@reads("request")
def read_request(item: Item) -> Remembered:
    """The inverse of ``request_item``.

    Raises:
        Unreadable: Another version's item, or a damaged one.
    """
    return Remembered(
        tenant=item["t"]["S"],
        name=item["n"]["S"],
        digest=item["dg"]["S"],
        expires_ms=int(item["ex"]["N"]),
        plan=get_text(item, "pl"),
        result=get_text(item, "x"),
    )
