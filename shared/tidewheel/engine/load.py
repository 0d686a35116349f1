"""Load: a slot's entries, with the records that say what they stand for."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.expansion import needs_history
from tidewheel.domain.job import Generation, Job
from tidewheel.domain.wheel import CASCADES, Chain, Entry, Slot, Waiting
from tidewheel.ports import JobKey, Jobs, Load


@dataclass(frozen=True, slots=True)
class Loaded:
    """A slot's content, ready to be planned.

    Args:
        load: What rests there.
        jobs: The records of its chains' jobs, each at least as new as the entries; deleted ones are absent.
        history: Generation rows, for the jobs whose entries need them.
        unreadable: Jobs whose records cannot be understood.
    """

    load: Load
    jobs: Mapping[JobKey, Job] = field(default_factory=dict)
    history: Mapping[JobKey, Mapping[int, Generation]] = field(default_factory=dict)
    unreadable: Mapping[JobKey, Unreadable] = field(default_factory=dict)

    def removable(self, singles: Mapping[str, Entry]) -> set[str]:
        """The keys of those singles that may be deleted once they are done: not of a job that cannot be read."""
        return {
            key
            for key, entry in singles.items()
            if isinstance(entry, Waiting) or (entry.tenant, entry.job) not in self.unreadable
        }


def fetch(jobs: Jobs, slot: Slot, load: Load, known: Container[str]) -> Loaded:
    """What is new in a load, with the records that planning it needs: none where entries merely cascade."""
    fresh = replace(load, singles={key: entry for key, entry in load.singles.items() if key not in known})
    return Loaded(fresh) if slot.level in CASCADES else resolve(jobs, fresh)


def resolve(jobs: Jobs, load: Load) -> Loaded:
    """Reads the job records of a load, in batches, and again consistently where one is older than its entry."""
    chains = _by_job([*load.singles.values(), *load.packed])
    found = jobs.batch(chains) if chains else {}
    records: dict[JobKey, Job] = {}
    history: dict[JobKey, Mapping[int, Generation]] = {}
    unreadable: dict[JobKey, Unreadable] = {}
    for key, entries in chains.items():
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


def _by_job(entries: Sequence[Entry]) -> dict[JobKey, list[Chain]]:
    grouped: dict[JobKey, list[Chain]] = {}
    for entry in entries:
        if isinstance(entry, Chain):
            grouped.setdefault((entry.tenant, entry.job), []).append(entry)
    return grouped
