"""The records that say what loaded entries stand for: jobs, and the generation rows of those that were edited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Generation, Job
from tidewheel.domain.limits import JOBS_AT_ONCE
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.expansion import needs_history
from tidewheel.domain.wheel.load import Load
from tidewheel.ports import JobKey, Jobs, Refused

EntriesByJob = Mapping[JobKey, Sequence[ScheduleEntry]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Entries of a slot with the records that are needed to plan them.

    Args:
        load: The entries.
        jobs: The jobs of its schedule entries, each record at least as new as the entries; deleted jobs are absent.
        history: Generation rows by number, for the jobs whose entries need them.
        unreadable: Jobs of which something cannot be understood: the record, or, if that is present, generation rows.
    """

    load: Load
    jobs: Mapping[JobKey, Job] = field(default_factory=dict)
    history: Mapping[JobKey, Mapping[int, Generation]] = field(default_factory=dict)
    unreadable: Mapping[JobKey, Unreadable] = field(default_factory=dict)

    def problem(self, entry: ScheduleEntry) -> Unreadable | None:
        """Why an entry cannot be planned, or None. A damaged generation row hinders only the entries that need it."""
        key = (entry.tenant, entry.job)
        job = self.jobs.get(key)
        return self.unreadable.get(key) if job is None or needs_history(entry, job) else None


def resolve(jobs: Jobs, load: Load) -> Loaded:
    """Reads the records of a load, in batches, and once more consistently where one is older than its entry.

    Raises:
        PortError: The store did not answer.
    """
    return read_records(jobs, load, by_job(load))


def read_records(jobs: Jobs, load: Load, entries_by_job: EntriesByJob) -> Loaded:
    """The same for some of the load's jobs.

    Raises:
        PortError: The store did not answer.
    """
    found = _batch(jobs, entries_by_job)
    records: dict[JobKey, Job] = {}
    history: dict[JobKey, Mapping[int, Generation]] = {}
    unreadable: dict[JobKey, Unreadable] = {}
    for key, entries in entries_by_job.items():
        record = found.get(key)
        newest = max(entry.generation for entry in entries)
        if record is None or (isinstance(record, Job) and record.generation < newest):
            record = _read_consistently(jobs, key)
        if isinstance(record, Unreadable):
            unreadable[key] = record
        elif record is not None:
            records[key] = record
            try:
                if any(needs_history(entry, record) for entry in entries):
                    history[key] = jobs.generations(*key, first=min(entry.generation for entry in entries))
            except Unreadable as error:
                unreadable[key] = error
            except Refused as error:
                unreadable[key] = _unreadable("generation", key, error)
    return Loaded(load, records, history, unreadable)


def _batch(jobs: Jobs, keys: Iterable[JobKey]) -> Mapping[JobKey, Job | Unreadable]:
    """Many jobs; if the store refuses them for what one of their keys says, those that it does not refuse."""
    wanted = list(keys)
    if not wanted:
        return {}
    try:
        return jobs.batch(wanted)
    except Refused as error:
        if error.mendable:
            raise
    return {key: found for key in wanted if (found := _read_consistently(jobs, key)) is not None}


def _read_consistently(jobs: Jobs, key: JobKey) -> Job | Unreadable | None:
    try:
        return jobs.get(*key, consistent=True)
    except Unreadable as error:
        return error
    except Refused as error:
        return _unreadable("job", key, error)


def _unreadable(what: str, key: JobKey, error: Refused) -> Unreadable:
    """What a record counts as whose key the store refuses for what it says.

    Raises:
        Refused: The cause is another, which an operator can mend.
    """
    if error.mendable:
        raise error
    return Unreadable(what, "/".join(key), str(error))


def by_job(load: Load) -> Mapping[JobKey, Sequence[ScheduleEntry]]:
    """The schedule entries of a load by their job."""
    grouped: defaultdict[JobKey, list[ScheduleEntry]] = defaultdict(list)
    for entries in (load.singles.values(), *load.packs.values()):
        for entry in entries:
            if isinstance(entry, ScheduleEntry):
                grouped[entry.tenant, entry.job].append(entry)
    return grouped


def batches(entries_by_job: EntriesByJob) -> Sequence[EntriesByJob]:
    """The jobs in groups of as many as one request reads."""
    left = iter(entries_by_job.items())
    groups: list[EntriesByJob] = []
    while group := dict(islice(left, JOBS_AT_ONCE)):
        groups.append(group)
    return groups


def joined(load: Load, parts: Sequence[Loaded]) -> Loaded:
    """A load with the records that were read in batches."""
    return Loaded(
        load,
        {key: job for part in parts for key, job in part.jobs.items()},
        {key: rows for part in parts for key, rows in part.history.items()},
        {key: error for part in parts for key, error in part.unreadable.items()},
    )
