"""The deployment's health and the operator's switch, in DynamoDB: one item, so that one read gives both."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.items import Item, get_text, number, text
from tidewheel.domain import keys
from tidewheel.domain.fleet.health import Health, HealthState, Measured, Reason, Switch

_IS_NEWER = "attribute_not_exists(ep) OR ep < :ep OR (ep = :ep AND wh <= :wh)"


@dataclass(frozen=True, slots=True)
class DynamoHealth:
    """``ports.HealthStore`` on the Control table."""

    table: ControlTable

    def health(self) -> tuple[Measured | None, Switch | None]:
        """See ``ports.HealthStore``."""
        item = self.table.get("health.health", keys.HEALTH, as_of_now=False) or {}
        return _measured(item), _switch(item)

    def report(self, measured: Measured) -> bool:
        """See ``ports.HealthStore``."""
        health = measured.health
        values = {
            ":st": text(health.state),
            ":si": number(health.since_ms),
            ":re": text(json.dumps([[reason.id, reason.text] for reason in health.reasons])),
            ":wh": number(measured.at_ms),
            ":ep": number(measured.epoch),
        }
        change = "SET st = :st, si = :si, re = :re, wh = :wh, ep = :ep"
        stored, _ = self.table.update("health.report", keys.HEALTH, change, _IS_NEWER, values)
        return stored is not None

    def switch(self, switch: Switch | None) -> None:
        """See ``ports.HealthStore``."""
        if switch is None:
            self.table.update("health.switch", keys.HEALTH, "REMOVE sb, sr, ss", "", {})
            return
        values = {":sb": text(switch.by), ":sr": text(switch.reason), ":ss": number(switch.since_ms)}
        self.table.update("health.switch", keys.HEALTH, "SET sb = :sb, sr = :sr, ss = :ss", "", values)


def _measured(item: Item) -> Measured | None:
    if "st" not in item:
        return None
    reasons = tuple(Reason(id, text) for id, text in json.loads(item["re"]["S"]))
    health = Health(HealthState(item["st"]["S"]), int(item["si"]["N"]), reasons)
    return Measured(health, int(item["wh"]["N"]), int(item["ep"]["N"]))


def _switch(item: Item) -> Switch | None:
    return Switch(get_text(item, "sb"), get_text(item, "sr"), int(item["ss"]["N"])) if "ss" in item else None
