"""The leases of scheduler instances, and the pace of the wheel, in DynamoDB."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tidewheel.adapters.aws.dynamodb.calls import ABSENT
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.items import Item, get_number, get_text, number, text
from tidewheel.domain import keys
from tidewheel.domain.fleet.health import NOTHING, Signals
from tidewheel.domain.fleet.lease import Lease, Mark
from tidewheel.ports import Fenced


@dataclass(frozen=True, slots=True)
class DynamoLeases:
    """``ports.LeaseStore`` on the Control table."""

    table: ControlTable

    def lease(self, instance: int = 0) -> Lease | None:
        """See ``ports.LeaseStore``."""
        item = self.table.get("leases.lease", keys.lease_partition(instance))
        return _read(item) if item else None

    def announce(self, seen: Lease, candidate: str) -> bool:
        """See ``ports.LeaseStore``."""
        values = {":ep": number(seen.epoch), ":ca": text(candidate)}
        stored, _ = self.table.update(
            "leases.announce", keys.lease_partition(seen.instance), "SET ca = :ca", "ep = :ep", values
        )
        return stored is not None

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        """See ``ports.LeaseStore``."""
        epoch = (seen.epoch if seen else 0) + 1
        values = {":next": number(epoch), ":ow": text(owner), ":ve": text(version), ":zero": number(0)}
        condition = ABSENT
        if seen is not None:
            condition = "ep = :ep AND co = :co"
            values |= {":ep": number(seen.epoch), ":co": number(seen.counter)}
        change = "SET ep = :next, ow = :ow, ve = :ve, co = :zero REMOVE ca"
        stored, standing = self.table.update("leases.take", keys.lease_partition(instance), change, condition, values)
        lease = stored or standing
        if lease is None:
            return None
        found = _read(lease)
        # An earlier try may have been applied, though it was reported as failed: then the stored owner is this one.
        return found if (found.owner, found.epoch) == (owner, epoch) else None

    def renew(self, lease: Lease, mark: Mark | None = None, signals: Signals | None = None) -> Lease:
        """See ``ports.LeaseStore``."""
        values = {":ep": number(lease.epoch), ":ow": text(lease.owner or ""), ":one": number(1)}
        key, change = keys.lease_partition(lease.instance), "SET co = co + :one"
        if mark:
            change += ", ha = :ha, hs = :hs"
            values |= {":ha": number(mark.until_ms), ":hs": text(",".join(map(str, sorted(mark.shards))))}
        if signals:
            change += ", sg = :sg"
            values[":sg"] = text(json.dumps(asdict(signals)))
        stored, _ = self.table.update("leases.renew", key, change, "ep = :ep AND ow = :ow", values)
        if stored is None:
            raise Fenced("leases.renew", f"epoch {lease.epoch}", "another scheduler holds the lease")
        return _read(stored)

    def release(self, lease: Lease) -> None:
        """See ``ports.LeaseStore``."""
        values = {":ep": number(lease.epoch)}
        self.table.update("leases.release", keys.lease_partition(lease.instance), "REMOVE ow, ca", "ep = :ep", values)

    def pace_since(self, pace: str, now_ms: int) -> int:
        """See ``ports.LeaseStore``."""
        known = self.table.get("leases.pace_since", keys.PACE) or self._noted(pace, 0, ABSENT)
        if get_text(known, "pa") != pace:
            known = self._noted(pace, now_ms, "pa <> :pa")
        return int(known["at"]["N"])

    def _noted(self, pace: str, at_ms: int, condition: str) -> Item:
        """The pace that stands, which is this one if the condition was met."""
        values, names = {":pa": text(pace), ":at": number(at_ms)}, {"#at": "at"}
        # A try that was applied, though it was reported as failed, fails the condition: what stands then is the same.
        stored, standing = self.table.update(
            "leases.pace_since", keys.PACE, "SET pa = :pa, #at = :at", condition, values, names
        )
        return stored or standing or {}


def _read(item: Item) -> Lease:
    return Lease(
        owner=get_text(item, "ow") or None,
        epoch=int(item["ep"]["N"]),
        counter=int(item["co"]["N"]),
        version=get_text(item, "ve"),
        candidate=get_text(item, "ca") or None,
        instance=keys.parse_lease_partition(item["pk"]["S"]),
        signals=_read_signals(get_text(item, "sg")),
        mark=Mark(get_number(item, "ha") or 0, frozenset(map(int, filter(None, get_text(item, "hs").split(","))))),
    )


def _read_signals(text: str) -> Signals:
    """What a scheduler measured; nothing, if it is one of another release that measures other things."""
    try:
        return Signals(**json.loads(text)) if text else NOTHING
    except TypeError:
        return NOTHING
