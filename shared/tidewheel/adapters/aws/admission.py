"""Circuits and places in DynamoDB: rows beside the executions, in partitions that are no job's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.dynamo import Item, get_number, get_text, number, pages, swap, text, without_nones
from tidewheel.adapters.aws.records import read_page, reading, ttl
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit, open_before_ms
from tidewheel.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CIRCUIT, _PLACE = "#circuit#", "#cap#"  # a tenant holds no #, so that these are no job's executions
_OWN = "ho = :ho"


@dataclass(frozen=True, slots=True)
class DynamoCircuits:
    """``ports.Circuits`` on the Executions table: a unit for each write, half of one for each read."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, key: str) -> Circuit | None:
        """See ``ports.Circuits``."""
        with translated("circuits.get", key):
            answer = self.client.get_item(TableName=self.table, Key=circuit_row(tenant, key))
        return read_circuit(answer["Item"]) if "Item" in answer else None

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """See ``ports.Circuits``. A tenant's rows are a partition: half a unit for 4 KB of them."""
        with translated("circuits.list", tenant):
            page = self.client.query(
                TableName=self.table,
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues={":pk": text(f"{_CIRCUIT}{tenant}"), ":after": text(after or " ")},
                Limit=limit,
            )
        return read_page(page, "sk", read_circuit)

    def swap(self, new: Circuit) -> Circuit | None:
        """See ``ports.Circuits``."""
        expected = new.version - 1 or None
        item = swap(self.client, "circuits.swap", new.key, self.table, circuit_item(new), expected)
        standing = read_circuit(item) if item else None
        return None if standing == new else standing


@dataclass(frozen=True, slots=True)
class DynamoPermits:
    """``ports.Places`` on the Executions table: a unit for each write, and half of one for 4 KB that are read."""

    client: DynamoDBClient
    table: str

    def all(self, tenant: str) -> Sequence[Permit]:
        """See ``ports.Places``."""
        query: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(f"{_PLACE}{tenant}")},
        }
        return [read_permit(item) for item in pages(self.client, "places.all", **query)]

    def take(self, permit: Permit, now_ms: int) -> bool:
        """See ``ports.Places``. The lease of a place that was left is over since 1970."""
        condition = f"attribute_not_exists(pk) OR {_OWN} OR un < :un"
        return self._put("places.take", permit_item(permit), permit, condition, {":un": number(open_before_ms(now_ms))})

    def hold(self, permit: Permit) -> bool:
        """See ``ports.Places``."""
        return self._put("places.hold", permit_item(permit), permit, _OWN)

    def leave(self, permit: Permit) -> None:
        """See ``ports.Places``."""
        self._put("places.leave", permit_item(permit.left()), permit, _OWN)

    def _put(
        self, operation: str, item: Item, permit: Permit, condition: str, values: Mapping[str, Any] | None = None
    ) -> bool:
        with translated(operation, permit.tenant):
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":ho": text(permit.holder), **(values or {})},
                )
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                return False
        return True


def circuit_row(tenant: str, key: str) -> dict[str, dict[str, str]]:
    """Key of a party's row."""
    return {"pk": text(f"{_CIRCUIT}{tenant}"), "sk": text(key)}


def circuit_item(circuit: Circuit) -> dict[str, dict[str, str]]:
    """A circuit as an item."""
    return without_nones(
        {
            **circuit_row(circuit.tenant, circuit.key),
            "fa": number(circuit.failures),
            "op": number(circuit.open_until_ms) if circuit.open_until_ms else None,
            "pr": text(circuit.probe) if circuit.probe else None,
            "pu": number(circuit.probe_until_ms) if circuit.probe_until_ms else None,
            "ver": number(circuit.version),
            "wr": number(circuit.written_ms),
            "si": number(circuit.since_ms),
            "ttl": ttl(circuit.expires_ms()),
        }
    )


def read_circuit(item: Item) -> Circuit:
    """The inverse of ``circuit_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("circuit", item, lambda: _read_circuit(item))


def _read_circuit(item: Item) -> Circuit:
    return Circuit(
        item["pk"]["S"].removeprefix(_CIRCUIT),
        item["sk"]["S"],
        failures=int(item["fa"]["N"]),
        open_until_ms=get_number(item, "op") or 0,
        probe=get_text(item, "pr"),
        probe_until_ms=get_number(item, "pu") or 0,
        version=int(item["ver"]["N"]),
        written_ms=int(item["wr"]["N"]),
        since_ms=int(item["si"]["N"]),
    )


def permit_row(tenant: str, permit: int) -> dict[str, dict[str, str]]:
    """Key of a place: text order is number order, up to ``limits.MAX_TENANT_CONCURRENCY``."""
    return {"pk": text(f"{_PLACE}{tenant}"), "sk": text(f"{permit:04d}")}


def permit_item(permit: Permit) -> dict[str, dict[str, str]]:
    """A place as an item. One that was left is kept: a tenant has as many as its cap, and no more."""
    return without_nones(
        {
            **permit_row(permit.tenant, permit.number),
            "ho": text(permit.holder) if permit.holder else None,
            "un": number(permit.until_ms),
            "ttl": ttl(permit.expires_ms()) if permit.holder else None,
        }
    )


def read_permit(item: Item) -> Permit:
    """The inverse of ``place_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("place", item, lambda: _read_permit(item))


def _read_permit(item: Item) -> Permit:
    tenant = item["pk"]["S"].removeprefix(_PLACE)
    return Permit(tenant, int(item["sk"]["S"]), get_text(item, "ho"), int(item["un"]["N"]))
