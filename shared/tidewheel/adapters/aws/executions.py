"""Executions in DynamoDB: the records that decide what ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamo import pages, read_all, swap, text
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
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.ids import ExecutionId
from tidewheel.names import EXECUTIONS_BY_FAILURE_INDEX
from tidewheel.ports import ExecutionKey, Page

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
        item = swap(self.client, "executions.swap", new.id, self.table, execution_item(new), expected)
        standing = read_execution(item) if item else None
        return None if standing == new else standing

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
                IndexName=EXECUTIONS_BY_FAILURE_INDEX,
                KeyConditionExpression="dt = :tenant AND de < :before",
                ExpressionAttributeValues={":tenant": text(tenant), ":before": text(before or "~")},
                ScanIndexForward=False,
                Limit=limit,
            )
        return read_page(page, "de", read_execution)
