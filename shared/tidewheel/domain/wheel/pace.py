"""The pace: how the wheel is turned, by a loop or by a short run each minute. Pure bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import Invalid
from tidewheel.domain.jobs.precision import TICK_MS, Precision
from tidewheel.domain.limits import MAX_SEND_DELAY_MS, MINUTE_MS, SECOND_MS, SKEW_MS
from tidewheel.domain.wheel.levels import BEYOND, CASCADES, DAYS, HOURS, MINUTES, RINGS, Ring, Slot, place

CHANGEOVER_MS = 30 * MINUTE_MS
"""How long after a change of pace somebody may still write at the one before: a worker that began under it, which
Lambda ends after 15 minutes, and what its entry then waits for in a second's slot; twice that."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the wheel is turned (all ms). Writers and schedulers of a deployment must agree on it.

    Args:
        name: What settings and Control call it.
        ahead_ms: How much earlier than its ring's lead a slot is loaded. What is loaded is handed over at once, with a
            delay; 0 if it waits for its time in memory.
        back_ms: Of slots that begin so shortly before the cursor, a new owner reads the singles again: those of
            writers at another pace, whose margins are smaller.
        rings: Where a writer may put an entry, coarsest first.
        tick_ms: How often the scheduler looks at what has happened.
    """

    name: str
    ahead_ms: int
    back_ms: int
    rings: tuple[Ring, ...]
    tick_ms: int

    @property
    def loops(self) -> bool:
        """Whether schedulers stay, and hand over each occurrence when its time has come."""
        return not self.ahead_ms

    def place(self, due_ms: int, now_ms: int, shard: int) -> Slot:
        """Where a writer who does not own the shard puts an entry; ``late`` if every slot may be loaded by then."""
        return place(due_ms, now_ms, shard, self.rings, self.ahead_ms)

    def resumed_ms(self, ring: Ring, cursor_ms: int, now_ms: int, since_ms: int) -> int:
        """From where a new owner turns a ring, given its stored cursor.

        The loop goes back to what a run of the economy loaded ahead: its writers still put entries there. The
        economy leaves the seconds out, once nobody can have written there any more.

        Args:
            ring: Which one.
            cursor_ms: The start of the first slot that is not done.
            now_ms: The time.
            since_ms: Since when the wheel is turned at this pace.
        """
        if self.loops:
            return min(cursor_ms, _furthest(ring, now_ms + SKEW_MS))
        if ring not in self.rings and not self.sweeps(now_ms, since_ms):
            return max(cursor_ms, now_ms)
        return cursor_ms

    def sweeps(self, now_ms: int, since_ms: int) -> bool:
        """Whether rings that this pace does not use are turned, for what writers at another one left there."""
        return self.loops or now_ms - since_ms < CHANGEOVER_MS

    def look_back(self, ring: Ring, cursor_ms: int) -> range:
        """The starts of the slots whose singles a new owner reads again."""
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
    """The furthest cursor that a loop can have stored: a slot that cascades is done once it is loaded, others at their
    end.
    """
    if ring.level not in CASCADES:
        return ring.start_of(now_ms)
    return ring.start_of(now_ms + ring.lead_ms) + ring.slot_ms


LOOP = Pace("loop", ahead_ms=0, back_ms=0, rings=RINGS, tick_ms=TICK_MS)
"""Schedulers loop, ten times a second."""
ECONOMY = Pace(
    "economy",
    ahead_ms=130 * SECOND_MS,
    back_ms=6 * MINUTE_MS,
    rings=(BEYOND, DAYS, HOURS, MINUTES),
    tick_ms=10,
)
"""One short run a minute hands over the minutes that begin in the next 140 s, so that one run may fail, or come 80 s
late, before anything is."""
PACES = {pace.name: pace for pace in (LOOP, ECONOMY)}


def delay_s(release_ms: int, now_ms: int, *, held: bool) -> int:
    """For how many whole seconds a queue is to hide a message.

    Args:
        release_ms: From when on it is wanted (ms).
        now_ms: When it is sent (ms).
        held: Whether its worker waits for the due time: then it may come up to a second before, else after.
    """
    ahead_ms = min(max(0, release_ms - now_ms), MAX_SEND_DELAY_MS)
    return ahead_ms // SECOND_MS if held else -(-ahead_ms // SECOND_MS)
