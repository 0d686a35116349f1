"""Executions and ledger rows in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import items_between, page_before, read_all, swap
from tidewheel.adapters.aws.dynamodb.execution_items import (
    execution_attributes,
    execution_item,
    execution_key,
    read_execution,
)
from tidewheel.adapters.aws.dynamodb.grouped_swaps import GroupedSwaps
from tidewheel.adapters.aws.dynamodb.items import read_page, text
from tidewheel.adapters.aws.dynamodb.ledger_items import missed_item, read_listed, read_missed
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.limits import READ_SIDE_BY_SIDE
from tidewheel.domain.workflows.runs.limits import NODES_TOGETHER
from tidewheel.names import EXECUTIONS_BY_FAILURE_INDEX
from tidewheel.ports import ExecutionKey, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoExecutions:
    """``ports.Executions`` on the Executions table: one write unit for each step, as long as a record fits 1 KB.

    Args:
        client: DynamoDB.
        table: Physical name.
        swaps: Writes of several threads go together through it; None: each goes alone.
    """

    client: DynamoDBClient
    table: str
    swaps: GroupedSwaps | None = None

    def get(self, tenant: str, id: str) -> Execution | None:
        """See ``ports.Executions``."""
        key = execution_key(tenant, id)
        with translated("executions.get", id):
            answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return read_execution(answer["Item"]) if "Item" in answer else None

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        """See ``ports.Executions``."""
        once = {(tenant, id): execution_key(tenant, id) for tenant, id in wanted}
        items = read_all(self.client, "executions.present", self.table, list(once.values()))
        return {(keys.parse_tenant(item["pk"]["S"]), item["sk"]["S"]) for item in items}

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        """See ``ports.Executions``. A hundred in a request; half a read unit each."""
        once = {(tenant, id): execution_key(tenant, id) for tenant, id in wanted}
        items = read_all(self.client, "executions.several", self.table, list(once.values()))
        page = read_page({"Items": items}, "sk", read_execution)
        return {(record.tenant, record.id): record for record in page.items}

    def swap(self, new: Execution, expected: int | None) -> Execution | None:
        """See ``ports.Executions``."""
        if self.swaps:
            item = self.swaps.swap(new.id, execution_attributes(new), expected)
        else:
            item = swap(self.client, "executions.swap", new.id, self.table, execution_item(new), expected)
        standing = read_execution(item) if item else None
        return None if standing == new else standing

    def nodes(self, tenant: str, run: str, count: int) -> Sequence[Execution]:
        """See ``ports.Executions``. A query for each ``NODES_TOGETHER`` steps, several at once."""
        partitions = [keys.node_partition(tenant, run, part) for part in range(-(-count // NODES_TOGETHER))]

        def records(partition: str) -> list[Execution]:
            items = items_between(self.client, "executions.nodes", self.table, partition, keys.FIRST, keys.LAST)
            return [read_execution(item) for item in items]

        if len(partitions) == 1:
            return records(partitions[0])
        with ThreadPoolExecutor(READ_SIDE_BY_SIDE) as pool:
            return [record for found in pool.map(records, partitions) for record in found]

    def account(self, row: Missed) -> None:
        """See ``ports.Executions``. The copy that lists show is written last: what lists show, ``missed`` finds."""
        with translated("executions.account", row.id):
            for sort in (keys.missed_by_end_sort(row.job, row.from_ms, row.until_ms), row.id):
                self.client.put_item(TableName=self.table, Item=missed_item(row, sort))

    def missed(self, tenant: str, job: str, from_ms: int, until_ms: int) -> Sequence[Missed]:
        """See ``ports.Executions``."""
        partition, span = keys.job_partition(tenant, job), keys.missed_by_end_range(job, from_ms)
        items = items_between(self.client, "executions.missed", self.table, partition, *span)
        return [row for row in map(read_missed, items) if row.from_ms <= until_ms]

    def list(self, tenant: str, job: str, limit: int, before: str | None) -> Page[Execution | Missed]:
        """See ``ports.Executions``."""
        return self._page(tenant, job, limit, before, consistent=True)

    def heads(self, tenant: str, jobs: Mapping[str, str], limit: int) -> Mapping[str, Page[Execution | Missed]]:
        """See ``ports.Executions``. A query for each job, several at once."""

        def head(job: str) -> Page[Execution | Missed]:
            return self._page(tenant, job, limit, jobs[job], consistent=False)

        if len(jobs) <= 1:
            return {job: head(job) for job in jobs}
        with ThreadPoolExecutor(READ_SIDE_BY_SIDE) as pool:
            return dict(zip(jobs, pool.map(head, jobs), strict=True))

    def _page(
        self, tenant: str, job: str, limit: int, before: str | None, *, consistent: bool
    ) -> Page[Execution | Missed]:
        partition, bound = keys.job_partition(tenant, job), before or keys.execution_range(job)[1]
        page = page_before(
            self.client, "executions.list", job, self.table, partition, bound, limit, consistent=consistent
        )
        return read_page(page, "sk", read_listed)

    def dead(self, tenant: str, limit: int, before: str | None) -> Page[Execution]:
        """See ``ports.Executions``. The index is sparse: an execution that succeeds costs nothing there."""
        with translated("executions.dead", tenant):
            page = self.client.query(
                TableName=self.table,
                IndexName=EXECUTIONS_BY_FAILURE_INDEX,
                KeyConditionExpression="dt = :tenant AND de < :before",
                ExpressionAttributeValues={":tenant": text(tenant), ":before": text(before or keys.LAST)},
                ScanIndexForward=False,
                Limit=limit,
            )
        return read_page(page, "de", read_execution)

    def overdue(self, part: int, until_ms: int, limit: int, after: str | None) -> Page[Execution]:
        """See ``ports.Executions``. They stand in the index of dead letters, in partitions of their own.

        So an execution that never waits costs nothing there, and a look that finds none costs half a read unit.
        """
        low, high = keys.waiting_range(until_ms, after)
        with translated("executions.overdue", keys.waiting_partition(part)):
            page = self.client.query(
                TableName=self.table,
                IndexName=EXECUTIONS_BY_FAILURE_INDEX,
                KeyConditionExpression="dt = :part AND de BETWEEN :low AND :high",
                ExpressionAttributeValues={
                    ":part": text(keys.waiting_partition(part)),
                    ":low": text(low),
                    ":high": text(high),
                },
                Limit=limit,
            )
        return read_page(page, "de", read_execution)
