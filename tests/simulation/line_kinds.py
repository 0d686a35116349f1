"""Histories of lines, each kind of which makes one thing frequent that is rare in the usual ones."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.lined import LineHistory
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS, SKEW_MS


class Quiet(LineHistory):
    """Nothing fails; who waits in line does so because the limit is low."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills = workers.freezes = workers.lags = workers.rate = 0.0
        workers.cuts = workers.chills = workers.ends = workers.doubles = 0.0
        self.stall_rate = self.changing = self.lacks = self.rights = self.cancels = self.redrives = 0.0
        self.refused, self.guards_die, self.guard_falters = 0, 0.0, False
        self.limit, self.overlaps, self.deadlines_ms = self.hands.choice([1, 2]), [Overlap.ALLOW], [0]


class LongCalls(Quiet):
    """Calls last for longer than a lease."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.workers.short, self.timeouts_ms = 0.1, [90 * SECOND_MS]


class Severed(LongCalls):
    """Workers are cut off from their stores for longer than a lease, while their targets work on."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.workers.cuts, self.workers.size, self.limit = 0.2, 3, 1


class Expiring(Quiet):
    """Every execution has a deadline, and the line is longer than that."""

    LATE_MS = 4 * SECOND_MS + SKEW_MS
    """How long after its deadline (ms) an execution may end: the wheel's step, and what its message takes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit, self.deadlines_ms, self.burst = 1, [15 * SECOND_MS], 5 * SECOND_MS
        self.workers.short = 0.3

    def violations(self) -> list[str]:
        late = [
            f"{record.id} ended {ended_ms - self.deadlines_ms[0]} ms after its deadline"
            for record in self.stack.world.executions.values()
            for ended_ms in [(record.finished_ms or 0) - record.due_ms]
            if ended_ms > self.deadlines_ms[0] + self.LATE_MS
        ]
        return [*super().violations(), *late]


class Redriven(LineHistory):
    """Executions whose deadline passes while they wait are redriven at once, and messages come twice."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit, self.deadlines_ms, self.burst, self.overlaps = 2, [4 * SECOND_MS], 0, [Overlap.ALLOW]
        self.workers.lags, self.workers.short, self.redrives, self.strike_ms = 0.1, 0.7, 1.0, SECOND_MS
        self.doubling = 0.5


class Picky(LineHistory):
    """Workers often lack what an execution needs, and are held up between waking it and removing it from the line."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.rate, workers.freezes, workers.lags = 0.0, 0.0, 0.05, 0.2
        workers.freezes_ms, workers.size, self.lacks, self.limit = (8_000, 20_000), 3, 0.5, 2
        self.cancels = self.redrives = self.changing = 0.0


class Choosy(Quiet):
    """Workers often lack what an execution needs; nothing else goes wrong."""

    UNUSED_MS = 5 * SECOND_MS
    """How long (ms) a permit may be held that nobody claims with."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.lacks, self.watch.unused_ms = 0.3, self.UNUSED_MS


class Poisoned(LineHistory):
    """No queue ever takes half of the messages."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.refused, self.burst, self.count, self.limit = 2, 3_000, 30, 1
        self.workers.kills = self.workers.freezes = self.workers.rate = self.workers.lags = 0.0


class Brief(LineHistory):
    """A few executions at once, and processes that die at every other step."""

    STORMY_MS = 25 * SECOND_MS

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit, self.count, self.burst, self.overlaps = 1, 4, 1_000, [Overlap.ALLOW]
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate, workers.size = 0.04, 0.0, 0.0, 0.0, 3
        workers.short, self.timeouts_ms, self.stall_rate, self.lacks = 1.0, [20 * SECOND_MS], 0.0, 0.0
        self.guards_die, self.guard_falters = 0.0, False


class Dozing(LineHistory):
    """Workers freeze at many steps, for longer than an empty line stays announced."""

    STORMY_MS = 3 * MINUTE_MS

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate = 0.0, 0.03, 0.0, 0.0
        workers.freezes_ms, workers.chills, workers.ends, workers.size = (90_000,), 0.0, 0.0, 3
        workers.short, self.burst, self.count, self.stall_rate = 1.0, 4_000, 12, 0.0
        self.changing, self.guards_die, self.guard_falters, self.limit = 0.0, 0.0, False, 1


class Ebbing(LineHistory):
    """Every minute some executions come at once, just when the empty line is forgotten; every other call lags."""

    STORMY_MS = 6 * MINUTE_MS

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        workers = self.workers
        workers.kills, workers.freezes, workers.lags, workers.rate = 0.0, 0.0, 0.3, 0.0
        workers.chills = workers.ends = workers.cuts = 0.0
        workers.short, self.stall_rate, self.changing, self.guards_die, self.limit = 1.0, 0.0, 0.0, 0.0, 1
        self.overlaps, self.lacks, self.refused, self.deadlines_ms = [Overlap.ALLOW], 0.0, 0, [0]

    def _arrivals(self) -> Iterator[int]:
        at_ms = self.start_ms
        while at_ms < self.start_ms + self.STORMY_MS - MINUTE_MS:
            at_ms += self.hands.randrange(6, 12) * SECOND_MS if self.hands.random() < 0.5 else 66 * SECOND_MS
            yield from (at_ms + 100 * self.hands.randrange(20) + n * 2_000 for n in range(3))


class Lowered(Quiet):
    """The limit changes again and again, and all workers with it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.limit, self.changing, self.count, self.strike_ms = 4, 0.3, 60, 4 * SECOND_MS
        self.workers.short = 0.7


class Doubled(LineHistory):
    """Every other message comes twice, at once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.doubling, self.limit = 0.6, self.hands.choice([1, 2])
        self.workers.size, self.workers.lags = 3, 0.05


KINDS = (
    Brief,
    Choosy,
    Doubled,
    Dozing,
    Ebbing,
    Expiring,
    LongCalls,
    Lowered,
    Picky,
    Poisoned,
    Redriven,
    Severed,
)


def any_kind(seed: int) -> LineHistory:
    """The history of a seed: of every other one the usual kind, of the others one of the special kinds in turn."""
    return LineHistory(seed) if seed % 2 else KINDS[seed // 2 % len(KINDS)](seed)
