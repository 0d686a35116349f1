"""How far the reconciler's sweep has come, in DynamoDB."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.adapters.aws.dynamodb.calls import ABSENT
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.items import Item, get_text, number, text
from tidewheel.domain import keys
from tidewheel.domain.executions.reconcile import Sweep


@dataclass(frozen=True, slots=True)
class DynamoSweeps:
    """``ports.SweepStore`` on the Control table."""

    table: ControlTable

    def sweep(self) -> Sweep | None:
        """See ``ports.SweepStore``."""
        item = self.table.get("sweeps.sweep", keys.SWEEP)
        return _read_sweep(item or {})

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """See ``ports.SweepStore``."""
        values = {":began": number(new.began_ms), ":after": text(new.after), ":over": number(int(new.over))}
        condition = ABSENT
        if seen is not None:
            condition = "be = :seen_began AND af = :seen_after AND ov = :seen_over"
            values |= {":seen_began": number(seen.began_ms), ":seen_after": text(seen.after)}
            values[":seen_over"] = number(int(seen.over))
        change = "SET be = :began, af = :after, ov = :over"
        stored, standing = self.table.update("sweeps.move_sweep", keys.SWEEP, change, condition, values)
        return _read_sweep(stored or standing or {}) == new


def _read_sweep(item: Item) -> Sweep | None:
    return Sweep(int(item["be"]["N"]), get_text(item, "af"), over=item["ov"]["N"] == "1") if item else None
