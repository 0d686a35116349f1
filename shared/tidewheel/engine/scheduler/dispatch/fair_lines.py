"""A line for each tenant: those who have something ready take turns, one thing each, as often as their weights say.

Who has a weight of three gets three turns where one of weight one gets one, spread evenly among the others' (stride
scheduling, Waldspurger and Weihl 1995): each turn moves a tenant on by the inverse of its weight, and whoever stands
furthest back has the next one. With equal weights that is round robin: of ``n`` tenants each gets every ``n``-th place,
however much one of them has waiting, and what stands at place ``p`` of its tenant's line is taken after at most
``p * n`` others. Who waits alone is taken in order, as from a single queue; who comes back to turns begins where the
others stand, so that nobody saves any up, and nobody gains by coming and going.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
Weight = Callable[[str], int]
"""A tenant's weight, from 1 on."""
_STRIDE = 1 << 40
"""How far a turn moves a tenant of weight 1: far enough that what is left of a division is nothing."""
_KEPT = 1_000
"""How many tenants without a turn are remembered before those are forgotten that the others have caught up with."""


def equal(_tenant: str) -> int:
    """The weight of tenants of which nothing else is known."""
    return 1


class FairLines(Generic[T]):
    """Things that wait, by tenant and by the time from which they may be taken.

    Args:
        weight: Tells a tenant's weight. It is asked only while several tenants have turns.
    """

    def __init__(self, weight: Weight = equal) -> None:
        self._weight = weight
        self._lines: dict[str, list[tuple[int, int, T]]] = {}  # heaps; none is empty
        self._next: list[tuple[int, str]] = []  # a heap of lines that have no turn, by their first; may be outdated
        self._turns: list[tuple[int, int, str]] = []  # a heap: how far a tenant has moved, and who came first
        self._in_turn: set[str] = set()
        self._moved: dict[str, int] = {}  # how far those have moved that had a turn
        self._reached = 0  # how far the tenant of the last turn had moved
        self._order = itertools.count()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, tenant: str, from_ms: int, thing: T) -> None:
        """Puts a thing into its tenant's line.

        Args:
            tenant: Whose it is.
            from_ms: From when on (ms since the epoch) it may be taken. Lines are in the order of these times, and of
                putting in where they are the same.
            thing: What it is.
        """
        line = self._lines.setdefault(tenant, [])
        heapq.heappush(line, (from_ms, next(self._order), thing))
        self._count += 1
        if tenant not in self._in_turn and line[0][0] == from_ms:
            heapq.heappush(self._next, (from_ms, tenant))

    @property
    def lowest_ms(self) -> int | None:
        """The earliest time (ms since the epoch) from which something may be taken; None if nothing waits."""
        times = [self._lines[tenant][0][0] for *_, tenant in self._turns]
        self._drop_outdated()
        if self._next:
            times.append(self._next[0][0])
        return min(times, default=None)

    def first(self, now_ms: int) -> T | None:
        """What ``pop`` takes at this time (ms since the epoch); None if nothing may be taken yet."""
        return self._lines[self._turns[0][-1]][0][-1] if self.is_ready(now_ms) else None

    def is_ready(self, now_ms: int) -> bool:
        """Whether something may be taken by now (ms since the epoch)."""
        self._give_turns(now_ms)
        return bool(self._turns)

    def pop(self, now_ms: int) -> T:
        """Takes the next one whose time has come by now (ms since the epoch).

        Raises:
            IndexError: There is none.
        """
        self._give_turns(now_ms)
        self._reached, _, tenant = heapq.heappop(self._turns)
        self._moved[tenant] = self._reached + self._stride(tenant, alone=not self._turns)
        line = self._lines[tenant]
        thing = heapq.heappop(line)[-1]
        self._count -= 1
        if line and line[0][0] <= now_ms:
            self._push_turn(tenant)
            return thing
        self._in_turn.discard(tenant)
        if line:
            heapq.heappush(self._next, (line[0][0], tenant))
        else:
            del self._lines[tenant]
            self._forget()
        return thing

    def upcoming(self, count: int) -> Iterator[T]:
        """The next ones, in about the order in which they will be taken, whatever their times.

        Args:
            count: How many at most.
        """
        return itertools.islice(self._taken(count), count)

    def _taken(self, count: int) -> Iterator[T]:
        """What is taken if all of it may be: the turns are played on copies."""
        order = itertools.count(next(self._order))
        turns = [*self._turns]
        turns += [(self._stands_at(one), next(order), one) for one in self._lines if one not in self._in_turn]
        heapq.heapify(turns)
        left = {tenant: iter(heapq.nsmallest(count, line)) for tenant, line in self._lines.items()}
        while turns:
            moved, _, tenant = heapq.heappop(turns)
            thing = next(left[tenant], None)  # with when and in which order it came, so that none is None
            if thing is not None:
                heapq.heappush(turns, (moved + self._stride(tenant, alone=not turns), next(order), tenant))
                yield thing[-1]

    def _stride(self, tenant: str, *, alone: bool) -> int:
        """How far a turn moves a tenant: not at all while it is alone, so that whoever joins it owes it nothing."""
        return 0 if alone else _STRIDE // max(1, self._weight(tenant))

    def _stands_at(self, tenant: str) -> int:
        """How far a tenant has moved: not behind the others, even if it had no turn for long."""
        return max(self._reached, self._moved.get(tenant, 0))

    def _push_turn(self, tenant: str) -> None:
        heapq.heappush(self._turns, (self._stands_at(tenant), next(self._order), tenant))

    def _give_turns(self, now_ms: int) -> None:
        """Gives turns to all lines with something ready, and takes that of a first one whose time is yet to come."""
        while self._next and self._next[0][0] <= now_ms:
            from_ms, tenant = heapq.heappop(self._next)
            if self._is_current(from_ms, tenant):
                self._push_turn(tenant)
                self._in_turn.add(tenant)
        while self._turns and self._lines[self._turns[0][-1]][0][0] > now_ms:  # asked for an earlier time than before
            *_, tenant = heapq.heappop(self._turns)
            self._in_turn.discard(tenant)
            heapq.heappush(self._next, (self._lines[tenant][0][0], tenant))

    def _forget(self) -> None:
        """Forgets how far those have moved that have nothing and are not ahead of the others."""
        if len(self._moved) > _KEPT + 2 * len(self._lines):
            ahead = {one: moved for one, moved in self._moved.items() if moved > self._reached or one in self._lines}
            self._moved = ahead

    def _drop_outdated(self) -> None:
        while self._next and not self._is_current(*self._next[0]):
            heapq.heappop(self._next)

    def _is_current(self, from_ms: int, tenant: str) -> bool:
        """Whether a note of when a line is ready still holds."""
        line = self._lines.get(tenant)
        return line is not None and tenant not in self._in_turn and line[0][0] == from_ms
