"""Executions in DynamoDB: the records that decide what ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.dynamo import number, pages, read_all, text
from tidewheel.adapters.aws.records import (
    execution_item,
    execution_key,
    missed_from,
    missed_item,
    missed_sort,
    read_execution,
    read_listed,
    read_missed,
    read_page,
)
from tidewheel.domain.execution import Execution
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.misfire import Missed
from tidewheel.names import EXECUTIONS_BY_DEATH_INDEX
from tidewheel.ports import ExecutionKey, Lost, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoExecutions:
    """``ports.Executions`` on the Executions table: one write unit a step, as long as a record fits 1 KB."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, id: str) -> Execution | None:
        """See ``ports.Executions``."""
        key = execution_key(tenant, ExecutionId.parse(id).job, id)
        with translated("executions.get", id):
            answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return read_execution(answer["Item"]) if "Item" in answer else None

    def present(self, keys: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """See ``ports.Executions``."""
        wanted = {(tenant, id): execution_key(tenant, ExecutionId.parse(id).job, id) for tenant, id in keys}
        items = read_all(self.client, "executions.present", self.table, list(wanted.values()))
        return {(item["pk"]["S"].partition("#")[0], item["sk"]["S"]) for item in items}

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """See ``ports.Executions``."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if expected is not None:
            condition = {
                "ConditionExpression": "ver = :ver",
                "ExpressionAttributeValues": {":ver": number(expected)},
            }
        with translated("executions.swap", new.id):
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item=execution_item(new),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                return _standing(new, error)
        return None

    def account(self, row: Missed) -> None:
        """See ``ports.Executions``. The copy that lists show is written last: what they show, the ledger knows."""
        with translated("executions.account", row.id):
            for sort in (missed_sort(row), row.id):
                self.client.put_item(TableName=self.table, Item=missed_item(row, sort))

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """See ``ports.Executions``."""
        items = pages(
            self.client,
            "executions.missed",
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": text(f"{tenant}#{job}"),
                ":first": text(missed_from(job, from_ms)),
                ":last": text(f"{job}/~"),
            },
            ConsistentRead=True,
        )
        return [row for row in map(read_missed, items) if row.from_ms <= until_ms]

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """See ``ports.Executions``."""
        with translated("executions.list", job):
            page = self.client.query(
                TableName=self.table,
                KeyConditionExpression="pk = :pk AND sk < :before",
                ExpressionAttributeValues={":pk": text(f"{tenant}#{job}"), ":before": text(before or f"{job}-~")},
                ScanIndexForward=False,
                Limit=limit,
                ConsistentRead=True,
            )
        return read_page(page, "sk", read_listed)

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """See ``ports.Executions``. The index is sparse: what succeeds is not in it and pays nothing for it."""
        with translated("executions.dead", tenant):
            page = self.client.query(
                TableName=self.table,
                IndexName=EXECUTIONS_BY_DEATH_INDEX,
                KeyConditionExpression="dt = :tenant AND de < :before",
                ExpressionAttributeValues={":tenant": text(tenant), ":before": text(before or "~")},
                ScanIndexForward=False,
                Limit=limit,
            )
        return read_page(page, "de", read_execution)


def _standing(new: Execution, error: ClientError) -> Execution | None:
    """The record in the way; None if it is ours, written by a try that was reported as failed."""
    item: Any = error.response.get("Item")
    if not item:
        raise Lost("executions.swap", new.id, "the record is gone") from error
    standing = read_execution(item)
    return None if standing == new else standing
