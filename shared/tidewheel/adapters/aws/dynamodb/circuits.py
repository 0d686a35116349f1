"""Circuits in DynamoDB: items of the Executions table, in a partition for each tenant that is no job's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import page_after, swap
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_number,
    get_text,
    item_key,
    number,
    optional_number,
    optional_text,
    read_page,
    reads,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class DynamoCircuits:
    """``ports.Circuits`` on the Executions table: a unit for each write, half of one for each read."""

    client: DynamoDBClient
    table: str

    def get(self, tenant: str, party: str) -> Circuit | None:
        """See ``ports.Circuits``."""
        with translated("circuits.get", party):
            answer = self.client.get_item(TableName=self.table, Key=circuit_key(tenant, party))
        return read_circuit(answer["Item"]) if "Item" in answer else None

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """See ``ports.Circuits``. A tenant's rows are a partition: half a unit for 4 KB of them."""
        partition = keys.circuit_partition(tenant)
        page = page_after(self.client, "circuits.list", tenant, self.table, partition, after, limit, consistent=False)
        return read_page(page, "sk", read_circuit)

    def swap(self, new: Circuit) -> Circuit | None:
        """See ``ports.Circuits``."""
        expected = new.version - 1 or None
        item = swap(self.client, "circuits.swap", new.key, self.table, circuit_item(new), expected)
        standing = read_circuit(item) if item else None
        return None if standing == new else standing


def circuit_key(tenant: str, party: str) -> NewItem:
    """The key of a party's circuit."""
    return item_key(keys.circuit_partition(tenant), party)


def circuit_item(circuit: Circuit) -> NewItem:
    """A circuit as an item."""
    return without_nones(
        {
            **circuit_key(circuit.tenant, circuit.key),
            "fa": number(circuit.failures),
            "op": optional_number(circuit.open_until_ms or None),
            "pr": optional_text(circuit.probe),
            "pu": optional_number(circuit.probe_until_ms or None),
            "ver": number(circuit.version),
            "wr": number(circuit.written_ms),
            "si": number(circuit.since_ms),
            "ttl": ttl(circuit.expires_ms()),
        }
    )


@reads("circuit")
def read_circuit(item: Item) -> Circuit:
    """The inverse of ``circuit_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return Circuit(
        keys.parse_circuit_partition(item["pk"]["S"]),
        item["sk"]["S"],
        failures=int(item["fa"]["N"]),
        open_until_ms=get_number(item, "op") or 0,
        probe=get_text(item, "pr"),
        probe_until_ms=get_number(item, "pu") or 0,
        version=int(item["ver"]["N"]),
        written_ms=int(item["wr"]["N"]),
        since_ms=int(item["si"]["N"]),
    )
