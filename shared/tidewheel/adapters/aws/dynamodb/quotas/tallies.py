"""The tallies of tenants' active jobs in DynamoDB: items of the Jobs table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import swap
from tidewheel.adapters.aws.dynamodb.items import Item, NewItem, item_key, number, reads
from tidewheel.domain import keys
from tidewheel.domain.quotas.tally import Tally, TallyChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoTallies:
    """``ports.Tallies`` on the Jobs table; what a write of a job changes is in that write's transaction."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str) -> Tally | None:
        """See ``ports.Tallies``."""
        with translated("tallies.get", tenant):
            answer = self.client.get_item(TableName=self.table, Key=tally_key(tenant), ConsistentRead=True)
        return read_tally(answer["Item"]) if "Item" in answer else None

    def swap(self, new: Tally) -> Tally | None:
        """See ``ports.Tallies``."""
        item = swap(self.client, "tallies.swap", new.tenant, self.table, tally_item(new), new.version - 1 or None)
        standing = read_tally(item) if item else None
        return None if standing == new else standing


def tally_key(tenant: str) -> NewItem:
    """The key of a tenant's tally."""
    return item_key(keys.tally_partition(tenant), keys.TALLY_SORT)


def tally_item(tally: Tally) -> NewItem:
    """A tally as an item."""
    return {
        **tally_key(tally.tenant),
        "n": number(tally.count),
        "ao": number(tally.as_of_ms),
        "en": number(tally.ends_ms),
        "co": number(tally.counted_ms),
        "ma": number(tally.made_ms),
        "li": number(tally.limit),
        "ver": number(tally.version),
    }


@reads("tally")
def read_tally(item: Item) -> Tally:
    """The inverse of ``tally_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return Tally(
        keys.parse_tally_partition(item["pk"]["S"]),
        count=int(item["n"]["N"]),
        as_of_ms=int(item["ao"]["N"]),
        ends_ms=int(item["en"]["N"]),
        counted_ms=int(item["co"]["N"]),
        made_ms=int(item["ma"]["N"]),
        limit=int(item["li"]["N"]),
        version=int(item["ver"]["N"]),
    )


def tally_update(table: str, change: TallyChange) -> dict[str, Any]:
    """The part of a transaction that changes a tally."""
    conditions, values = ["ao = :as_of"], {":as_of": number(change.tally.as_of_ms), ":one": number(1)}
    update = "ADD ver :one, n :by"
    values[":by"] = number(change.by)
    if change.by > 0:
        conditions.append("n < :most")
        values[":most"] = number(change.most)
    if change.ends_ms is not None:
        conditions.append("en = :before")
        update = f"SET en = :ends {update}"
        values |= {":before": number(change.tally.ends_ms), ":ends": number(change.ends_ms)}
    return {
        "Update": {
            "TableName": table,
            "Key": tally_key(change.tally.tenant),
            "UpdateExpression": update,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
