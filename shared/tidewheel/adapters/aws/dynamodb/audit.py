"""The audit log in DynamoDB: a partition of the Audit table for each day of a tenant, to which items are only added."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.dynamodb.calls import page_before, swap
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    document,
    item_key,
    read_page,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.access.audit import AuditRow, Change
from tidewheel.domain.limits import AUDIT_RETENTION_MS
from tidewheel.ports import Page, Refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoAudit:
    """``ports.Audit`` on the Audit table: a write unit for each kilobyte of a row."""

    client: DynamoDBClient
    table: str

    def add(self, row: AuditRow) -> None:
        """See ``ports.Audit``."""
        standing = swap(self.client, "audit.add", row.request, self.table, audit_item(row), None)
        if standing is not None and read_audit(standing) != row:
            raise Refused("audit.add", row.request, f"another row {row.number} is there", mendable=False)

    def page(self, tenant: str, day_ms: int, below: str, limit: int) -> Page[AuditRow]:
        """See ``ports.Audit``."""
        partition = keys.audit_partition(tenant, day_ms)
        page = page_before(self.client, "audit.page", tenant, self.table, partition, below, limit)
        return read_page(page, "sk", read_audit)


def audit_item(row: AuditRow) -> NewItem:
    """A row's item: what is empty is left out of its document."""
    known = {name: value for name, value in asdict(row).items() if value not in ("", 0, ()) and name not in _IN_KEYS}
    return without_nones(
        {
            **item_key(
                keys.audit_partition(row.tenant, row.at_ms), keys.audit_sort(row.at_ms, row.request, row.number)
            ),
            "tn": text(row.tenant),
            "d": document(known),
            "ttl": ttl(row.at_ms + AUDIT_RETENTION_MS),
        }
    )


_IN_KEYS = {"tenant", "at_ms", "request", "number"}


@reads("audit row")
def read_audit(item: Item) -> AuditRow:
    """A row of its item; what a newer release stored besides is left out.

    Raises:
        Unreadable: It is damaged.
    """
    at_ms, request, number = keys.parse_audit_sort(item["sk"]["S"])
    known: dict[str, Any] = json.loads(item["d"]["S"])
    texts = {name: str(known.get(name, "")) for name in ("principal", "key", "role", "address", "operation", "path")}
    return AuditRow(
        item["tn"]["S"],
        at_ms,
        request,
        number,
        **texts,
        subjects=tuple(map(str, known.get("subjects", ()))),
        status=int(known.get("status", 0)),
        problem=str(known.get("problem", "")),
        fields=tuple(map(str, known.get("fields", ()))),
        changes=tuple(_change(one) for one in known.get("changes", ())),
        more=int(known.get("more", 0)),
    )


def _change(one: dict[str, str]) -> Change:
    return Change(one["kind"], one["id"], one.get("before", ""), one.get("after", ""))
