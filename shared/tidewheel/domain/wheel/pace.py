"""The pace: whether the wheel is turned by a loop, or, in economy mode, by a short run each minute."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Invalid
from tidewheel.domain.jobs.precision import TICK_MS, Precision
from tidewheel.domain.limits import MAX_SEND_DELAY_MS, MINUTE_MS, SECOND_MS, SKEW_MS
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import (
    BEYOND,
    CASCADES,
    DAYS,
    FORMER_RINGS,
    HOURS,
    MINUTES,
    RINGS,
    Ring,
    Slot,
    place,
    send_by_ms,
)

CHANGEOVER_MS = 30 * MINUTE_MS
"""How long (ms) after a change of pace entries of writers at the former pace may still turn up: twice the 15 minutes
for which Lambda lets a worker go on that began under it. Slots of another width are a change of pace too."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the wheel is turned. Writers and schedulers of a deployment must agree on it.

    Args:
        name: Its name in settings and in Control.
        ahead_ms: How much earlier (ms) than by its level's lead a slot is loaded; what is loaded is then handed over
            at once, with a delay. 0 if it waits for its time in memory.
        back_ms: A new owner reads the singles of slots again that begin so shortly (ms) before its cursor: writers at
            another pace, whose margins are smaller, may have put entries there.
        rings: The levels into which a writer may put an entry, coarsest first.
        tick_ms: How often (ms) the scheduler collects results and turns the wheel, while there is something to do.
    """

    name: str
    ahead_ms: int
    back_ms: int
    rings: tuple[Ring, ...]
    tick_ms: int

    @property
    def loops(self) -> bool:
        """Whether schedulers stay and hand over each occurrence when its time has come; else they are short runs."""
        return not self.ahead_ms

    @property
    def noted_as(self) -> str:
        """How Control names it: with the width of the finest slots that its writers use."""
        return f"{self.name} {self.rings[-1].slot_ms // SECOND_MS} s"

    def place(self, due_ms: int, now_ms: int, shard: int) -> Slot:
        """Where a writer who does not own the shard puts an entry; see ``levels.place``."""
        return place(due_ms, now_ms, shard, self.rings, self.ahead_ms)

    def placed(self, entry: Entry, now_ms: int, shard: int) -> Placed:
        """An entry in the slot that ``place`` chooses, with the time by which it must be sent."""
        slot = self.place(entry.due_ms, now_ms, shard)
        return Placed(slot, entry, send_by_ms(slot, self.ahead_ms))

    def resumed_ms(self, ring: Ring, cursor_ms: int, now_ms: int, since_ms: int) -> int:
        """From where (ms since the epoch) a new owner turns a level, given its stored cursor.

        The loop goes back over what a short run loaded ahead, since its own writers still put entries there. A short
        run leaves out the seconds once nobody can have written there any more.

        Args:
            ring: Which level.
            cursor_ms: The start of the first slot that is not done (ms since the epoch).
            now_ms: The time (ms since the epoch).
            since_ms: Since when (ms since the epoch) the wheel is turned at this pace.
        """
        if self.loops:
            return min(cursor_ms, _furthest(ring, now_ms + SKEW_MS))
        if ring not in self.rings and not self.sweeps(now_ms, since_ms):
            return max(cursor_ms, now_ms)
        return cursor_ms

    def sweeps(self, now_ms: int, since_ms: int) -> bool:
        """Whether slots are turned that this pace does not use, for what writers at another pace left there."""
        return now_ms - since_ms < CHANGEOVER_MS

    def known_rings(self, now_ms: int, since_ms: int) -> tuple[Ring, ...]:
        """The levels, the seconds as wide as they are to be turned.

        Args:
            now_ms: The time (ms since the epoch).
            since_ms: Since when (ms since the epoch) the wheel is turned at this pace.
        """
        return FORMER_RINGS if self.sweeps(now_ms, since_ms) else RINGS

    def look_back(self, ring: Ring, cursor_ms: int) -> range:
        """The starts (ms since the epoch) of the slots whose singles a new owner reads again."""
        if ring not in self.rings or not self.back_ms:
            return range(0)
        return range(ring.start_of(cursor_ms - self.back_ms), ring.start_of(cursor_ms), ring.slot_ms)

    def refuse(self, precision: Precision) -> None:
        """Refuses what cannot be promised at this pace.

        Raises:
            Invalid: On ``precision``.
        """
        if not self.loops and precision is Precision.HIGH:
            problem = "'high' needs a scheduler that loops, and this deployment runs in economy mode"
            raise Invalid("precision", problem, "use normal or low, or deploy without economy mode")


def _furthest(ring: Ring, now_ms: int) -> int:
    """The furthest cursor (ms since the epoch) that a loop can have stored by now.

    A slot that cascades may be done as soon as it is loaded, others are done at their end.
    """
    if ring.level not in CASCADES:
        return ring.start_of(now_ms)
    return ring.start_of(now_ms + ring.lead_ms) + ring.slot_ms


LOOP = Pace("loop", ahead_ms=0, back_ms=0, rings=RINGS, tick_ms=TICK_MS)
"""Schedulers loop, ten times a second while there is something to do. The default."""
ECONOMY = Pace(
    "economy",
    ahead_ms=130 * SECOND_MS,
    back_ms=6 * MINUTE_MS,
    rings=(BEYOND, DAYS, HOURS, MINUTES),
    tick_ms=10,
)
"""One short run a minute hands over the minutes that begin in the next 140 s, so that nothing is late when one run
fails or comes 80 s late."""
PACES = {pace.name: pace for pace in (LOOP, ECONOMY)}


def until_beat_ms(now_ms: int, phase_ms: int = 0) -> int:
    """How long (ms) to wait for what a loop does once a second, so that all of it comes in the same few ticks.

    It is half a tick less than until then: by the monotonic clock that tick may come a little sooner.

    Args:
        now_ms: The time (ms since the epoch).
        phase_ms: How long after the beginning of a second it is to come.
    """
    return SECOND_MS - (now_ms - phase_ms) % SECOND_MS - TICK_MS // 2


def delay_s(release_ms: int, now_ms: int, *, held: bool) -> int:
    """For how many whole seconds a queue is to hide a message.

    Args:
        release_ms: When it is wanted (ms since the epoch).
        now_ms: When it is sent (ms since the epoch).
        held: Whether its worker waits for the due time: then it may arrive up to a second early, else late.
    """
    ahead_ms = min(max(0, release_ms - now_ms), MAX_SEND_DELAY_MS)
    return ahead_ms // SECOND_MS if held else -(-ahead_ms // SECOND_MS)
