"""Load: a slot is read page by page, each page with the records that say what its entries stand for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial

from tidewheel.domain.limits import JOBS_AT_ONCE, LOADED_AT_ONCE
from tidewheel.domain.wheel.levels import CASCADES, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span, side_by_side
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.records import EntriesByJob, Loaded, batches, by_job, joined, read_records
from tidewheel.engine.scheduler.shard.window import Window

TakeIn = Callable[[Window, Loaded], None]
Ended = Callable[[int], None]


@dataclass(slots=True)
class _Reading:
    """One passage through a slot.

    Args:
        window: For which the slot is read.
        known: Sort keys of the singles that are in hand already.
        ended: Is called at the end with the number of entries that were found.
        steps: Reads in flight.
        found: Entries found so far, those included that cannot be read.
    """

    window: Window
    known: Container[str]
    ended: Ended
    steps: int = 0
    found: int = 0


class Loader:
    """Reads the slots of one shard. A page is planned as soon as its records are there, while others are read.

    Args:
        shard: Whose slots.
        take_in: Plans a page.
        has_room: Whether more occurrences may be taken into memory. While they may not, no page is read.
    """

    def __init__(self, shard: Shard, take_in: TakeIn, has_room: Callable[[], bool]) -> None:
        self._shard = shard
        self._take_in = take_in
        self._has_room = has_room
        self._held_back: deque[tuple[_Reading, Span]] = deque()

    def read(self, window: Window, span: Span, known: Container[str], ended: Ended) -> None:
        """Reads a slot page by page; what is left after the first page is read in several spans side by side.

        Args:
            window: For which the slot is read; it is told at the end.
            span: ``EVERYTHING`` or ``SINGLES``.
            known: Sort keys of the singles that are in hand already and left out.
            ended: Is called after that with the number of entries that were found.
        """
        self._begin(_Reading(window, known, ended), span)

    def work(self) -> None:
        """Reads on where it was held back, as far as there is room again."""
        while self._held_back and self._has_room():
            self._read(*self._held_back.popleft())

    def _begin(self, reading: _Reading, span: Span) -> None:
        reading.steps += 1
        if self._has_room():
            self._read(reading, span)
        else:
            self._held_back.append((reading, span))
            self._shard.telemetry.count("load_held_back")

    def _read(self, reading: _Reading, span: Span) -> None:
        slot, stores = reading.window.slot, self._shard.stores

        def work() -> tuple[Load, Loaded | None]:
            load = stores.wheel.load(slot, span)
            new = load.without(reading.known)
            entries = _to_resolve(slot, new)
            if load.rest is None and len(entries) <= JOBS_AT_ONCE:  # as in most slots: one background call does it all
                return new, read_records(stores.jobs, new, entries)
            return new, None

        def done(answer: tuple[Load, Loaded | None]) -> None:
            load, loaded = answer
            if loaded is not None:
                self._take(reading, loaded)
            elif len(load):
                for portion in load.portions(LOADED_AT_ONCE):
                    self._resolve(reading, portion)
            for rest in _spans_left(slot, span, load.rest):
                self._begin(reading, rest)
            self._step_ends(reading)

        self._shard.background.start(work, done)

    def _resolve(self, reading: _Reading, load: Load) -> None:
        """Reads the records of a portion in batches side by side; when the last one is there, it is planned."""
        groups = batches(_to_resolve(reading.window.slot, load))
        if not groups:
            self._take(reading, Loaded(load))
            return
        parts: list[Loaded] = []

        def done(part: Loaded) -> None:
            parts.append(part)
            if len(parts) == len(groups):
                self._take(reading, joined(load, parts))
                self._step_ends(reading)

        reading.steps += 1
        for group in groups:
            self._shard.background.start(partial(read_records, self._shard.stores.jobs, Load(), group), done)

    def _take(self, reading: _Reading, loaded: Loaded) -> None:
        if len(loaded.load):
            reading.found += len(loaded.load)
            self._take_in(reading.window, loaded)

    @staticmethod
    def _step_ends(reading: _Reading) -> None:
        reading.steps -= 1
        if not reading.steps:
            reading.window.read(reading.found)
            reading.ended(reading.found)


def _spans_left(slot: Slot, span: Span, rest: Span | None) -> Sequence[Span]:
    """What is still to be read after a page: after the first page of a slot, several spans."""
    if rest is None:
        return []
    return side_by_side(slot, rest) if span in {EVERYTHING, SINGLES} else [rest]


def _to_resolve(slot: Slot, load: Load) -> EntriesByJob:
    """The schedule entries whose jobs are needed: none in a coarse slot, where they only move to a finer one."""
    return {} if slot.level in CASCADES else by_job(load)
