"""Which shards a scheduler turns: its own, those of instances without a scheduler, and none that another should."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tidewheel.domain.fleet.health import Signals
from tidewheel.domain.fleet.lease import Holding, Lease, Mark, assignee, is_vacant
from tidewheel.domain.jobs.precision import TICK_MS
from tidewheel.domain.limits import LOOK_MS, SECOND_MS
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.pace import until_beat_ms
from tidewheel.engine.scheduler.context import SchedulerContext, Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.peers import Peers
from tidewheel.engine.scheduler.shard.wheel import ShardWheel, Turning

_DRAIN_MS = 3 * SECOND_MS
"""How long a shard that is given up may let what is in flight become durable."""


@dataclass(slots=True)
class _Held:
    """A shard in hand.

    Args:
        wheel: Turns it.
        shard: Which one, under which epoch.
        handed_ms: Up to which due time (ms since the epoch) it was known to be handed over when it was claimed.
        leaving_ms: Since when it is being given up, on the monotonic clock (ms); None if it is not.
    """

    wheel: ShardWheel
    shard: Shard
    handed_ms: int
    leaving_ms: int | None = None


class ShardAssignment:
    """The shards of one instance during a term.

    Args:
        context: What to work with.
        dispatcher: Where occurrences go.
        lease: The instance's lease.
        instances: How many instances there are.
    """

    def __init__(self, context: SchedulerContext, dispatcher: Dispatcher, lease: Lease, instances: int) -> None:
        self._context = context
        self._clock = context.clock
        self._ownership = context.stores.ownership
        self._dispatcher = dispatcher
        self._lease = lease
        self._instances = instances
        self._background = context.background()
        self._peers = Peers(lease, instances)
        self._held: dict[int, _Held] = {}
        self._claiming: set[int] = set()
        self._assigned: set[int] = set()
        self._look_ms = 0
        self._looking = False
        self._since_ms: int | None = None

    def work(self, now_ms: int) -> None:
        """Gives up what another should turn, claims what nobody does, and turns what is held.

        Args:
            now_ms: The time (ms since the epoch).
        """
        monotonic = self._clock.monotonic_ms()
        self._background.collect()
        for number in self._to_leave():
            self._leave(number, monotonic)
        self._look(monotonic)
        for held in list(self._held.values()):
            held.shard.background.collect()
            held.wheel.turn(now_ms)

    @property
    def signals_of_others(self) -> Collection[Signals]:
        """What the other living schedulers measured of the deployment's health."""
        return self._peers.signals

    def epoch_of(self, number: int) -> int | None:
        """The epoch under which a shard is in hand; None if it is not, or is being given up."""
        held = self._held.get(number)
        return held.shard.epoch if held is not None and held.leaving_ms is None else None

    @property
    def is_through(self) -> bool:
        """Whether every assigned shard is held, and nothing is left in it that could be handed over by now."""
        return self._assigned == self._held.keys() != set() and all(
            held.wheel.is_through for held in self._held.values()
        )

    @property
    def is_calm(self) -> bool:
        """Whether nothing is under way, so that nothing is to be done before the next second begins."""
        busy = self._background.busy or any(
            held.shard.background.busy or held.leaving_ms is not None for held in self._held.values()
        )
        return not busy and self._is_settled

    @property
    def _is_settled(self) -> bool:
        """Whether every instance is alive, and every shard held that is assigned to this one."""
        return self._peers.have_beaten and self._assigned <= self._held.keys()

    def holds(self, number: int) -> bool:
        """Whether a shard is in hand."""
        return number in self._held

    def mark(self, now_ms: int) -> Mark:
        """How far the shards in hand are handed over; or what was said of them before, if that was more.

        Args:
            now_ms: The time (ms since the epoch).
        """
        until_ms = self._dispatcher.handed_over_ms(now_ms)
        planned = frozenset(number for number, held in self._held.items() if held.wheel.is_planned(until_ms))
        return self._peers.say(Mark(until_ms, planned))

    # --- look and claim -----------------------------------------------------------------------------------

    def _look(self, monotonic: int) -> None:
        """Reads the other instances' leases now and then, and claims the assigned shards that are vacant."""
        if self._looking or monotonic < self._look_ms:
            return
        self._looking = True
        self._look_ms = monotonic + LOOK_MS
        now_ms = self._clock.now_ms()

        def work() -> Mapping[int, Lease | None]:
            self._context.layouts.now()
            if self._since_ms is None:
                self._since_ms = self._context.stores.leases.pace_since(self._context.pace.noted_as, now_ms)
            return self._peers.read(self._context)

        def done(leases: Mapping[int, Lease | None]) -> None:
            self._looking = False
            self._peers.saw(leases, self._clock.monotonic_ms())
            self._assigned = self._assigned_by_now()
            for number in self._assigned - self._held.keys() - self._claiming:
                self._claim(number)
            if self._is_settled:
                self._look_ms = monotonic + until_beat_ms(now_ms, TICK_MS)

        self._background.start(work, done)

    def _assigned_by_now(self) -> set[int]:
        numbers, alive = range(self._context.layouts.latest.numbers), self._peers.alive
        return {number for number in numbers if assignee(number, self._instances, alive) == self._lease.instance}

    def _claim(self, number: int) -> None:
        """Claims a shard, if it is vacant when it is looked at."""
        ownership, lease = self._ownership, self._lease
        others = self._peers.other_terms
        handed_ms = self._peers.handed_over_ms(number)
        self._claiming.add(number)

        def work() -> Holding | None:
            seen = ownership.holding(number)
            if not is_vacant(seen, others) or _is_later(seen, lease):
                return None
            return ownership.claim(number, seen, lease.instance, lease.epoch, handed_ms)

        def done(holding: Holding | None) -> None:
            self._claiming.discard(number)
            if holding is not None:
                self._begin(number, holding)

        self._background.start(work, done)

    def _begin(self, number: int, holding: Holding) -> None:
        context = self._context
        shard = context.shard(number, holding.epoch)
        cursors = {**dict.fromkeys(Level, context.layouts.latest.born_ms(number)), **holding.cursors}
        assert self._since_ms is not None  # known since the first look
        turning = Turning(context.pace, self._since_ms, holding.handed_ms)
        wheel = ShardWheel(shard, cursors, self._clock.now_ms(), self._dispatcher, turning)
        self._held[number] = _Held(wheel, shard, holding.handed_ms)

    # --- give up ------------------------------------------------------------------------------------------

    def _to_leave(self) -> Sequence[int]:
        """The shards in hand that another should turn, and those that are drained already for one that has ended since.

        A drained wheel is not filled again: its shard is vacated and, if it is assigned again, claimed anew.
        """
        return [
            number for number, held in self._held.items() if number not in self._assigned or held.leaving_ms is not None
        ]

    def _leave(self, number: int, monotonic: int) -> None:
        """Lets what is in flight become durable, then vacates the shard, so that its assignee need not wait."""
        held = self._held[number]
        if held.leaving_ms is None:
            held.leaving_ms, held.wheel.draining = monotonic, True
        elif held.wheel.is_durable or monotonic - held.leaving_ms > _DRAIN_MS:
            self._vacate(number, held)

    def _vacate(self, number: int, held: _Held) -> None:
        handed_ms = max(held.handed_ms, self.mark(self._clock.now_ms()).of(number))
        del self._held[number]
        held.wheel.closed = True
        ownership, epoch = self._ownership, held.shard.epoch
        self._background.start(lambda: ownership.vacate(number, epoch, handed_ms), lambda _: None)

    def abandon(self) -> None:
        """Lets all shards go as they are: nothing more is begun for them.

        What is under way may still reach the stores: every write is refused by its epoch, or is what the next owner
        writes as well.
        """
        self._background.abandon()
        for held in self._held.values():
            held.wheel.closed = True
            held.shard.background.abandon()

    def leave_all(self, now_ms: int) -> bool:
        """Gives everything up, step by step.

        Args:
            now_ms: The time (ms since the epoch).

        Returns:
            Whether all shards are vacated.
        """
        monotonic = self._clock.monotonic_ms()
        self._background.collect()
        for held in self._held.values():
            held.wheel.draining = True
            held.shard.background.collect()
            held.wheel.turn(now_ms)
        for number in list(self._held):
            self._leave(number, monotonic)
        return not self._held and not self._background.busy


def _is_later(seen: Holding | None, lease: Lease) -> bool:
    """Whether a later term of the same instance owns the shard: the claim of a term that let go comes too late."""
    return seen is not None and seen.instance == lease.instance and seen.term > lease.epoch
