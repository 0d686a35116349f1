"""Quarantine: what could not be understood is kept with the reason, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.limits import QUARANTINE_RETENTION_MS
from tidewheel.domain.wheel.levels import Slot


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that could not be understood, or whose record could not.

    Args:
        slot: Where it rested; of a message, the first shard's late slot.
        key: Its sort key there.
        text: Its content, as it was stored.
        what: What is unreadable: ``wheel entry`` or ``message``, or the record that it needs: ``job``, ``generation``,
            ``execution``.
        problem: What is wrong with that.
        noted_ms: When it was found (ms since the epoch).
    """

    slot: Slot
    key: str
    text: str
    what: str
    problem: str
    noted_ms: int

    @property
    def partition(self) -> str:
        """Where it is kept: a place of each shard that is no slot."""
        return keys.quarantine_partition(self.slot.shard)

    @property
    def id(self) -> str:
        """Its key there. Whoever finds the same again, after a crash, overwrites it."""
        return keys.quarantine_sort(self.slot.key, self.key, self.text)

    def expires_ms(self) -> int:
        """When it may vanish (ms)."""
        return self.noted_ms + QUARANTINE_RETENTION_MS
