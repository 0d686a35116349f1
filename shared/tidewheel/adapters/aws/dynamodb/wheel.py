"""The wheel in DynamoDB: a slot is a partition of singles and packs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.deadlines import sent_in_time
from tidewheel.adapters.aws.dynamodb.calls import write_all
from tidewheel.adapters.aws.dynamodb.items import Item, NewItem, item_key, number, text
from tidewheel.domain import keys
from tidewheel.domain.limits import LOADED_AT_ONCE, QUARANTINE_CHARS, REASON_CHARS, SECOND_MS, SLOT_RETENTION_MS
from tidewheel.domain.wheel.entries import Entry, Placed, encode
from tidewheel.domain.wheel.levels import Level, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.span import EVERYTHING, Span

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SEPARATOR = "\n"


def single_item(placed: Placed) -> NewItem:
    """A single as an item. It expires, in case nobody deletes it; in the late slot it does not."""
    slot = placed.slot
    item = {**item_key(slot.key, placed.key), "v": text(encode(placed.entry))}
    return item if slot.level is Level.LATE else {**item, "ttl": _expiry(slot)}


def _expiry(slot: Slot) -> dict[str, str]:
    return number((slot.start_ms + SLOT_RETENTION_MS) // SECOND_MS)


@dataclass(frozen=True, slots=True)
class DynamoWheel:
    """``ports.Wheel`` on the Wheel table."""

    client: DynamoDBClient
    table: str

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """See ``ports.Wheel``. DynamoDB ends a page earlier once it has read a megabyte."""
        start: dict[str, Any] = {}
        if span.after is not None:
            start["ExclusiveStartKey"] = item_key(slot.key, span.after)
        with translated("wheel.load", slot.key):
            page = self.client.query(
                TableName=self.table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": text(slot.key),
                    ":first": text(span.first),
                    ":last": text(span.last),
                },
                ConsistentRead=True,
                Limit=LOADED_AT_ONCE,
                **start,
            )
        last = page.get("LastEvaluatedKey")
        return Load.of(map(_lines, page["Items"]), replace(span, after=last["sk"]["S"]) if last else None)

    def put(self, placed: Placed) -> None:
        """See ``ports.Wheel``."""
        with translated("wheel.put", placed.key), sent_in_time("wheel.put", placed):
            self.client.put_item(TableName=self.table, Item=single_item(placed))

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """See ``ports.Wheel``. Packs expire by themselves, which costs nothing."""
        body = _SEPARATOR.join(encode(entry) for entry in entries)
        item = {**item_key(slot.key, key), "v": text(body), "ttl": _expiry(slot)}
        with translated("wheel.put_pack", slot.key):
            self.client.put_item(TableName=self.table, Item=item)

    def remove(self, slot: Slot, sorts: Sequence[str]) -> None:
        """See ``ports.Wheel``."""
        requests = [{"DeleteRequest": {"Key": item_key(slot.key, sort)}} for sort in sorts]
        write_all(self.client, "wheel.remove", self.table, requests)

    def quarantine(self, item: Quarantined) -> None:
        """See ``ports.Wheel``."""
        kept = {
            **item_key(item.partition, item.id),
            "sl": text(item.slot.key),
            "k": text(item.key),
            "v": text(item.text[:QUARANTINE_CHARS]),
            "w": text(item.what),
            "r": text(item.problem[:REASON_CHARS]),
            "at": number(item.noted_ms),
            "ttl": number(item.expires_ms() // SECOND_MS),
        }
        with translated("wheel.quarantine", item.id):
            self.client.put_item(TableName=self.table, Item=kept)


def _lines(item: Item) -> tuple[str, list[str]]:
    """The sort key and the lines of an item; an item of another shape is one line, which is no entry."""
    key = str(item["sk"]["S"])
    body = item.get("v", {}).get("S")
    if body is None:
        return key, [json.dumps(item, default=repr, sort_keys=True)]
    return key, [body] if keys.is_single_sort(key) else body.split(_SEPARATOR)
