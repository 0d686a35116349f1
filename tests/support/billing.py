"""What AWS bills: units as the service reports them, units as its rules have it, and requests.

Write units are summed from ``ConsumedCapacity``, which every call is made to ask for. Read units are computed
from the kind of the request and the size of what it found, since emulators do not report those rightly; so are the
write units of statements of PartiQL, from the size of what each writes.

Sources: "DynamoDB read and write operations" and "DynamoDB item sizes and formats" (Amazon DynamoDB Developer
Guide); a read unit is 4 KB strongly consistent, half of one eventually consistent; a write unit is 1 KB.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support import partiql

_READ_BYTES = 4_096
_WRITE_BYTES = 1_024
_STATEMENTS = "BatchExecuteStatement"
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", _STATEMENTS}
_READS = {"GetItem", "BatchGetItem", "Query", "Scan"}
_ASKING, _BOOKING = threading.local(), threading.Lock()
"""The call that each thread has under way, and what one thread at a time may do."""


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = content.lstrip("-").replace(".", "").strip("0") or "0"
        return -(-len(digits) // 2) + 1 + content.startswith("-")
    raise AssertionError(f"no store of ours writes attributes of type {kind}")


def item_bytes(item: Mapping[str, Any]) -> int:
    """The size of an item by DynamoDB's rules."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def read_units(size: int, *, consistent: bool) -> float:
    """The price of reading so many bytes at once; nothing found costs as much as the least."""
    units = max(1, -(-size // _READ_BYTES))
    return float(units) if consistent else units / 2


def write_units(item: Mapping[str, Any]) -> int:
    """The price of a write to the Executions table: of the item, and again of its place in the index, if it has one.

    What an item is bigger by that it replaces, and what is removed from the index, are left out.
    """
    units = -(-item_bytes(item) // _WRITE_BYTES)
    return 2 * units if "dt" in item else units


@dataclass
class Bill:
    """What one client's calls cost, by table and operation.

    Attributes:
        requests: Calls.
        writes: Write units as reported.
        reads: Read units as computed.
        found: Read units of reads that found something, beyond what the same read costs when it finds nothing.
    """

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    writes: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    reads: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    found: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def watch(self, client: Any) -> Any:
        """Counts what a client does from now on, and returns it."""
        events, service = client.meta.events, client.meta.service_model.service_id.hyphenize()
        events.register(f"provide-client-params.{service}", self._ask)
        events.register(f"after-call.{service}", self._book)
        return client

    def clear(self) -> None:
        """Forgets what was counted so far."""
        for counts in (self.requests, self.writes, self.reads, self.found):
            counts.clear()

    def written(self, *tables: str) -> float:
        """Write units of some tables."""
        return sum(units for (table, _), units in self.writes.items() if table in tables)

    def count(self, operation: str) -> int:
        """Calls of an operation, whatever the table."""
        return sum(count for (_, name), count in self.requests.items() if name == operation)

    def lines(self, per: int = 1) -> Iterable[str]:
        """The account as a table, in all and per whatever ``per`` counts."""
        yield f"{'table':<12}{'operation':<22}{'calls':>8}{'WU':>9}{'RU':>9}{'WU each':>10}{'RU each':>10}"
        for key in sorted(self.requests):
            table, operation = key
            wu, ru = self.writes[key], self.reads[key]
            row = f"{table:<12}{operation:<22}{self.requests[key]:>8}{wu:>9.1f}{ru:>9.1f}"
            yield f"{row}{wu / per:>10.3f}{ru / per:>10.3f}"

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:
        if model.name not in _WRITES | _READS:
            return None
        _ASKING.params = params
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _book(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        with _BOOKING:
            self._book_call(model.name, parsed)

    def _book_call(self, operation: str, parsed: dict[str, Any]) -> None:
        if operation not in _WRITES | _READS:
            self.requests["", operation] += 1
            return
        params = _ASKING.params
        for table in _tables(params):
            self.requests[_role(table), operation] += 1
            if operation in _READS:
                self._book_read(_role(table), operation, params, parsed)
        if operation == _STATEMENTS:
            self._book_statements(params, parsed)
        elif operation in _WRITES:
            self._book_write(operation, params, parsed)

    def _book_statements(self, params: dict[str, Any], parsed: dict[str, Any]) -> None:
        for asked, answer in zip(params["Statements"], parsed["Responses"], strict=True):
            write = partiql.parsed(asked["Statement"], asked["Parameters"])
            refused = "Error" in answer  # and billed all the same
            self.writes[_role(write.table), _STATEMENTS] += 1 if refused else write_units(write.item)

    def _book_write(self, operation: str, params: dict[str, Any], parsed: dict[str, Any]) -> None:
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            self.writes[_role(params["TableName"]), operation] += 1  # refused, and billed all the same
            return
        consumed = parsed["ConsumedCapacity"]
        for entry in consumed if isinstance(consumed, list) else [consumed]:
            self.writes[_role(entry["TableName"]), operation] += float(entry["CapacityUnits"])

    def _book_read(self, table: str, operation: str, params: dict[str, Any], parsed: dict[str, Any]) -> None:
        key = table, operation
        if operation == "BatchGetItem":
            sizes = [item_bytes(item) for items in parsed["Responses"].values() for item in items]
            consistent = any(asked.get("ConsistentRead", False) for asked in params["RequestItems"].values())
            units = sum(read_units(size, consistent=consistent) for size in sizes)
            self.reads[key] += units
            self.found[key] += units
            return
        consistent = params.get("ConsistentRead", False)
        items = [parsed["Item"]] if "Item" in parsed else parsed.get("Items", [])
        units = read_units(sum(map(item_bytes, items)), consistent=consistent)
        self.reads[key] += units
        self.found[key] += units if operation == "GetItem" else units - read_units(0, consistent=consistent)


def _role(table: str) -> str:
    return table.rpartition("-")[2]


def _tables(params: Mapping[str, Any]) -> set[str]:
    if "TableName" in params:
        return {params["TableName"]}
    if "Statements" in params:
        return {partiql.parsed(one["Statement"], one["Parameters"]).table for one in params["Statements"]}
    if "RequestItems" in params:
        return set(params["RequestItems"])
    return {request["TableName"] for item in params["TransactItems"] for request in item.values()}
