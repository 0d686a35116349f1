"""The wheel in DynamoDB: a slot is an item collection of singles and packs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamo import Item, number, pages, text, write_all
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.limits import PACK_RETENTION_MS, SECOND_MS
from tidewheel.domain.wheel import SINGLE_PREFIX, Entry, Placed, Slot, decode, encode
from tidewheel.ports import Load

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAGE = 1_000
_SEPARATOR = "\n"


def single_item(placed: Placed) -> dict[str, dict[str, str]]:
    """A single as an item."""
    return {"pk": text(placed.slot.key), "sk": text(placed.key), "v": text(encode(placed.entry))}


@dataclass(frozen=True, slots=True)
class DynamoWheel:
    """``ports.Wheel`` on the Wheel table."""

    client: DynamoDBClient
    table: str

    def load(self, slot: Slot) -> Load:
        """See ``ports.Wheel``."""
        return _read(self._query(slot, "pk = :pk", {}))

    def load_singles(self, slot: Slot) -> Load:
        """See ``ports.Wheel``."""
        return _read(self._query(slot, "pk = :pk AND begins_with(sk, :e)", {":e": text(SINGLE_PREFIX)}))

    def _query(self, slot: Slot, condition: str, values: dict[str, Any]) -> Iterable[Item]:
        return pages(
            self.client,
            "wheel.load",
            TableName=self.table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={":pk": text(slot.key), **values},
            ConsistentRead=True,
            Limit=_PAGE,
        )

    def put(self, placed: Placed) -> None:
        """See ``ports.Wheel``."""
        with translated("wheel.put", placed.key):
            self.client.put_item(TableName=self.table, Item=single_item(placed))

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """See ``ports.Wheel``. Packs expire by themselves; nobody pays for their deletion."""
        expires = (slot.start_ms + PACK_RETENTION_MS) // SECOND_MS
        body = _SEPARATOR.join(encode(entry) for entry in entries)
        item = {"pk": text(slot.key), "sk": text(key), "v": text(body), "ttl": number(expires)}
        with translated("wheel.put_pack", slot.key):
            self.client.put_item(TableName=self.table, Item=item)

    def remove(self, slot: Slot, keys: Sequence[str]) -> None:
        """See ``ports.Wheel``."""
        requests = [{"DeleteRequest": {"Key": {"pk": text(slot.key), "sk": text(key)}}} for key in keys]
        write_all(self.client, "wheel.remove", self.table, requests)


def _read(items: Iterable[Item]) -> Load:
    singles: dict[str, Entry] = {}
    packed: list[Entry] = []
    unreadable: list[Unreadable] = []
    for item in items:
        key = item["sk"]["S"]
        body = item.get("v", {}).get("S", "")  # an item of another shape is one unreadable line
        for line in body.split(_SEPARATOR):
            try:
                entry = decode(line)
            except Unreadable as error:
                unreadable.append(error)
                continue
            if key.startswith(SINGLE_PREFIX):
                singles[key] = entry
            else:
                packed.append(entry)
    return Load(singles, packed, unreadable)
