"""The lists of a tenant's jobs: which of them hold a job, at which place, and which list answers a question. Pure.

A job has one row in each list that holds it, written when its definition or state changes and never when it fires.
``shared/docs/design/lists.md`` says what each list costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.jobs.job import Job, JobState

ALL = "all"
"""Every job, by creation."""
ACTIVE = "active"
"""Jobs that fire, by creation. A row expires when its job has fired for the last time."""
PAUSED = "paused"
"""Paused jobs, by creation."""
ENDING = "ending"
"""Active jobs that fire for a last time, by when that is: past or to come."""
NAMED = "name"
"""Every job, by name."""


def owned(principal: str) -> str:
    """The list of the jobs that a principal created, by creation."""
    return f"owner:{principal}"


def tagged(name: str, value: str) -> str:
    """The list of the jobs with a tag, by creation."""
    return f"tag:{name}:{value}"


@dataclass(frozen=True, slots=True)
class Row:
    """A job's row in a list.

    Args:
        list: Which list.
        place: Where it stands in the list's order; it ends with the job's id.
        expires_ms: When it may vanish (ms since the epoch), or None.
    """

    list: str
    place: str
    expires_ms: int | None


def rows_of(job: Job) -> frozenset[Row]:
    """The rows of a job in all lists that hold it."""
    return frozenset(_rows(job))


def _rows(job: Job) -> Iterator[Row]:
    expires_ms, created = job.expires_ms(), keys.listed_at(job.created_ms, job.id)
    yield Row(ALL, created, expires_ms)
    yield Row(NAMED, keys.listed_name(job.definition.name, job.id), expires_ms)
    for name, value in job.definition.tags.items():
        yield Row(tagged(name, value), created, expires_ms)
    if job.created_by:
        yield Row(owned(job.created_by), created, expires_ms)
    if job.state is JobState.PAUSED:
        yield Row(PAUSED, created, None)
        return
    last_ms = job.last_due()
    if job.definition.schedule is not None:  # what runs at once is never shown as active
        yield Row(ACTIVE, created, last_ms)
    if last_ms is not None:
        yield Row(ENDING, keys.listed_at(last_ms, job.id), expires_ms)


def place_of(job: Job, list: str) -> str | None:
    """The place of a job in a list; None if the list does not hold it."""
    return next((row.place for row in _rows(job) if row.list == list), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a list, in one order.

    Args:
        list: Which list.
        low: The lowest place.
        high: The highest place.
        descending: Whether the highest place comes first: of lists by time, the newest.
    """

    list: str
    low: str = keys.FIRST
    high: str = keys.LISTED_END
    descending: bool = True

    def after(self, place: str | None) -> Listing:
        """What is left of it after a place; all of it for None."""
        if place is None:
            return self
        low, high = (self.low, min(self.high, place)) if self.descending else (max(self.low, place), self.high)
        return Listing(self.list, low, high, self.descending)


def called(name: str) -> Listing:
    """The jobs that have just this name, by id."""
    return Listing(NAMED, *keys.listed_names(name), descending=False)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are asked for: those for which all of this holds.

    Args:
        state: Their state, as of now.
        tags: Tags that they have: names and values.
        name_prefix: How their name begins.
        fires_after_ms: They fire next at this time or later (ms since the epoch).
        fires_before_ms: They fire next before this time (ms since the epoch).
        owner: The name of the principal who created them; empty for any.
        kinds: Their target is of one of these kinds; empty for any.
    """

    state: JobState | None = None
    tags: Sequence[tuple[str, str]] = ()
    name_prefix: str = ""
    fires_after_ms: int | None = None
    fires_before_ms: int | None = None
    owner: str = ""
    kinds: Collection[str] = ()

    def listing(self, now_ms: int) -> Listing:
        """The list that is read: the first of these that is asked for: a tag, the name, the owner, the state."""
        if self.tags:
            return Listing(tagged(*self.tags[0]))
        if self.name_prefix:
            return Listing(NAMED, *keys.listed_range(self.name_prefix), descending=False)
        if self.owner:
            return Listing(owned(self.owner))
        if self.state is JobState.PAUSED:
            return Listing(PAUSED)
        if self._is_over:
            return Listing(ENDING, high=keys.listed_at(now_ms + 1, ""))
        return Listing(ACTIVE if self.state is JobState.ACTIVE or self._by_next_fire else ALL)

    @property
    def _is_over(self) -> bool:
        return self.state in {JobState.COMPLETED, JobState.FAILED}

    @property
    def _by_next_fire(self) -> bool:
        return self.fires_after_ms is not None or self.fires_before_ms is not None

    def matches(self, job: Job, now_ms: int) -> bool:
        """Whether all of it holds for a job, as far as its record tells: ``FAILED`` is told by its last run."""
        definition = job.definition
        tagged = all(definition.tags.get(name) == value for name, value in self.tags)
        if not (tagged and definition.name.startswith(self.name_prefix) and self._is_of(job)):
            return False
        state = JobState.COMPLETED if self._is_over else self.state
        return (state is None or job.state_at(now_ms) is state) and self._fires(job, now_ms)

    def _is_of(self, job: Job) -> bool:
        right_kind = not self.kinds or job.definition.target.kind in self.kinds
        return right_kind and self.owner in {"", job.created_by}

    def _fires(self, job: Job, now_ms: int) -> bool:
        if not self._by_next_fire:
            return True
        nominal_ms = job.next_due(now_ms)
        if nominal_ms is None:
            return False
        due_ms = job.due(nominal_ms)
        late_enough = self.fires_after_ms is None or due_ms >= self.fires_after_ms
        return late_enough and (self.fires_before_ms is None or due_ms < self.fires_before_ms)
