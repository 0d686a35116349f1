"""The layout of shards by time, in DynamoDB."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.adapters.aws.dynamodb.calls import ABSENT
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.items import Item, text
from tidewheel.domain import keys
from tidewheel.domain.wheel.shard_layout import Layout, Period


@dataclass(frozen=True, slots=True)
class DynamoLayouts:
    """``ports.LayoutStore`` on the Control table."""

    table: ControlTable

    def layout(self) -> Layout | None:
        """See ``ports.LayoutStore``."""
        item = self.table.get("layouts.layout", keys.LAYOUT)
        return _read_layout(item) if item else None

    def establish(self, layout: Layout) -> Layout:
        """See ``ports.LayoutStore``."""
        values = {":pe": _periods(layout)}
        stored, standing = self.table.update("layouts.establish", keys.LAYOUT, "SET pe = :pe", ABSENT, values)
        return _read_layout(stored or standing or {})

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """See ``ports.LayoutStore``."""
        values = {":pe": _periods(new), ":seen": _periods(seen)}
        stored, standing = self.table.update("layouts.reshape", keys.LAYOUT, "SET pe = :pe", "pe = :seen", values)
        return stored is not None or (standing is not None and _read_layout(standing) == new)


def _periods(layout: Layout) -> dict[str, str]:
    return text(",".join(f"{period.from_ms}:{period.shards}" for period in layout.periods))


def _read_layout(item: Item) -> Layout:
    rows = (row.split(":") for row in item["pe"]["S"].split(","))
    return Layout(tuple(Period(int(from_ms), int(shards)) for from_ms, shards in rows))
