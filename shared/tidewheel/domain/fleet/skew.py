"""How far this machine's clock is off, judged by the ``Date`` headers of the AWS answers that it gets anyway.

A ``Date`` header names a whole second, and a call takes time, so a single answer proves only a range. The answer was
stamped between the sending of the request and its receipt, in the second that begins at ``d``: the clock is *behind* by
at least ``d - received``, and *ahead* by at least ``sent - (d + 1 s)``. If both are negative, nothing is proven.

The rule by which several answers are judged together:

- Answers that took longer than a second (long polls, slow calls) are ignored: they prove nothing of any clock.
- Answers that name the same second are one *sighting*, whose range is what all of theirs have in common, if they were
  sent within a second of the first: a ``Date`` that stands still for longer comes from a cache.
- Of the newest five sightings of the last five minutes the median counts; of an even number, the one of the middle two
  that proves less. So two false answers among five change nothing.
- With fewer than three sightings there is no judgement; a clock may be *doubtful* until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.limits import MINUTE_MS, SECOND_MS, SKEW_REFUSED_MS, SKEW_WARNED_MS

QUICK_MS = SECOND_MS
"""How long (ms) a call may take whose answer counts."""
KEPT = 5
QUORUM = 3
FRESH_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the answers that name the same second prove.

    Args:
        date_ms: The beginning of that second (ms since the epoch).
        first_ms: When the first of the requests was sent (ms since the epoch, by this machine's clock).
        last_ms: When the last of the answers was received (the same).
        least_ms: The clock is ahead by more than this (ms; negative: behind by less).
        most_ms: The clock is ahead by this (ms) at most.
    """

    date_ms: int
    first_ms: int
    last_ms: int
    least_ms: int
    most_ms: int

    @property
    def proven_ms(self) -> int:
        """By how much (ms) the clock is surely ahead, or, if negative, behind; 0 if neither is proven."""
        return _nearest_to_zero(self.least_ms, self.most_ms)


class Standing(StrEnum):
    """How far a clock can be trusted."""

    FIT = "fit"
    WARNED = "warned"  # it is off, but by less than would do harm
    DOUBTFUL = "doubtful"  # the few answers so far say that it is far off
    OFF = "off"  # so far that this machine may take no work


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a clock is off.

    Args:
        ms: By how much (ms) it is surely ahead, or, if negative, behind; it may be more by a second and a call's time.
        sightings: By how many sightings that was judged.
    """

    ms: int = 0
    sightings: int = 0

    @property
    def standing(self) -> Standing:
        """How far the clock can be trusted."""
        if self.sightings < QUORUM:
            return Standing.DOUBTFUL if abs(self.ms) > SKEW_REFUSED_MS else Standing.FIT
        if abs(self.ms) > SKEW_REFUSED_MS:
            return Standing.OFF
        return Standing.WARNED if abs(self.ms) > SKEW_WARNED_MS else Standing.FIT

    def __str__(self) -> str:
        """The deviation in words, as ``at least 2.0 s behind AWS's``."""
        return f"at least {abs(self.ms) / SECOND_MS:.1f} s {'ahead of' if self.ms > 0 else 'behind'} AWS's"


def sighted(before: tuple[Sighting, ...], date_ms: int, sent_ms: int, received_ms: int) -> tuple[Sighting, ...]:
    """The sightings, newest last, with one more answer.

    Args:
        before: The sightings so far.
        date_ms: What its ``Date`` header says (ms since the epoch).
        sent_ms: When its request was sent (ms since the epoch, by the clock that is judged).
        received_ms: When it was received (the same).
    """
    if not 0 <= received_ms - sent_ms <= QUICK_MS:
        return before
    new = Sighting(date_ms, sent_ms, received_ms, sent_ms - date_ms - SECOND_MS, received_ms - date_ms)
    for index, old in enumerate(before):
        if old.date_ms == date_ms:
            return (*before[:index], _merged(old, new), *before[index + 1 :])
    return (*before, new)[-KEPT:]


def _merged(old: Sighting, new: Sighting) -> Sighting:
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
    """How far the clock is off, by the sightings of the last minutes.

    Args:
        sightings: As ``sighted`` returned them.
        now_ms: The time (ms since the epoch, by the clock that is judged).
    """
    proven = sorted(each.proven_ms for each in sightings if 0 <= now_ms - each.last_ms <= FRESH_MS)
    if not proven:
        return Deviation()
    low, high = proven[(len(proven) - 1) // 2], proven[len(proven) // 2]
    return Deviation(_nearest_to_zero(low, high), len(proven))


def _nearest_to_zero(low: int, high: int) -> int:
    """The value of a range that is nearest to 0; 0 also if the range is empty, as after the clock was set."""
    return low if 0 < low <= high else high if low <= high < 0 else 0
