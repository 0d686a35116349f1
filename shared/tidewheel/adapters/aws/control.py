"""The layout, the leases and the cursors in DynamoDB. Every write is conditional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.dynamo import Item, get_number, get_text, number, text
from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.lease import Holding, Lease, Mark
from tidewheel.domain.wheel.levels import RINGS, Level
from tidewheel.domain.wheel.shard_layout import Layout, Period
from tidewheel.ports import Fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LAYOUT = {"pk": text("layout")}
_SWEEP = {"pk": text("sweep")}
_PACE = {"pk": text("pace")}


def _instance(instance: int) -> dict[str, dict[str, str]]:
    return {"pk": text(f"lease#{instance}")}


def _shard(shard: int) -> dict[str, dict[str, str]]:
    return {"pk": text(f"shard#{shard:04d}")}


def _read(item: Item) -> Lease:
    return Lease(
        owner=get_text(item, "ow") or None,
        epoch=int(item["ep"]["N"]),
        counter=int(item["co"]["N"]),
        version=get_text(item, "ve"),
        candidate=get_text(item, "ca") or None,
        instance=int(get_text(item, "pk").rpartition("#")[2]),
        mark=Mark(get_number(item, "ha") or 0, frozenset(map(int, filter(None, get_text(item, "hs").split(","))))),
    )


def _read_holding(item: Item) -> Holding:
    return Holding(
        epoch=int(item["ep"]["N"]),
        instance=get_number(item, "se"),
        term=int(item["re"]["N"]),
        cursors={ring.level: int(item[ring.level]["N"]) for ring in RINGS if ring.level in item},
        handed_ms=get_number(item, "ha") or 0,
    )


def _periods(layout: Layout) -> dict[str, str]:
    return text(",".join(f"{period.from_ms}:{period.shards}" for period in layout.periods))


def _read_layout(item: Item) -> Layout:
    rows = (row.split(":") for row in item["pe"]["S"].split(","))
    return Layout(tuple(Period(int(from_ms), int(shards)) for from_ms, shards in rows))


def _read_sweep(item: Item) -> Sweep | None:
    return Sweep(int(item["be"]["N"]), get_text(item, "af"), over=item["ov"]["N"] == "1") if item else None


@dataclass(frozen=True, slots=True)
class DynamoControl:
    """``ports.Control`` on the Control table."""

    client: DynamoDBClient
    table: str

    def layout(self) -> Layout | None:
        """See ``ports.Control``."""
        item = self._get("control.layout", _LAYOUT)
        return _read_layout(item) if item else None

    def establish(self, layout: Layout) -> Layout:
        """See ``ports.Control``."""
        values = {":pe": _periods(layout)}
        stored, standing = self._update(
            "control.establish", _LAYOUT, "SET pe = :pe", "attribute_not_exists(pk)", values
        )
        return _read_layout(stored or standing or {})

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """See ``ports.Control``."""
        values = {":pe": _periods(new), ":seen": _periods(seen)}
        stored, standing = self._update("control.reshape", _LAYOUT, "SET pe = :pe", "pe = :seen", values)
        return stored is not None or (standing is not None and _read_layout(standing) == new)

    def turned_at(self, pace: str, now_ms: int) -> int:
        """See ``ports.Control``."""
        known = self._get("control.turned_at", _PACE)
        if known and get_text(known, "pa") == pace:
            return int(known["at"]["N"])
        condition, names = "attribute_not_exists(pk) OR pa <> :pa", {"#at": "at"}
        values = {":pa": text(pace), ":at": number(now_ms)}
        change = "SET pa = :pa, #at = :at"
        stored, standing = self._update("control.turned_at", _PACE, change, condition, values, names)
        return int((stored or standing or {})["at"]["N"])

    def lease(self, instance: int = 0) -> Lease | None:
        """See ``ports.Control``."""
        item = self._get("control.lease", _instance(instance))
        return _read(item) if item else None

    def _get(self, operation: str, key: Any) -> Item | None:
        with translated(operation, key["pk"]["S"]):
            return self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")

    def stand(self, seen: Lease, candidate: str) -> bool:
        """See ``ports.Control``."""
        values = {":ep": number(seen.epoch), ":ca": text(candidate)}
        stored, _ = self._update("control.stand", _instance(seen.instance), "SET ca = :ca", "ep = :ep", values)
        return stored is not None

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        """See ``ports.Control``."""
        epoch = (seen.epoch if seen else 0) + 1
        values = {":next": number(epoch), ":ow": text(owner), ":ve": text(version), ":zero": number(0)}
        condition = "attribute_not_exists(pk)"
        if seen is not None:
            condition = "ep = :ep AND co = :co"
            values |= {":ep": number(seen.epoch), ":co": number(seen.counter)}
        change = "SET ep = :next, ow = :ow, ve = :ve, co = :zero REMOVE ca"
        stored, standing = self._update("control.take", _instance(instance), change, condition, values)
        lease = stored or standing
        if lease is None:
            return None
        found = _read(lease)
        # A try that was applied but reported as failed left our own name: then the lease is ours.
        return found if (found.owner, found.epoch) == (owner, epoch) else None

    def renew(self, lease: Lease, mark: Mark | None = None) -> Lease:
        """See ``ports.Control``."""
        values = {":ep": number(lease.epoch), ":ow": text(lease.owner or ""), ":one": number(1)}
        key, change = _instance(lease.instance), "SET co = co + :one"
        if mark:
            change += ", ha = :ha, hs = :hs"
            values |= {":ha": number(mark.until_ms), ":hs": text(",".join(map(str, sorted(mark.shards))))}
        stored, _ = self._update("control.renew", key, change, "ep = :ep AND ow = :ow", values)
        if stored is None:
            raise Fenced("control.renew", f"epoch {lease.epoch}", "another scheduler holds the lease")
        return _read(stored)

    def release(self, lease: Lease) -> None:
        """See ``ports.Control``."""
        values = {":ep": number(lease.epoch)}
        self._update("control.release", _instance(lease.instance), "REMOVE ow, ca", "ep = :ep", values)

    def holding(self, shard: int) -> Holding | None:
        """See ``ports.Control``."""
        item = self._get("control.holding", _shard(shard))
        return _read_holding(item) if item else None

    def claim(self, shard: int, seen: Holding | None, instance: int, term: int, handed_ms: int = 0) -> Holding | None:
        """See ``ports.Control``."""
        epoch = (seen.epoch if seen else 0) + 1
        handed_ms = max(handed_ms, seen.handed_ms if seen else 0)
        values = {":next": number(epoch), ":se": number(instance), ":re": number(term), ":ha": number(handed_ms)}
        condition = "attribute_not_exists(pk)"
        if seen is not None:
            condition = "ep = :ep"
            values[":ep"] = number(seen.epoch)
        change = "SET ep = :next, se = :se, re = :re, ha = :ha"
        stored, standing = self._update("control.claim", _shard(shard), change, condition, values)
        item = stored or standing
        if item is None:
            return None
        found = _read_holding(item)
        # A try that was applied but reported as failed left our own name: then the shard is ours.
        return found if (found.epoch, found.instance, found.term) == (epoch, instance, term) else None

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """See ``ports.Control``."""
        values = {":ep": number(epoch), ":ha": number(handed_ms)}
        self._update("control.vacate", _shard(shard), "SET ha = :ha REMOVE se", "ep = :ep", values)

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """See ``ports.Control``."""
        names = {f"#{level}": str(level) for level in cursors}
        values = {":ep": number(epoch), **{f":{level}": number(cursor) for level, cursor in cursors.items()}}
        change = "SET " + ", ".join(f"#{level} = :{level}" for level in cursors)
        stored, _ = self._update("control.advance", _shard(shard), change, "ep = :ep", values, names)
        if stored is None:
            raise Fenced("control.advance", f"shard {shard}", f"it is not held under epoch {epoch}")

    def sweep(self) -> Sweep | None:
        """See ``ports.Control``."""
        item = self._get("control.sweep", _SWEEP)
        return _read_sweep(item or {})

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """See ``ports.Control``."""
        values = {":began": number(new.began_ms), ":after": text(new.after), ":over": number(int(new.over))}
        condition = "attribute_not_exists(pk)"
        if seen is not None:
            condition = "be = :seen_began AND af = :seen_after AND ov = :seen_over"
            values |= {":seen_began": number(seen.began_ms), ":seen_after": text(seen.after)}
            values[":seen_over"] = number(int(seen.over))
        change = "SET be = :began, af = :after, ov = :over"
        stored, standing = self._update("control.move_sweep", _SWEEP, change, condition, values)
        return _read_sweep(stored or standing or {}) == new

    def _update(
        self,
        operation: str,
        key: Any,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> tuple[Item | None, Item | None]:
        """The item as written, or else the one that did not meet the condition."""
        extra: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        with translated(operation, key["pk"]["S"]):
            try:
                answer = self.client.update_item(
                    TableName=self.table,
                    Key=key,
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **extra,
                )
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                standing: Any = error.response.get("Item")
                return None, standing
        return answer["Attributes"], None
