"""The lease and the cursors in DynamoDB. Every write is conditional on the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import CONDITION_FAILED, code_of, translated
from tidewheel.adapters.aws.dynamo import Item, get_text, number, text
from tidewheel.domain.lease import Lease
from tidewheel.domain.wheel import RINGS, Level
from tidewheel.ports import Lost

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LEASE = {"pk": text("lease")}
_ORIGIN = {"pk": text("origin")}


def _shard(shard: int) -> dict[str, dict[str, str]]:
    return {"pk": text(f"shard#{shard:04d}")}


def _read(item: Item) -> Lease:
    return Lease(
        owner=get_text(item, "ow") or None,
        epoch=int(item["ep"]["N"]),
        counter=int(item["co"]["N"]),
        version=get_text(item, "ve"),
        candidate=get_text(item, "ca") or None,
    )


@dataclass(frozen=True, slots=True)
class DynamoControl:
    """``ports.Control`` on the Control table."""

    client: DynamoDBClient
    table: str

    def origin(self, now_ms: int) -> int:
        """See ``ports.Control``."""
        with translated("control.origin", "origin"):
            answer = self.client.get_item(TableName=self.table, Key=_ORIGIN, ConsistentRead=True)
        if "Item" in answer:
            return int(answer["Item"]["at"]["N"])
        change, condition = "SET #at = :at", "attribute_not_exists(pk)"
        names, values = {"#at": "at"}, {":at": number(now_ms)}
        stored, standing = self._update("control.origin", _ORIGIN, change, condition, values, names)
        return int((stored or standing or {})["at"]["N"])

    def lease(self) -> Lease | None:
        """See ``ports.Control``."""
        with translated("control.lease", "lease"):
            answer = self.client.get_item(TableName=self.table, Key=_LEASE, ConsistentRead=True)
        return _read(answer["Item"]) if "Item" in answer else None

    def stand(self, seen: Lease, candidate: str) -> bool:
        """See ``ports.Control``."""
        values = {":ep": number(seen.epoch), ":ca": text(candidate)}
        stored, _ = self._update("control.stand", _LEASE, "SET ca = :ca", "ep = :ep", values)
        return stored is not None

    def take(self, seen: Lease | None, owner: str, version: str) -> Lease | None:
        """See ``ports.Control``."""
        epoch = (seen.epoch if seen else 0) + 1
        values = {":next": number(epoch), ":ow": text(owner), ":ve": text(version), ":zero": number(0)}
        condition = "attribute_not_exists(pk)"
        if seen is not None:
            condition = "ep = :ep AND co = :co"
            values |= {":ep": number(seen.epoch), ":co": number(seen.counter)}
        change = "SET ep = :next, ow = :ow, ve = :ve, co = :zero REMOVE ca"
        stored, standing = self._update("control.take", _LEASE, change, condition, values)
        lease = stored or standing
        if lease is None:
            return None
        found = _read(lease)
        # A try that was applied but reported as failed left our own name: then the lease is ours.
        return found if (found.owner, found.epoch) == (owner, epoch) else None

    def renew(self, lease: Lease) -> Lease:
        """See ``ports.Control``."""
        values = {":ep": number(lease.epoch), ":ow": text(lease.owner or ""), ":one": number(1)}
        stored, _ = self._update("control.renew", _LEASE, "SET co = co + :one", "ep = :ep AND ow = :ow", values)
        if stored is None:
            raise Lost("control.renew", f"epoch {lease.epoch}", "another scheduler holds the lease")
        return _read(stored)

    def release(self, lease: Lease) -> None:
        """See ``ports.Control``."""
        self._update("control.release", _LEASE, "REMOVE ow, ca", "ep = :ep", {":ep": number(lease.epoch)})

    def enter(self, shard: int, epoch: int) -> Mapping[Level, int]:
        """See ``ports.Control``."""
        condition = "attribute_not_exists(ep) OR ep <= :ep"
        stored, _ = self._update("control.enter", _shard(shard), "SET ep = :ep", condition, {":ep": number(epoch)})
        if stored is None:
            raise Lost("control.enter", f"shard {shard}", f"an epoch above {epoch} has claimed it")
        return {ring.level: int(stored[ring.level]["N"]) for ring in RINGS if ring.level in stored}

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """See ``ports.Control``."""
        names = {f"#{level}": str(level) for level in cursors}
        values = {":ep": number(epoch), **{f":{level}": number(cursor) for level, cursor in cursors.items()}}
        change = "SET " + ", ".join(f"#{level} = :{level}" for level in cursors)
        stored, _ = self._update("control.advance", _shard(shard), change, "ep = :ep", values, names)
        if stored is None:
            raise Lost("control.advance", f"shard {shard}", f"it is not claimed for epoch {epoch}")

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
