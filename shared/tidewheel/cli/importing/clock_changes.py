"""Where a cron expression in a time zone meets the days on which the clocks change, and who does what then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tidewheel.cli.importing.jobs import JobDraft
from tidewheel.cli.importing.outcome import Difference, NotCarried
from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.cron_fields import read, resolve
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.domain.recurrence.zones import stretch_at

_FROM, _TO = 2027, 2067
"""The years that are looked at: a weekday and a date meet again after 28 years at most."""
_QUARTER, _HOUR = 15, 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """What a scheduler does with local times that the clocks skip or show twice.

    Args:
        who: Its name.
        skips: Whether a skipped time does not run; else it runs when the gap ends.
        twice: Whether a time that occurs twice runs twice; else the first time.
        settled: Whether its documentation says so; else any such time differs.
    """

    who: str
    skips: bool = True
    twice: bool = True
    settled: bool = True


@dataclass(frozen=True, slots=True)
class _Change:
    """Local times that are skipped or repeated, in seconds, the end not included."""

    start: int
    end: int
    gap: bool


def clock_difference(expression: str, zone: str, theirs: ClockRule) -> Difference | None:
    """Where an expression in our form runs otherwise on the days of a change; None if it nowhere does.

    Args:
        expression: Five fields in our form, without ``H``.
        zone: A known IANA name.
        theirs: The rule of the other scheduler.
    """
    fields = read(resolve(expression, ""))
    elapsed = fields.minute.starred or fields.hour.starred
    named = Cron(resolve(expression, ""), "UTC")
    for change in _changes(zone):
        wall = _first(named, change)
        if wall is None or not _differs(named, change, theirs, elapsed=elapsed):
            continue
        return Difference("when the clocks change", *_told(change, wall, theirs, elapsed=elapsed))
    return None


def _differs(named: Cron, change: _Change, theirs: ClockRule, *, elapsed: bool) -> bool:
    if not theirs.settled:
        return True
    if not change.gap:
        return theirs.twice != elapsed
    at_end = named.next_after((change.end - 1) * 1000) == change.end * 1000
    return theirs.skips != elapsed and not at_end


def _told(change: _Change, wall: int, theirs: ClockRule, *, elapsed: bool) -> tuple[str, str]:
    shown = f"{_EPOCH + timedelta(seconds=wall):%Y-%m-%d %H:%M}"
    if change.gap:
        ours = "does not run" if elapsed else "runs when the gap ends"
        other = "does not run" if theirs.skips else "runs when the gap ends"
        shown += ", which the clocks skip,"
    else:
        ours = "runs twice" if elapsed else "runs once"
        other = "runs twice" if theirs.twice else "runs once"
        shown += ", which occurs twice,"
    if not theirs.settled:
        other = f"runs when {theirs.who} does not say"
    return f"{shown} {other}", ours


def _first(named: Cron, change: _Change) -> int | None:
    found = named.next_after(change.start * 1000 - 1)
    return None if found is None or found >= change.end * 1000 else found // 1000


@lru_cache(maxsize=256)
def _changes(zone: str) -> tuple[_Change, ...]:
    return tuple(_walked(zone))


def _walked(zone: str) -> Iterator[_Change]:
    instant, until = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (_FROM, _TO))
    while instant < until:
        stretch = stretch_at(zone, instant)
        begins = stretch.start + stretch.offset
        if stretch.reached < begins:
            yield _Change(stretch.reached, begins, gap=True)
        elif stretch.reached > begins:
            yield _Change(begins, stretch.reached, gap=False)
        instant = stretch.end


def zone_matters(expression: str) -> bool:
    """Whether an expression in our form names other instants in some other time zone.

    It does not if it runs in every hour of every day, at minutes that are the same in all zones, which differ by
    multiples of a quarter of an hour.
    """
    fields = read(resolve(expression, ""))
    minutes = fields.minute.numbers
    every = (len(fields.hour.numbers), len(fields.day.numbers), len(fields.month.numbers), len(fields.weekday.numbers))
    shifted = {(minute + _QUARTER) % _HOUR for minute in minutes}
    return every != (24, 31, 12, 7) or shifted != minutes


def cron_schedule(
    draft: JobDraft, expression: str, zone: str | None, who: str, clocks: ClockRule | None = None, *, unnamed: str = ""
) -> dict[str, str]:
    """An expression in our form as a schedule, checked; what differs is noted in the draft.

    Args:
        draft: The job.
        expression: The expression.
        zone: Its zone; None if nothing names one, and it is read in UTC.
        who: The other scheduler.
        clocks: Its rule for the days on which clocks change; None if these are not looked at.
        unnamed: The zone in which it reads what names none; empty if that is UTC as well.

    Raises:
        NotCarried: It never names an instant, or the zone is not known.
    """
    read_in = zone or "UTC"
    checked(expression, read_in, who)
    if zone is None and unnamed and zone_matters(expression):
        draft.differs("the time zone", unnamed, "UTC, unless you pass --timezone")
    if clocks and (difference := clock_difference(expression, read_in, clocks)):
        draft.differences.append(difference)
    return {"cron": expression, "timezone": read_in}


def checked(expression: str, zone: str, who: str) -> str:
    """The expression, if it names an instant at all and the zone is known.

    Raises:
        NotCarried: Says why not.
    """
    try:
        parse_cron(expression, zone, salt="")
    except Invalid as error:
        if "never comes" in error.problem:
            raise NotCarried(f"{error.problem}: {who} never runs it either", "leave it out") from error
        raise NotCarried(error.problem, error.remedy) from error
    return expression
