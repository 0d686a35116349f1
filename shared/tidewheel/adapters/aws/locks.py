"""The locks of jobs whose runs may not overlap, in DynamoDB: one row each, beside the job's executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.dynamo import Item, get_text, number, text, without_nones
from tidewheel.adapters.aws.records import execution_key, reading, ttl
from tidewheel.domain.overlap import Lock
from tidewheel.ports import Lost

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
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if new.version > 1:
            condition = {
                "ConditionExpression": "ver = :ver",
                "ExpressionAttributeValues": {":ver": number(new.version - 1)},
            }
        with translated("locks.swap", new.job):
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item=lock_item(new),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                return _standing(new, error)
        return None


def _standing(new: Lock, error: ClientError) -> Lock | None:
    """The lock in the way; None if it is ours, written by a try that was reported as failed."""
    item: Any = error.response.get("Item")
    if not item:
        raise Lost("locks.swap", new.job, "the lock is gone") from error
    standing = read_lock(item)
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
