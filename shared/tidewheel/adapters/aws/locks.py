"""The locks of jobs whose runs may not overlap, in DynamoDB: one row each, beside the job's executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamo import Item, get_text, number, swap, text, without_nones
from tidewheel.adapters.aws.records import execution_key, reading, ttl
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


def lock_key(tenant: str, job: str) -> dict[str, dict[str, str]]:
    """Key of a job's lock: behind its executions and its ledger's rows, where no list reaches."""
    return execution_key(tenant, job, f"{job}~lock")


def lock_item(lock: Lock) -> dict[str, dict[str, str]]:
    """A lock as an item."""
    return without_nones(
        {
            **lock_key(lock.tenant, lock.job),
            "ho": text(lock.holder) if lock.holder else None,
            "wa": text(lock.waiter) if lock.waiter else None,
            "ver": number(lock.version),
            "wr": number(lock.written_ms),
            "ttl": ttl(lock.expires_ms()),
        }
    )


def read_lock(item: Item) -> Lock:
    """The inverse of ``lock_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("lock", item, lambda: _read_lock(item))


def _read_lock(item: Item) -> Lock:
    tenant, _, job = item["pk"]["S"].partition("#")
    return Lock(
        tenant,
        job,
        holder=get_text(item, "ho"),
        waiter=get_text(item, "wa"),
        version=int(item["ver"]["N"]),
        written_ms=int(item["wr"]["N"]),
    )
