"""Lines of those who wait for permits, in DynamoDB: items of the Executions table, in partitions that are no job's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import items_between, on_condition, pages
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_number,
    item_key,
    number,
    optional_number,
    reads,
    text,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.permits.line import Announced, LineEntry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoPermitLines:
    """``ports.PermitLines`` on the Executions table: a unit for each entry that is written, and for its removal."""

    client: DynamoDBClient
    table: str

    def head(self, tenant: str, limit: int) -> Sequence[LineEntry]:
        """See ``ports.PermitLines``."""
        found: list[LineEntry] = []
        query: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(keys.line_partition(tenant))},
            "ConsistentRead": True,
        }
        for item in pages(self.client, "permit_lines.head", Limit=limit, **query):
            with suppress(Unreadable):  # it stays where it is, and stops nobody
                found.append(read_line_entry(item))
            if len(found) == limit:
                break
        return found

    def join(self, entry: LineEntry) -> None:
        """See ``ports.PermitLines``."""
        with translated("permit_lines.join", entry.execution):
            self.client.put_item(TableName=self.table, Item=line_item(entry))

    def leave(self, entry: LineEntry) -> None:
        """See ``ports.PermitLines``."""
        self._remove("permit_lines.leave", line_key(entry), entry.mark)

    def announce(self, announced: Announced) -> None:
        """See ``ports.PermitLines``."""
        with translated("permit_lines.announce", announced.tenant):
            self.client.put_item(TableName=self.table, Item=announced_item(announced))

    def announced(self) -> Sequence[Announced]:
        """See ``ports.PermitLines``."""
        span = keys.LINES_PARTITION, keys.FIRST, keys.LAST
        items = items_between(self.client, "permit_lines.announced", self.table, *span)
        return [read_announced(item) for item in items]

    def forget(self, announced: Announced) -> None:
        """See ``ports.PermitLines``."""
        self._remove("permit_lines.forget", announced_key(announced), announced.mark)

    def _remove(self, operation: str, key: NewItem, mark: str) -> None:
        on_condition(
            operation,
            self.table,
            self.client.delete_item,
            TableName=self.table,
            Key=key,
            ConditionExpression="ma = :ma",
            ExpressionAttributeValues={":ma": text(mark)},
        )


def line_key(entry: LineEntry) -> NewItem:
    """The key of an entry in line."""
    return item_key(keys.line_partition(entry.tenant), entry.key)


def line_item(entry: LineEntry) -> NewItem:
    """An entry in line as an item. Short names: it is written and removed for each run that waits."""
    return without_nones(
        {
            **line_key(entry),
            "rd": optional_number(entry.redriven_ms or None),
            "gen": number(entry.generation),
            "due": number(entry.due_ms),
            "ro": text(str(entry.route)),
            "ma": text(entry.mark),
        }
    )


@reads("entry in line")
def read_line_entry(item: Item) -> LineEntry:
    """The inverse of ``line_item``.

    Raises:
        Unreadable: Another version's item, or a damaged one.
    """
    rank, since_ms, execution, attempt = keys.parse_line_sort(item["sk"]["S"])
    return LineEntry(
        keys.parse_line_partition(item["pk"]["S"]),
        execution,
        attempt,
        rank,
        since_ms,
        get_number(item, "rd") or 0,
        int(item["gen"]["N"]),
        int(item["due"]["N"]),
        Route.parse(item["ro"]["S"]),
        item["ma"]["S"],
    )


def announced_key(announced: Announced) -> NewItem:
    """The key of an announced line."""
    return item_key(keys.LINES_PARTITION, announced.tenant)


def announced_item(announced: Announced) -> NewItem:
    """An announced line as an item."""
    return {**announced_key(announced), "li": number(announced.limit), "ma": text(announced.mark)}


@reads("announced line")
def read_announced(item: Item) -> Announced:
    """The inverse of ``announced_item``.

    Raises:
        Unreadable: Another version's item, or a damaged one.
    """
    return Announced(item["sk"]["S"], int(item["li"]["N"]), item["ma"]["S"])
