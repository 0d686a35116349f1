"""Which shards a scheduler turns: its own, those of instances that are empty, and none that another should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidewheel.domain.fleet.lease import Holding, Lease, LeaseWatcher, Mark, assignee, is_vacant
from tidewheel.domain.limits import LOOK_MS, SECOND_MS
from tidewheel.domain.wheel.levels import Level
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.context import SchedulerContext, Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.shard.wheel import ShardWheel, Turning

_DRAIN_MS = 3 * SECOND_MS


@dataclass(slots=True)
class _Held:
    wheel: ShardWheel
    shard: Shard
    handed_ms: int  # what was known of it when it was taken over
    leaving_ms: int | None = None  # since when it is being given up, on the monotonic clock


@dataclass(slots=True)
class ShardAssignment:
    """The shards of one instance's term.

    Args:
        means: What to work with.
        dispatcher: Where occurrences go.
        lease: The instance's lease.
        instances: How many instances there are.
    """

    context: SchedulerContext
    dispatcher: Dispatcher
    lease: Lease
    instances: int
    _background: BackgroundIO = field(init=False)
    _held: dict[int, _Held] = field(default_factory=dict)
    _watchers: dict[int, LeaseWatcher] = field(default_factory=dict)
    _alive: dict[int, int] = field(default_factory=dict)
    _claiming: set[int] = field(default_factory=set)
    _marks: dict[int, Mark] = field(default_factory=dict)
    _mine: set[int] = field(default_factory=set)
    _look_ms: int = 0
    _looking: bool = False
    _since_ms: int | None = None

    def __post_init__(self) -> None:
        self._background = self.context.background()
        self._watchers = {
            instance: LeaseWatcher() for instance in range(self.instances) if instance != self.lease.instance
        }
        self._alive = {self.lease.instance: self.lease.epoch}
        self._marks = {self.lease.instance: self.lease.mark}

    def work(self, now_ms: int) -> None:
        """Turns what is held, gives up what another should turn, and claims what nobody does."""
        monotonic = self.context.clock.monotonic_ms()
        self._background.collect()
        self._settle(monotonic)
        self._look(monotonic)
        for held in list(self._held.values()):
            held.shard.background.collect()
            held.wheel.turn(now_ms)

    @property
    def through(self) -> bool:
        """Whether each shard is in hand, and nothing is left in it that could be handed over by now."""
        return self._mine == self._held.keys() != set() and all(held.wheel.is_through for held in self._held.values())

    # --- who is alive -------------------------------------------------------------------------------------

    def _look(self, monotonic: int) -> None:
        """Reads the other instances and the shards that are wanted, and claims those that are vacant."""
        if self._looking or monotonic < self._look_ms:
            return
        self._looking = True
        self._look_ms = monotonic + LOOK_MS
        leases, now_ms = self.context.stores.leases, self.context.clock.now_ms()

        def work() -> Mapping[int, Lease | None]:
            self.context.layouts.now()
            if self._since_ms is None:
                self._since_ms = leases.pace_since(self.context.pace.name, now_ms)
            return {instance: leases.lease(instance) for instance in self._watchers}

        def done(leases: Mapping[int, Lease | None]) -> None:
            self._looking = False
            now = self.context.clock.monotonic_ms()
            for instance, lease in leases.items():
                self._marks[instance] = lease.mark if lease else Mark()
                if self._watchers[instance].stands_still(lease, now) or lease is None:
                    self._alive.pop(instance, None)
                else:
                    self._alive[instance] = lease.epoch
            self._mine = self._wanted()
            self._claim_vacant()

        self._background.start(work, done)

    def _wanted(self) -> set[int]:
        shards = range(self.context.layouts.latest.numbers)
        return {shard for shard in shards if assignee(shard, self.instances, self._alive) == self.lease.instance}

    # --- claim --------------------------------------------------------------------------------------------

    def _claim_vacant(self) -> None:
        for shard in self._mine - self._held.keys() - self._claiming:
            self._claim(shard)

    def _claim(self, shard: int) -> None:
        ownership, lease = self.context.stores.ownership, self.lease
        others = {instance: term for instance, term in self._alive.items() if instance != lease.instance}
        handed_ms = max(mark.of(shard) for mark in self._marks.values())
        self._claiming.add(shard)

        def work() -> Holding | None:
            seen = ownership.holding(shard)
            if not is_vacant(seen, others):
                return None
            return ownership.claim(shard, seen, lease.instance, lease.epoch, handed_ms)

        def done(holding: Holding | None) -> None:
            self._claiming.discard(shard)
            if holding is not None:
                self._begin(shard, holding)

        self._background.start(work, done)

    def _begin(self, number: int, holding: Holding) -> None:
        context = self.context
        shard = Shard(
            number,
            holding.epoch,
            context.stores,
            context.background(),
            context.telemetry,
            context.clock,
            context.layouts,
        )
        cursors = {**dict.fromkeys(Level, context.layouts.latest.born_ms(number)), **holding.cursors}
        assert self._since_ms is not None  # known since the first look
        turning = Turning(context.pace, self._since_ms, holding.handed_ms)
        wheel = ShardWheel(shard, cursors, context.clock.now_ms(), self.dispatcher, turning)
        self._held[number] = _Held(wheel, shard, holding.handed_ms)

    def mark(self, now_ms: int) -> Mark:
        """How far the shards that are held are handed on; or what was said of them before, if that was more."""
        until_ms = self.dispatcher.handed_over_ms(now_ms)
        mark = Mark(until_ms, frozenset(n for n, held in self._held.items() if held.wheel.is_planned(until_ms)))
        said = self._marks[self.lease.instance]
        if mark.shards <= said.shards and mark.until_ms <= said.until_ms:
            return said
        self._marks[self.lease.instance] = mark
        return mark

    # --- give up ------------------------------------------------------------------------------------------

    def _settle(self, monotonic: int) -> None:
        for number in self._held.keys() - self._mine:
            self._leave(number, monotonic)

    def _leave(self, number: int, monotonic: int) -> None:
        """Lets what is under way become durable, then vacates the shard, so that its assignee need not wait."""
        held = self._held[number]
        if held.leaving_ms is None:
            held.leaving_ms, held.wheel.draining = monotonic, True
        elif held.wheel.is_durable or monotonic - held.leaving_ms > _DRAIN_MS:
            handed_ms = max(held.handed_ms, self.mark(self.context.clock.now_ms()).of(number))
            del self._held[number]
            held.wheel.closed = True
            ownership, epoch = self.context.stores.ownership, held.shard.epoch
            self._background.start(lambda: ownership.vacate(number, epoch, handed_ms), lambda _: None)

    def leave_all(self, now_ms: int) -> bool:
        """Gives everything up, step by step; true once all is vacated."""
        monotonic = self.context.clock.monotonic_ms()
        self._background.collect()
        for held in self._held.values():
            held.wheel.draining = True
            held.shard.background.collect()
            held.wheel.turn(now_ms)
        for number in list(self._held):
            self._leave(number, monotonic)
        return not self._held and not self._background.busy
