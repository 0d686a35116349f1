"""Workflows in DynamoDB: items of the Jobs table, a partition for each workflow, and one for each tenant's list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import ABSENT, on_condition, page_after, page_before, transact
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_number,
    get_text,
    item_key,
    number,
    optional_text,
    read_page,
    reads,
    text,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.canonical import canonical
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.ports import Fenced, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VERSION = 1
"""Of the items of workflows: the version that a reader must know at least, as of jobs."""


@dataclass(frozen=True, slots=True)
class DynamoWorkflows:
    """``ports.WorkflowStore`` on the Jobs table.

    A unit for each record that is read, and four for one that is written. A version costs a unit to write for each KB
    of its definition, one more for its place in the list, and to read as much as DynamoDB bills for its size. Record
    and copy are always written by one transaction, so that they are the same.
    """

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, name: str) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        item = self._item("workflows.get", tenant, name, keys.WORKFLOW_SORT)
        return None if item is None else read_workflow(item)

    def list(self, tenant: str, limit: int, after: str | None) -> Page[WorkflowRecord]:
        """See ``ports.WorkflowStore``."""
        partition = keys.workflows_partition(tenant)
        page = page_after(self.client, "workflows.list", tenant, self.table, partition, after, limit)
        return read_page(page, "sk", read_workflow)

    def swap(self, new: WorkflowRecord) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        attributes = _attributes(new)
        record: dict[str, Any] = {
            "TableName": self.table,
            "Item": {**workflow_key(new.tenant, new.name, keys.WORKFLOW_SORT), **attributes},
            "ConditionExpression": ABSENT,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if new.generation > 1:
            values = {":gen": number(new.generation - 1)}
            record |= {"ConditionExpression": "gen = :gen", "ExpressionAttributeValues": values}
        listed = item_key(keys.workflows_partition(new.tenant), new.name)
        if new.deleted:
            copy = {"Delete": {"TableName": self.table, "Key": listed}}
        else:
            copy = {"Put": {"TableName": self.table, "Item": {**listed, **attributes}}}
        reasons = transact(self.client, "workflows.swap", new.name, [{"Put": record}, copy])
        if reasons is None:
            return None
        if not reasons[0].get("Item"):
            raise Fenced("workflows.swap", new.name, "the record to be replaced is gone")
        standing = read_workflow(reasons[0]["Item"])
        return None if standing == new else standing

    def keep(self, version: WorkflowVersion) -> WorkflowVersion:
        """See ``ports.WorkflowStore``. The row of the list follows: a repeat writes it if it is missing."""
        written, standing = on_condition(
            "workflows.keep",
            version.name,
            self.client.put_item,
            TableName=self.table,
            Item=version_item(version),
            ConditionExpression=ABSENT,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        kept = version if written is not None else read_version(standing or {})
        with translated("workflows.keep", version.name):
            self.client.put_item(TableName=self.table, Item=listed_version_item(kept))
        return kept

    def version(self, tenant: str, name: str, digest: str) -> WorkflowVersion | None:
        """See ``ports.WorkflowStore``."""
        item = self._item("workflows.version", tenant, name, keys.version_sort(digest))
        return None if item is None else read_version(item)

    def versions(self, tenant: str, name: str, limit: int, before: str | None) -> Page[VersionRow]:
        """See ``ports.WorkflowStore``."""
        partition, below = keys.workflow_partition(tenant, name), before or keys.VERSIONS_END
        page = page_before(self.client, "workflows.versions", name, self.table, partition, below, limit)
        return read_page(page, "sk", read_listed_version)

    def _item(self, operation: str, tenant: str, name: str, sort: str) -> Item | None:
        with translated(operation, name):
            answer = self.client.get_item(
                TableName=self.table, Key=workflow_key(tenant, name, sort), ConsistentRead=True
            )
        return answer.get("Item")


def workflow_key(tenant: str, name: str, sort: str) -> NewItem:
    """The key of an item in a workflow's partition."""
    return item_key(keys.workflow_partition(tenant, name), sort)


def _attributes(record: WorkflowRecord) -> NewItem:
    """What a workflow's record and its copy hold."""
    return without_nones(
        {
            "v": number(VERSION),
            "t": text(record.tenant),
            "n": text(record.name),
            "dg": text(record.digest),
            "gen": number(record.generation),
            "ns": number(record.steps),
            "de": optional_text(record.description),
            "cr": number(record.created_ms),
            "up": number(record.updated_ms),
            "cb": optional_text(record.created_by),
            "ub": optional_text(record.updated_by),
            "x": number(1) if record.deleted else None,
        }
    )


@reads("workflow")
def read_workflow(item: Item) -> WorkflowRecord:
    """A workflow's record of its item, or of the copy.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    _check_version(item)
    return WorkflowRecord(
        item["t"]["S"],
        item["n"]["S"],
        item["dg"]["S"],
        generation=int(item["gen"]["N"]),
        steps=int(item["ns"]["N"]),
        description=get_text(item, "de"),
        created_ms=int(item["cr"]["N"]),
        updated_ms=int(item["up"]["N"]),
        created_by=get_text(item, "cb"),
        updated_by=get_text(item, "ub"),
        deleted="x" in item,
    )


def _row_attributes(row: VersionRow) -> NewItem:
    return without_nones(
        {
            "v": number(VERSION),
            "dg": text(row.digest),
            "ns": number(row.steps),
            "cr": number(row.created_ms),
            "cb": optional_text(row.created_by),
        }
    )


def version_item(version: WorkflowVersion) -> NewItem:
    """A version as an item, with its whole definition."""
    return {
        **workflow_key(version.tenant, version.name, keys.version_sort(version.row.digest)),
        **_row_attributes(version.row),
        "t": text(version.tenant),
        "n": text(version.name),
        "d": text(canonical(version.document)),
    }


def listed_version_item(version: WorkflowVersion) -> NewItem:
    """A version's row in the list, without its definition."""
    return {**workflow_key(version.tenant, version.name, version.row.place), **_row_attributes(version.row)}


@reads("workflow version")
def read_version(item: Item) -> WorkflowVersion:
    """The inverse of ``version_item``.

    Raises:
        Unreadable: Another version's item, or a damaged one.
    """
    document: Any = json.loads(item["d"]["S"])
    if not isinstance(document, Mapping):
        raise Unreadable("definition", item["dg"]["S"], "it is no object")
    return WorkflowVersion(item["t"]["S"], item["n"]["S"], read_listed_version(item), document)


@reads("listed workflow version")
def read_listed_version(item: Item) -> VersionRow:
    """The row of a list, or of the version itself.

    Raises:
        Unreadable: Another version's item, or a damaged one.
    """
    _check_version(item)
    return VersionRow(item["dg"]["S"], int(item["ns"]["N"]), int(item["cr"]["N"]), get_text(item, "cb"))


def _check_version(item: Item) -> None:
    version = get_number(item, "v") or VERSION
    if version > VERSION:
        raise Unreadable("version", str(version), f"this release reads up to {VERSION}")
