"""The wheel in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidewheel.adapters.memory.world import World, refuse_late
from tidewheel.domain.limits import LOADED_AT_ONCE, QUARANTINE_CHARS, REASON_CHARS
from tidewheel.domain.wheel.entries import Entry, Placed, encode
from tidewheel.domain.wheel.levels import Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.span import EVERYTHING, Span
from tidewheel.ports import Clock


class MemoryWheel:
    """``ports.Wheel`` in memory; entries are kept in their stored form, so that the codec is used.

    Args:
        world: The items.
        clock: The time at which a write is sent; without one, no write comes too late.
    """

    def __init__(self, world: World, clock: Clock | None = None) -> None:
        self._world = world
        self._clock = clock

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        """See ``ports.Wheel``."""
        after = span.first if span.after is None else span.after + "\0"
        with self._world.lock:
            items = {key: (text,) for key, text in self._world.singles[slot].items()} | self._world.packs[slot]
        keys = sorted(key for key in items if max(span.first, after) <= key <= span.last)
        page = keys[:LOADED_AT_ONCE]
        rest = replace(span, after=page[-1]) if len(keys) > len(page) else None
        return Load.of([(key, items[key]) for key in page], rest)

    def put(self, placed: Placed) -> None:
        """See ``ports.Wheel``."""
        refuse_late("wheel.put", placed, self._clock)
        with self._world.lock:
            self._world.place(placed)

    def put_pack(self, slot: Slot, key: str, entries: Sequence[Entry]) -> None:
        """See ``ports.Wheel``."""
        with self._world.lock:
            self._world.packs[slot][key] = tuple(encode(entry) for entry in entries)

    def remove(self, slot: Slot, sorts: Sequence[str]) -> None:
        """See ``ports.Wheel``."""
        with self._world.lock:
            for key in sorts:
                self._world.singles[slot].pop(key, None)

    def quarantine(self, item: Quarantined) -> None:
        """See ``ports.Wheel``."""
        kept = replace(item, text=item.text[:QUARANTINE_CHARS], problem=item.problem[:REASON_CHARS])
        with self._world.lock:
            self._world.quarantine[item.partition, item.id] = kept
