"""The account of a run: what its jobs' definitions say must come, against what came. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from localstack.receiver import Arrival

Fire = tuple[str, int]
"""A job's tag and a nominal time (ms)."""


def quantile(values: Sequence[int], share: float) -> int | None:
    """The smallest of the values that at least ``share`` of them do not exceed (nearest rank)."""
    if not values:
        return None
    rank = max(1, -int(-len(values) * share // 1))
    return sorted(values)[rank - 1]


@dataclass(frozen=True, slots=True)
class Lateness:
    """Arrival minus due time, ms; None where nothing came."""

    samples: int
    p50: int | None
    p99: int | None
    max: int | None

    @classmethod
    def of(cls, values: Sequence[int]) -> Lateness:
        """The figures of some values."""
        return cls(len(values), quantile(values, 0.5), quantile(values, 0.99), max(values, default=None))


@dataclass(frozen=True)
class Promise:
    """What one job must do.

    Args:
        tag: By which the receiver tells it from others.
        kind: The row it is shown in.
        precision: Its tier.
        nominals: The instants (ms) its definition names; None if it runs once, as soon as it is created.
    """

    tag: str
    kind: str
    precision: str
    nominals: tuple[int, ...] | None

    @property
    def fires(self) -> int:
        """How many runs it must have."""
        return 1 if self.nominals is None else len(self.nominals)


@dataclass(frozen=True)
class Account:
    """What came of what was promised.

    Args:
        promises: By tag.
        arrivals: What the receiver noted; requests of no promise's tag are passed over.
    """

    promises: Mapping[str, Promise]
    arrivals: Sequence[Arrival]

    @classmethod
    def of(cls, promises: Iterable[Promise], arrivals: Iterable[Arrival]) -> Account:
        """The account of these promises."""
        by_tag = {promise.tag: promise for promise in promises}
        return cls(by_tag, [arrival for arrival in arrivals if arrival.tag in by_tag])

    @property
    def expected(self) -> int:
        """How many fires were promised."""
        return sum(promise.fires for promise in self.promises.values())

    @cached_property
    def _runs(self) -> Counter[Fire]:
        return Counter((arrival.tag, self._instant(arrival)) for arrival in self.arrivals)

    def _instant(self, arrival: Arrival) -> int:
        """The nominal time, or 0 for a job that runs once: there its own instant is as good as any."""
        return 0 if self.promises[arrival.tag].nominals is None else arrival.nominal_ms

    @cached_property
    def _wanted(self) -> frozenset[Fire]:
        promised = self.promises.values()
        return frozenset((one.tag, instant) for one in promised for instant in (one.nominals or (0,)))

    @property
    def received(self) -> int:
        """How many promised fires came, each counted once."""
        return len(self._wanted & self._runs.keys())

    @property
    def missing(self) -> list[Fire]:
        """Promised, and did not come."""
        return sorted(self._wanted - self._runs.keys())

    @property
    def unexpected(self) -> list[Fire]:
        """Came, for an instant that the job's definition does not name."""
        return sorted(self._runs.keys() - self._wanted)

    @property
    def duplicate(self) -> int:
        """How many requests repeat an idempotency key, or a fire under another key."""
        keys = Counter(arrival.key for arrival in self.arrivals)
        return max(sum(n - 1 for n in keys.values()), sum(n - 1 for n in self._runs.values()))

    @property
    def early(self) -> list[Arrival]:
        """What came before it was due, or before its nominal time."""
        return [one for one in self.arrivals if one.arrived_ms < max(one.due_ms, one.nominal_ms)]

    @property
    def sound(self) -> bool:
        """Whether everything came, once, when it was due or later, and nothing else."""
        return not (self.missing or self.unexpected or self.duplicate or self.early)

    def lateness(self, precision: str | None = None) -> Lateness:
        """The figures of a tier, or of all."""
        tiers = {tag: promise.precision for tag, promise in self.promises.items()}
        values = [one.lateness_ms for one in self.arrivals if precision in {None, tiers[one.tag]}]
        return Lateness.of(values)

    def due_by(self, now_ms: int) -> int:
        """How many fires should have come by now; a job that runs at once counts from the beginning."""
        return sum(instant <= now_ms for _, instant in self._wanted)

    def of_kind(self, kind: str) -> Account:
        """The part of one kind's jobs."""
        return Account.of([one for one in self.promises.values() if one.kind == kind], self.arrivals)
