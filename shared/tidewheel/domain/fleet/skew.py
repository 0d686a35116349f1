"""How far this machine's clock is off, by the ``Date`` headers of answers that it gets anyway.

Such a header names a whole second, and the call took time, so a single answer proves only a range. The answer was
stamped between sending and receiving, in the second from ``d`` on: the clock is *behind* by at least ``d - received``,
and *ahead* by at least ``sent - (d + 1 s)``. What lies between proves nothing.

The rule by which answers are put together:

- Answers that took longer than a second (long polls, slow calls) count for nothing: they would acquit any clock.
- Answers that name the same second are one sighting, with the range that all of them leave, as long as they were sent
  within a second of the first: no honest second lasts longer, a ``Date`` that stands still is some cache's.
- Of the newest five sightings of the last five minutes the middle one counts; of an even number the one of the middle
  two that says less. So two false answers among five change nothing.
- Nothing is judged by fewer than three sightings; until then a clock may be *in doubt*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.limits import MINUTE_MS, SECOND_MS, SKEW_REFUSED_MS, SKEW_WARNED_MS

QUICK_MS = SECOND_MS
"""What takes longer proves too little."""
KEPT = 5
QUORUM = 3
FRESH_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the answers that name one second prove.

    Args:
        date_ms: The second (ms since the epoch).
        first_ms: When the first of the requests was sent, by this machine's clock.
        last_ms: When the last of the answers came, by this machine's clock.
        least_ms: The clock is ahead by more than this (negative: behind by less).
        most_ms: It is ahead by this at most.
    """

    date_ms: int
    first_ms: int
    last_ms: int
    least_ms: int
    most_ms: int

    @property
    def proven_ms(self) -> int:
        """By how much the clock is surely ahead, or, below 0, behind; 0 if neither is proven."""
        return _nearest_to_zero(self.least_ms, self.most_ms)


class Standing(StrEnum):
    """What may be said of a clock."""

    FIT = "fit"
    WARNED = "warned"  # it is off, by less than what would do harm
    DOUBTFUL = "doubtful"  # the few answers so far say that it is far off
    OFF = "off"  # so far that nothing may rest on it


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a clock is off.

    Args:
        ms: By how much it is surely ahead, or, below 0, behind; it may be more, by a second and a call's time.
        sightings: On how many sightings that rests.
    """

    ms: int = 0
    sightings: int = 0

    @property
    def standing(self) -> Standing:
        """What follows from it."""
        if self.sightings < QUORUM:
            return Standing.DOUBTFUL if abs(self.ms) > SKEW_REFUSED_MS else Standing.FIT
        if abs(self.ms) > SKEW_REFUSED_MS:
            return Standing.OFF
        return Standing.WARNED if abs(self.ms) > SKEW_WARNED_MS else Standing.FIT

    def __str__(self) -> str:
        """For people."""
        return f"at least {abs(self.ms) / SECOND_MS:.1f} s {'ahead of' if self.ms > 0 else 'behind'} AWS's"


def sighted(before: tuple[Sighting, ...], date_ms: int, sent_ms: int, received_ms: int) -> tuple[Sighting, ...]:
    """The sightings, newest last, with one more answer.

    Args:
        before: The sightings so far.
        date_ms: What its ``Date`` header says.
        sent_ms: When its request was sent, by the clock that is judged.
        received_ms: When it came, by the same clock.
    """
    if not 0 <= received_ms - sent_ms <= QUICK_MS:
        return before
    new = Sighting(date_ms, sent_ms, received_ms, sent_ms - date_ms - SECOND_MS, received_ms - date_ms)
    for place, old in enumerate(before):
        if old.date_ms == date_ms:
            return (*before[:place], _both(old, new), *before[place + 1 :])
    return (*before, new)[-KEPT:]


def _both(old: Sighting, new: Sighting) -> Sighting:
    if not 0 <= new.first_ms - old.first_ms <= SECOND_MS:
        return old
    return Sighting(
        old.date_ms,
        old.first_ms,
        max(old.last_ms, new.last_ms),
        max(old.least_ms, new.least_ms),
        min(old.most_ms, new.most_ms),
    )


def deviation(sightings: tuple[Sighting, ...], now_ms: int) -> Deviation:
    """What the sightings of the last minutes come to.

    Args:
        sightings: As ``sighted`` put them together.
        now_ms: The time, by the clock that is judged.
    """
    proven = sorted(each.proven_ms for each in sightings if 0 <= now_ms - each.last_ms <= FRESH_MS)
    if not proven:
        return Deviation()
    low, high = proven[(len(proven) - 1) // 2], proven[len(proven) // 2]
    return Deviation(_nearest_to_zero(low, high), len(proven))


def _nearest_to_zero(low: int, high: int) -> int:
    """Of a range the value that says least; 0 too if the range is empty, as a clock that was set may leave it."""
    return low if 0 < low <= high else high if low <= high < 0 else 0
