"""The counters of tenants' limits in DynamoDB: items of the Executions table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import on_condition
from tidewheel.adapters.aws.dynamodb.items import NewItem, get_number, item_key, number, ttl
from tidewheel.domain import keys
from tidewheel.domain.limits import COUNTER_RETENTION_MS
from tidewheel.domain.quotas.limit import Window
from tidewheel.domain.quotas.tokens import Taken

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoCounters:
    """``ports.Counters`` on the Executions table: a write unit for each lease, and a read unit for each counter.

    One item takes 1,000 write units a second (Amazon DynamoDB, partitions). A window gets some hundreds of leases in
    all, because they grow with the limit, so that a counter needs no parts.
    """

    client: DynamoDBClient
    table: str

    def take(self, tenant: str, window: Window, amount: int, total: int) -> Taken:
        """See ``ports.Counters``. If fewer are left than were asked for, those are asked for by another write."""
        amount = min(amount, total)
        while amount > 0:
            granted, used = self._added(tenant, window, amount, total)
            if granted:
                return Taken(amount, used)
            if used >= total:
                return Taken(0, used)
            amount = min(amount, total - used)
        return Taken(0, self.used(tenant, [window])[window])

    def _added(self, tenant: str, window: Window, amount: int, total: int) -> tuple[bool, int]:
        """Whether the tokens were leased, and how many of the window are by now."""
        update: dict[str, Any] = {
            "TableName": self.table,
            "Key": counter_key(tenant, window),
            "UpdateExpression": "ADD n :amount SET #ttl = :ttl",
            "ConditionExpression": "attribute_not_exists(n) OR n <= :most",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":amount": number(amount),
                ":most": number(total - amount),
                ":ttl": ttl(window.until_ms + COUNTER_RETENTION_MS),
            },
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        answer, standing = on_condition("counters.take", tenant, self.client.update_item, **update)
        return answer is not None, get_number(answer["Attributes"] if answer else standing or {}, "n") or 0

    def used(self, tenant: str, windows: Sequence[Window]) -> Mapping[Window, int]:
        """See ``ports.Counters``."""
        found: dict[Window, int] = {}
        for window in windows:
            with translated("counters.used", tenant):
                answer = self.client.get_item(
                    TableName=self.table, Key=counter_key(tenant, window), ConsistentRead=True
                )
            found[window] = get_number(answer.get("Item", {}), "n") or 0
        return found


def counter_key(tenant: str, window: Window) -> NewItem:
    """The key of a window's counter."""
    return item_key(keys.usage_partition(tenant), keys.window_sort(window.limit, window.from_ms))
