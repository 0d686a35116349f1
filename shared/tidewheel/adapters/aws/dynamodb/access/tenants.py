"""Tenants in DynamoDB: items of the Access table, in one partition."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import page_after, swap
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    document,
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
from tidewheel.domain.access.tenant import Tenant, TenantState, unwritten
from tidewheel.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoTenants:
    """``ports.Tenants`` on the Access table: a unit for each read and write of a tenant up to 1 KB.

    All tenants lie in one partition, so that their list is one query. It serves 3,000 reads a second (Amazon DynamoDB,
    "Partition throughput"), more once DynamoDB has split it; whoever asks often keeps a tenant for some seconds.
    """

    client: DynamoDBClient
    table: str

    def get(self, id: str) -> Tenant | None:
        """See ``ports.Tenants``."""
        with translated("tenants.get", id):
            answer = self.client.get_item(TableName=self.table, Key=tenant_key(id), ConsistentRead=True)
        return read_tenant(answer["Item"]) if "Item" in answer else unwritten(id)

    def list(self, limit: int, after: str | None) -> Page[Tenant]:
        """See ``ports.Tenants``."""
        page = page_after(self.client, "tenants.list", self.table, self.table, keys.TENANTS, after, limit)
        return read_page(page, "sk", read_tenant)

    def swap(self, new: Tenant) -> Tenant | None:
        """See ``ports.Tenants``."""
        item = swap(self.client, "tenants.swap", new.id, self.table, tenant_item(new), new.version - 1 or None)
        standing = read_tenant(item) if item else None
        return None if standing == new else standing


def tenant_key(id: str) -> NewItem:
    """The key of a tenant."""
    return item_key(keys.TENANTS, id)


def tenant_item(tenant: Tenant) -> NewItem:
    """A tenant as an item."""
    return without_nones(
        {
            **tenant_key(tenant.id),
            "n": text(tenant.name),
            "p": text(tenant.plan),
            "st": text(tenant.state),
            "li": document(dict(tenant.limits)),
            "ki": document(sorted(tenant.kinds)),
            "po": document(sorted(tenant.pools)),
            "w": number(tenant.weight),
            "ne": document(tenant.networks),
            "ta": document(tenant.targets),
            "bu": None if tenant.budget_dollars is None else {"N": repr(tenant.budget_dollars)},
            "ver": number(tenant.version),
            "cr": number(tenant.created_ms),
            "cb": optional_text(tenant.created_by),
            "up": number(tenant.updated_ms),
            "ub": optional_text(tenant.updated_by),
        }
    )


@reads("tenant")
def read_tenant(item: Item) -> Tenant:
    """The inverse of ``tenant_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return Tenant(
        item["sk"]["S"],
        name=item["n"]["S"],
        plan=item["p"]["S"],
        state=TenantState(item["st"]["S"]),
        limits={str(name): int(most) for name, most in json.loads(item["li"]["S"]).items()},
        kinds=frozenset(json.loads(item["ki"]["S"])),
        pools=frozenset(json.loads(item["po"]["S"])),
        weight=int(item["w"]["N"]),
        networks=tuple(json.loads(item["ne"]["S"])),
        targets=tuple(json.loads(item["ta"]["S"])),
        budget_dollars=float(item["bu"]["N"]) if "bu" in item else None,
        version=int(item["ver"]["N"]),
        created_ms=int(item["cr"]["N"]),
        created_by=get_text(item, "cb"),
        updated_ms=int(item["up"]["N"]),
        updated_by=get_text(item, "ub"),
    )
