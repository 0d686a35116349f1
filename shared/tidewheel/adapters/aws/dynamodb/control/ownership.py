"""Who holds which shard, and how far it is turned, in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.adapters.aws.dynamodb.calls import ABSENT
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.items import Item, get_number, number
from tidewheel.domain import keys
from tidewheel.domain.fleet.lease import Holding
from tidewheel.domain.wheel.levels import RINGS, Level
from tidewheel.ports import Fenced


@dataclass(frozen=True, slots=True)
class DynamoOwnership:
    """``ports.ShardOwnership`` on the Control table."""

    table: ControlTable

    def holding(self, shard: int) -> Holding | None:
        """See ``ports.ShardOwnership``."""
        item = self.table.get("ownership.holding", keys.shard_partition(shard))
        return _read_holding(item) if item else None

    def claim(self, shard: int, seen: Holding | None, instance: int, term: int, handed_ms: int = 0) -> Holding | None:
        """See ``ports.ShardOwnership``."""
        epoch = (seen.epoch if seen else 0) + 1
        handed_ms = max(handed_ms, seen.handed_ms if seen else 0)
        values = {":next": number(epoch), ":se": number(instance), ":re": number(term), ":ha": number(handed_ms)}
        condition = ABSENT
        if seen is not None:
            condition = "ep = :ep"
            values[":ep"] = number(seen.epoch)
        change = "SET ep = :next, se = :se, re = :re, ha = :ha"
        stored, standing = self.table.update("ownership.claim", keys.shard_partition(shard), change, condition, values)
        item = stored or standing
        if item is None:
            return None
        found = _read_holding(item)
        # An earlier try may have been applied, though it was reported as failed: then the stored owner is this one.
        return found if (found.epoch, found.instance, found.term) == (epoch, instance, term) else None

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """See ``ports.ShardOwnership``."""
        values = {":ep": number(epoch), ":ha": number(handed_ms)}
        self.table.update("ownership.vacate", keys.shard_partition(shard), "SET ha = :ha REMOVE se", "ep = :ep", values)

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """See ``ports.ShardOwnership``."""
        names = {f"#{level}": str(level) for level in cursors}
        values = {":ep": number(epoch), **{f":{level}": number(cursor) for level, cursor in cursors.items()}}
        change = "SET " + ", ".join(f"#{level} = :{level}" for level in cursors)
        stored, _ = self.table.update(
            "ownership.advance", keys.shard_partition(shard), change, "ep = :ep", values, names
        )
        if stored is None:
            raise Fenced("ownership.advance", f"shard {shard}", f"it is not held under epoch {epoch}")


def _read_holding(item: Item) -> Holding:
    return Holding(
        epoch=int(item["ep"]["N"]),
        instance=get_number(item, "se"),
        term=int(item["re"]["N"]),
        cursors={ring.level: int(item[ring.level]["N"]) for ring in RINGS if ring.level in item},
        handed_ms=get_number(item, "ha") or 0,
    )
