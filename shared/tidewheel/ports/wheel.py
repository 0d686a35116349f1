"""The wheel's slots, as stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.span import EVERYTHING, Span


class Wheel(Protocol):
    """The slots and what rests in them: singles (one entry each) and packs (many)."""

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """Reads a page of a slot, strongly consistent, in the order of sort keys.

        A page holds up to ``limits.LOADED_AT_ONCE`` items, a pack counting as one, and says which span is still to be
        read. It may be empty although more is to be read.
        """

    def put(self, placed: Placed) -> None:
        """Writes a single; an equal one is overwritten. Takes no longer than ``limits.WRITE_BOUND_MS``.

        Raises:
            TooLate: It was not sent, since its ``send_by_ms`` was past. That is checked before every single try.
        """

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """Writes a pack under a sort key that nobody else uses."""

    def remove(self, slot: Slot, sorts: Sequence[str]) -> None:
        """Deletes singles by sort key; those that are gone already are passed over.

        Raises:
            Throttled: Some were not deleted within ``limits.WRITE_BOUND_MS``; the caller may repeat the call.
        """

    def quarantine(self, item: Quarantined) -> None:
        """Keeps what could not be understood, until it expires; an equal one is overwritten.

        Of its text ``limits.QUARANTINE_CHARS`` characters are kept, of the problem ``limits.REASON_CHARS``.
        """
