"""API keys in DynamoDB: an item for each in the Access table, and a copy of it in its tenant's list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import ABSENT, page_after, transact
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    document,
    get_number,
    get_text,
    item_key,
    number,
    optional_number,
    optional_text,
    read_page,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.roles import Role
from tidewheel.ports import Fenced, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoApiKeys:
    """``ports.ApiKeys`` on the Access table: a unit for each read of a key, four for a write.

    Record and copy are always written by one transaction, so that they are the same.
    """

    client: DynamoDBClient
    table: str

    def get(self, id: str) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        key = item_key(keys.api_key_partition(id), keys.API_KEY_SORT)
        with translated("api_keys.get", id):
            answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return read_api_key(answer["Item"]) if "Item" in answer else None

    def list(self, tenant: str, limit: int, after: str | None) -> Page[ApiKey]:
        """See ``ports.ApiKeys``."""
        partition = keys.api_keys_partition(tenant)
        page = page_after(self.client, "api_keys.list", tenant, self.table, partition, after, limit)
        return read_page(page, "sk", read_api_key)

    def swap(self, new: ApiKey) -> ApiKey | None:
        """See ``ports.ApiKeys``."""
        record: dict[str, Any] = {
            "TableName": self.table,
            "Item": {**item_key(keys.api_key_partition(new.id), keys.API_KEY_SORT), **_attributes(new)},
            "ConditionExpression": ABSENT,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if new.version > 1:
            values = {":ver": number(new.version - 1)}
            record |= {"ConditionExpression": "ver = :ver", "ExpressionAttributeValues": values}
        copy = {**item_key(keys.api_keys_partition(new.tenant), new.id), **_attributes(new)}
        items = [{"Put": record}, {"Put": {"TableName": self.table, "Item": copy}}]
        reasons = transact(self.client, "api_keys.swap", new.id, items)
        if reasons is None:
            return None
        if not reasons[0].get("Item"):
            raise Fenced("api_keys.swap", new.id, "the key to be replaced is gone")
        standing = read_api_key(reasons[0]["Item"])
        return None if standing == new else standing


def _attributes(key: ApiKey) -> NewItem:
    """What a key's item and its copy hold."""
    return without_nones(
        {
            "id": text(key.id),
            "tn": text(key.tenant),
            "n": text(key.name),
            "di": optional_text(key.digest),
            "ro": text(key.role),
            "ki": document(sorted(key.kinds)),
            "g": document(sorted(key.tags)),
            "ne": document(key.networks),
            "cr": number(key.created_ms),
            "cb": optional_text(key.created_by),
            "ex": optional_number(key.expires_ms),
            "re": optional_number(key.revoked_ms),
            "rt": optional_text(key.rotated_to),
            "ar": optional_text(key.identity),
            "ver": number(key.version),
            "ttl": ttl(key.vanishes_ms()),
        }
    )


@reads("API key")
def read_api_key(item: Item) -> ApiKey:
    """A key of its item, or of the copy.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return ApiKey(
        item["id"]["S"],
        item["tn"]["S"],
        item["n"]["S"],
        get_text(item, "di"),
        Role(item["ro"]["S"]),
        kinds=frozenset(json.loads(item["ki"]["S"])),
        tags=frozenset((str(name), str(value)) for name, value in json.loads(item["g"]["S"])),
        networks=tuple(json.loads(item["ne"]["S"])),
        created_ms=int(item["cr"]["N"]),
        created_by=get_text(item, "cb"),
        expires_ms=get_number(item, "ex"),
        revoked_ms=get_number(item, "re"),
        rotated_to=get_text(item, "rt"),
        identity=get_text(item, "ar"),
        version=int(item["ver"]["N"]),
    )
