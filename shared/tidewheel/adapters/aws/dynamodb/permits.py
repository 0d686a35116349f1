"""Permits in DynamoDB: items of the Executions table, in a partition for each tenant that is no job's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.dynamodb.calls import ABSENT, items_between, on_condition
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_number,
    get_text,
    item_key,
    number,
    optional_number,
    optional_text,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.permits.permit import Permit, open_before_ms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OWN = "ho = :ho"


@dataclass(frozen=True, slots=True)
class DynamoPermits:
    """``ports.Permits`` on the Executions table: a unit for each write, and one for 4 KB that are read."""

    client: DynamoDBClient
    table: str

    def all(self, tenant: str, first: int = 0) -> Sequence[Permit]:
        """See ``ports.Permits``."""
        partition, low = keys.permit_partition(tenant), keys.permit_sort(first)
        items = items_between(self.client, "permits.all", self.table, partition, low, keys.LAST)
        return [read_permit(item) for item in items]

    def take(self, permit: Permit, now_ms: int, replaced: str = "") -> bool:
        """See ``ports.Permits``. A permit that was left has the lease 0, which is long over."""
        condition, values = f"{ABSENT} OR {_OWN} OR un < :un", {":un": number(open_before_ms(now_ms))}
        if replaced:
            condition, values = f"{condition} OR ho = :re", {**values, ":re": text(replaced)}
        return self._put("permits.take", permit_item(permit), permit, condition, values)

    def hold(self, permit: Permit) -> bool:
        """See ``ports.Permits``."""
        return self._put("permits.hold", permit_item(permit), permit, _OWN)

    def leave(self, permit: Permit) -> None:
        """See ``ports.Permits``."""
        self._put("permits.leave", permit_item(permit.returned()), permit, _OWN)

    def _put(
        self, operation: str, item: Item, permit: Permit, condition: str, values: Mapping[str, Any] | None = None
    ) -> bool:
        written, _ = on_condition(
            operation,
            permit.tenant,
            self.client.put_item,
            TableName=self.table,
            Item=item,
            ConditionExpression=condition,
            ExpressionAttributeValues={":ho": text(permit.holder), **(values or {})},
        )
        return written is not None


def permit_key(tenant: str, permit: int) -> NewItem:
    """The key of a permit."""
    return item_key(keys.permit_partition(tenant), keys.permit_sort(permit))


def permit_item(permit: Permit) -> NewItem:
    """A permit as an item. One that was left is kept: a tenant has as many as its limit, and no more."""
    return without_nones(
        {
            **permit_key(permit.tenant, permit.number),
            "ho": optional_text(permit.holder),
            "un": number(permit.until_ms),
            "at": optional_number(permit.attempt or None),
            "rd": optional_number(permit.redriven_ms or None),
            "si": optional_number(permit.since_ms or None),
            "ttl": ttl(permit.expires_ms()) if permit.holder else None,
        }
    )


@reads("permit")
def read_permit(item: Item) -> Permit:
    """The inverse of ``permit_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    tenant = keys.parse_permit_partition(item["pk"]["S"])
    return Permit(
        tenant,
        keys.parse_permit_sort(item["sk"]["S"]),
        get_text(item, "ho"),
        int(item["un"]["N"]),
        get_number(item, "at") or 0,
        get_number(item, "rd") or 0,
        get_number(item, "si") or 0,
    )
