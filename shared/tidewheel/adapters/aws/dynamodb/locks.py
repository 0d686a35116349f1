"""Overlap locks in DynamoDB: one item for each job whose runs may not overlap, beside its executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import swap
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_text,
    item_key,
    number,
    optional_text,
    reads,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.executions.overlap import Lock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoLocks:
    """``ports.Locks`` on the Executions table: a unit for each write and each read."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, job: str) -> Lock | None:
        """See ``ports.Locks``."""
        with translated("locks.get", job):
            answer = self.client.get_item(TableName=self.table, Key=lock_key(tenant, job), ConsistentRead=True)
        return read_lock(answer["Item"]) if "Item" in answer else None

    def swap(self, new: Lock) -> Lock | None:
        """See ``ports.Locks``."""
        expected = new.version - 1 or None
        item = swap(self.client, "locks.swap", new.job, self.table, lock_item(new), expected)
        standing = read_lock(item) if item else None
        return None if standing == new else standing


def lock_key(tenant: str, job: str) -> NewItem:
    """The key of a job's lock."""
    return item_key(keys.job_partition(tenant, job), keys.lock_sort(job))


def lock_item(lock: Lock) -> NewItem:
    """A lock as an item."""
    return without_nones(
        {
            **lock_key(lock.tenant, lock.job),
            "ho": optional_text(lock.holder),
            "wa": optional_text(lock.waiter),
            "ver": number(lock.version),
            "wr": number(lock.written_ms),
            "ttl": ttl(lock.expires_ms()),
        }
    )


@reads("lock")
def read_lock(item: Item) -> Lock:
    """The inverse of ``lock_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    tenant, job = keys.parse_job_partition(item["pk"]["S"])
    return Lock(
        tenant,
        job,
        holder=get_text(item, "ho"),
        waiter=get_text(item, "wa"),
        version=int(item["ver"]["N"]),
        written_ms=int(item["wr"]["N"]),
    )
