"""Which shards a scheduler turns: its own, those of seats that are empty, and none that another should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidewheel.domain.fleet.lease import Holding, Lease, Mark, Vigil, heir, is_vacant
from tidewheel.domain.limits import LOOK_MS, SECOND_MS
from tidewheel.domain.wheel.levels import Level
from tidewheel.engine.scheduler.background_io import Errands
from tidewheel.engine.scheduler.context import Means, Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Hopper
from tidewheel.engine.scheduler.shard.wheel import ShardWheel, Turning

_DRAIN_MS = 3 * SECOND_MS


@dataclass(slots=True)
class _Held:
    wheel: ShardWheel
    shard: Shard
    handed_ms: int  # what was known of it when it was taken over
    leaving_ms: int | None = None  # since when it is being given up, on the monotonic clock


@dataclass(slots=True)
class Shares:
    """The shards of one seat's reign.

    Args:
        means: What to work with.
        hopper: Where occurrences go.
        lease: The seat's lease.
        seats: How many seats there are.
    """

    means: Means
    hopper: Hopper
    lease: Lease
    seats: int
    _errands: Errands = field(init=False)
    _held: dict[int, _Held] = field(default_factory=dict)
    _vigils: dict[int, Vigil] = field(default_factory=dict)
    _alive: dict[int, int] = field(default_factory=dict)
    _claiming: set[int] = field(default_factory=set)
    _marks: dict[int, Mark] = field(default_factory=dict)
    _mine: set[int] = field(default_factory=set)
    _look_ms: int = 0
    _looking: bool = False
    _since_ms: int | None = None

    def __post_init__(self) -> None:
        self._errands = self.means.errands()
        self._vigils = {seat: Vigil() for seat in range(self.seats) if seat != self.lease.seat}
        self._alive = {self.lease.seat: self.lease.epoch}
        self._marks = {self.lease.seat: self.lease.mark}

    def work(self, now_ms: int) -> None:
        """Turns what is held, gives up what another should turn, and claims what nobody does."""
        monotonic = self.means.clock.monotonic_ms()
        self._errands.collect()
        self._settle(monotonic)
        self._look(monotonic)
        for held in list(self._held.values()):
            held.shard.errands.collect()
            held.wheel.turn(now_ms)

    @property
    def through(self) -> bool:
        """Whether each shard is in hand, and nothing is left in it that could be handed over by now."""
        return self._mine == self._held.keys() != set() and all(held.wheel.through for held in self._held.values())

    # --- who is alive -------------------------------------------------------------------------------------

    def _look(self, monotonic: int) -> None:
        """Reads the other seats and the shards that are wanted, and claims those that are vacant."""
        if self._looking or monotonic < self._look_ms:
            return
        self._looking = True
        self._look_ms = monotonic + LOOK_MS
        control, now_ms = self.means.stores.control, self.means.clock.now_ms()

        def work() -> Mapping[int, Lease | None]:
            self.means.layouts.now()
            if self._since_ms is None:
                self._since_ms = control.turned_at(self.means.pace.name, now_ms)
            return {seat: control.lease(seat) for seat in self._vigils}

        def done(leases: Mapping[int, Lease | None]) -> None:
            self._looking = False
            now = self.means.clock.monotonic_ms()
            for seat, lease in leases.items():
                self._marks[seat] = lease.mark if lease else Mark()
                if self._vigils[seat].stands_still(lease, now) or lease is None:
                    self._alive.pop(seat, None)
                else:
                    self._alive[seat] = lease.epoch
            self._mine = self._wanted()
            self._claim_vacant()

        self._errands.start(work, done)

    def _wanted(self) -> set[int]:
        shards = range(self.means.layouts.latest.numbers)
        return {shard for shard in shards if heir(shard, self.seats, self._alive) == self.lease.seat}

    # --- claim --------------------------------------------------------------------------------------------

    def _claim_vacant(self) -> None:
        for shard in self._mine - self._held.keys() - self._claiming:
            self._claim(shard)

    def _claim(self, shard: int) -> None:
        control, lease = self.means.stores.control, self.lease
        others = {seat: reign for seat, reign in self._alive.items() if seat != lease.seat}
        handed_ms = max(mark.of(shard) for mark in self._marks.values())
        self._claiming.add(shard)

        def work() -> Holding | None:
            seen = control.holding(shard)
            if not is_vacant(seen, others):
                return None
            return control.claim(shard, seen, lease.seat, lease.epoch, handed_ms)

        def done(holding: Holding | None) -> None:
            self._claiming.discard(shard)
            if holding is not None:
                self._begin(shard, holding)

        self._errands.start(work, done)

    def _begin(self, number: int, holding: Holding) -> None:
        means = self.means
        shard = Shard(number, holding.epoch, means.stores, means.errands(), means.telemetry, means.clock, means.layouts)
        cursors = {**dict.fromkeys(Level, means.layouts.latest.born_ms(number)), **holding.cursors}
        assert self._since_ms is not None  # known since the first look
        turning = Turning(means.pace, self._since_ms, holding.handed_ms)
        wheel = ShardWheel(shard, cursors, means.clock.now_ms(), self.hopper, turning)
        self._held[number] = _Held(wheel, shard, holding.handed_ms)

    def mark(self, now_ms: int) -> Mark:
        """How far the shards that are held are handed on; or what was said of them before, if that was more."""
        until_ms = self.hopper.handed_over_ms(now_ms)
        mark = Mark(until_ms, frozenset(n for n, held in self._held.items() if held.wheel.is_planned(until_ms)))
        said = self._marks[self.lease.seat]
        if mark.shards <= said.shards and mark.until_ms <= said.until_ms:
            return said
        self._marks[self.lease.seat] = mark
        return mark

    # --- give up ------------------------------------------------------------------------------------------

    def _settle(self, monotonic: int) -> None:
        for number in self._held.keys() - self._mine:
            self._leave(number, monotonic)

    def _leave(self, number: int, monotonic: int) -> None:
        """Lets what is under way become durable, then vacates the shard, so that its heir need not wait."""
        held = self._held[number]
        if held.leaving_ms is None:
            held.leaving_ms, held.wheel.draining = monotonic, True
        elif held.wheel.settled or monotonic - held.leaving_ms > _DRAIN_MS:
            handed_ms = max(held.handed_ms, self.mark(self.means.clock.now_ms()).of(number))
            del self._held[number]
            held.wheel.closed = True
            control, epoch = self.means.stores.control, held.shard.epoch
            self._errands.start(lambda: control.vacate(number, epoch, handed_ms), lambda _: None)

    def leave_all(self, now_ms: int) -> bool:
        """Gives everything up, step by step; true once all is vacated."""
        monotonic = self.means.clock.monotonic_ms()
        self._errands.collect()
        for held in self._held.values():
            held.wheel.draining = True
            held.shard.errands.collect()
            held.wheel.turn(now_ms)
        for number in list(self._held):
            self._leave(number, monotonic)
        return not self._held and not self._errands.busy
