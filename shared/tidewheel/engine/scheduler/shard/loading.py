"""Load: a slot's entries, page by page, with the records that say what they stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.limits import JOBS_AT_ONCE, LOADED_AT_ONCE
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.expansion import needs_history
from tidewheel.domain.wheel.levels import CASCADES, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span, side_by_side
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.window import Window
from tidewheel.ports import JobKey, Jobs

Chains = Mapping[JobKey, Sequence[ScheduleEntry]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded, ready to be planned.

    Args:
        load: What rests in the slot.
        jobs: The records of its chains' jobs, each at least as new as the entries; deleted ones are absent.
        history: Generation rows, for the jobs whose entries need them.
        unreadable: Jobs of which something cannot be understood: the record, or, where that is there, generation rows.
    """

    load: Load
    jobs: Mapping[JobKey, Job] = field(default_factory=dict)
    history: Mapping[JobKey, Mapping[int, Generation]] = field(default_factory=dict)
    unreadable: Mapping[JobKey, Unreadable] = field(default_factory=dict)

    def trouble(self, entry: ScheduleEntry) -> Unreadable | None:
        """Why an entry cannot be planned, if it cannot. A damaged generation row hinders those alone that need one."""
        key = (entry.tenant, entry.job)
        job = self.jobs.get(key)
        return self.unreadable.get(key) if job is None or needs_history(entry, job) else None


TakeIn = Callable[[Window, Loaded], None]
Ended = Callable[[int], None]


@dataclass(slots=True)
class _Reading:
    """One passage through a slot.

    Args:
        window: Which is held open by it.
        known: Keys of what is in hand already.
        ended: Is told at the end how much was found.
        steps: Reads under way.
        found: Entries found so far, those that are none included.
    """

    window: Window
    known: Container[str]
    ended: Ended
    steps: int = 0
    found: int = 0


class Loader:
    """Reads one shard's slots. Each page is planned as soon as it and its records are there, while others are read."""

    def __init__(self, shard: Shard, take_in: TakeIn) -> None:
        self._shard = shard
        self._take_in = take_in

    def read(self, window: Window, span: Span, known: Container[str], ended: Ended) -> None:
        """Reads a slot's page after page; what is left after the first in several spans side by side.

        Args:
            window: What to read for; it stays open until all is taken in.
            span: ``EVERYTHING`` or ``SINGLES``.
            known: Keys of singles in hand already, which are left out.
            ended: Is called at the end with the number of entries that were taken in.
        """
        self._read(_Reading(window, known, ended), span)

    def _read(self, reading: _Reading, span: Span) -> None:
        slot, stores = reading.window.slot, self._shard.stores

        def work() -> tuple[Load, Loaded | None]:
            load = stores.wheel.load(slot, span)
            fresh = load.without(reading.known)
            schedule_entries = _chains(slot, fresh)
            small = (
                load.rest is None and len(schedule_entries) <= JOBS_AT_ONCE
            )  # as most slots are: one background call does it all
            return fresh, _records(stores.jobs, fresh, schedule_entries) if small else None

        def done(answer: tuple[Load, Loaded | None]) -> None:
            load, loaded = answer
            if loaded is not None:
                self._take(reading, loaded)
            elif len(load):
                for portion in load.portions(LOADED_AT_ONCE):
                    self._resolve(reading, portion)
            for more in _onward(slot, span, load.rest):
                self._read(reading, more)
            self._step_ends(reading)

        self._step_begins(reading)
        self._shard.background.start(work, done)

    def _resolve(self, reading: _Reading, load: Load) -> None:
        """Reads the records of a portion, in batches side by side; the last one to come has it planned."""
        groups = _grouped(_chains(reading.window.slot, load))
        if not groups:
            self._take(reading, Loaded(load))
            return
        parts: list[Loaded] = []

        def done(part: Loaded) -> None:
            parts.append(part)
            if len(parts) == len(groups):
                self._take(reading, _joined(load, parts))
                self._step_ends(reading)

        self._step_begins(reading)
        for group in groups:
            self._shard.background.start(partial(_records, self._shard.stores.jobs, Load(), group), done)

    def _take(self, reading: _Reading, loaded: Loaded) -> None:
        if len(loaded.load):
            reading.found += len(loaded.load)
            self._take_in(reading.window, loaded)

    @staticmethod
    def _step_begins(reading: _Reading) -> None:
        reading.steps += 1
        reading.window.reading += 1

    @staticmethod
    def _step_ends(reading: _Reading) -> None:
        reading.steps -= 1
        reading.window.reading -= 1
        if not reading.steps:
            reading.ended(reading.found)


def _onward(slot: Slot, span: Span, rest: Span | None) -> Sequence[Span]:
    """Where to read on after a page: after the first one, in several places."""
    if rest is None:
        return []
    return side_by_side(slot, rest) if span in {EVERYTHING, SINGLES} else [rest]


def resolve(jobs: Jobs, load: Load) -> Loaded:
    """Reads the job records of a load, in batches, and again consistently where one is older than its entry."""
    return _records(jobs, load, _by_job(load))


def _records(jobs: Jobs, load: Load, schedule_entries: Chains) -> Loaded:
    found = jobs.batch(schedule_entries) if schedule_entries else {}
    records: dict[JobKey, Job] = {}
    history: dict[JobKey, Mapping[int, Generation]] = {}
    unreadable: dict[JobKey, Unreadable] = {}
    for key, entries in schedule_entries.items():
        record = found.get(key)
        newest = max(entry.generation for entry in entries)
        if record is None or (isinstance(record, Job) and record.generation < newest):
            record = _again(jobs, key)
        if isinstance(record, Unreadable):
            unreadable[key] = record
        elif record is not None:
            records[key] = record
            try:
                if any(needs_history(entry, record) for entry in entries):
                    history[key] = jobs.generations(*key, first=min(entry.generation for entry in entries))
            except Unreadable as error:
                unreadable[key] = error
    return Loaded(load, records, history, unreadable)


def _again(jobs: Jobs, key: JobKey) -> Job | Unreadable | None:
    try:
        return jobs.get(*key, consistent=True)
    except Unreadable as error:
        return error


def _chains(slot: Slot, load: Load) -> Chains:
    """The chain entries whose jobs must be looked at: none where they merely cascade."""
    return {} if slot.level in CASCADES else _by_job(load)


def _by_job(load: Load) -> dict[JobKey, list[ScheduleEntry]]:
    grouped: defaultdict[JobKey, list[ScheduleEntry]] = defaultdict(list)
    for entries in (load.singles.values(), *load.packs.values()):
        for entry in entries:
            if isinstance(entry, ScheduleEntry):
                grouped[entry.tenant, entry.job].append(entry)
    return grouped


def _grouped(schedule_entries: Chains) -> list[Chains]:
    """The jobs in groups of as many as one request reads."""
    left = iter(schedule_entries.items())
    groups: list[Chains] = []
    while group := dict(islice(left, JOBS_AT_ONCE)):
        groups.append(group)
    return groups


def _joined(load: Load, parts: Sequence[Loaded]) -> Loaded:
    return Loaded(
        load,
        {key: job for part in parts for key, job in part.jobs.items()},
        {key: rows for part in parts for key, rows in part.history.items()},
        {key: error for part in parts for key, error in part.unreadable.items()},
    )
