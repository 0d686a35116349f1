"""A line for each tenant: those who have something ready take turns, one thing each (round robin, Nagle 1987).

However much one tenant has waiting, each of ``n`` tenants gets every ``n``-th place: what stands at place ``p`` of its
tenant's line is taken after at most ``p * n`` others. Who waits alone is taken in order, as from a single queue.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_GAP = object()


class FairLines(Generic[T]):
    """Things that wait, by tenant and by the time from which they may be taken."""

    def __init__(self) -> None:
        self._lines: dict[str, list[tuple[int, int, T]]] = {}  # heaps; none is empty
        self._next: list[tuple[int, str]] = []  # a heap of lines that have no turn, by their first; may be outdated
        self._turns: deque[str] = deque()
        self._in_turn: set[str] = set()
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
        times = [self._lines[tenant][0][0] for tenant in self._turns]
        self._drop_outdated()
        if self._next:
            times.append(self._next[0][0])
        return min(times, default=None)

    def first(self, now_ms: int) -> T | None:
        """What ``pop`` takes at this time (ms since the epoch); None if nothing may be taken yet."""
        return self._lines[self._turns[0]][0][-1] if self.is_ready(now_ms) else None

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
        tenant = self._turns.popleft()
        line = self._lines[tenant]
        thing = heapq.heappop(line)[-1]
        self._count -= 1
        if line and line[0][0] <= now_ms:
            self._turns.append(tenant)
            return thing
        self._in_turn.discard(tenant)
        if line:
            heapq.heappush(self._next, (line[0][0], tenant))
        else:
            del self._lines[tenant]
        return thing

    def upcoming(self, count: int) -> Iterator[T]:
        """The next ones, in about the order in which they will be taken, whatever their times.

        Args:
            count: How many at most.
        """
        tenants = [*self._turns, *(self._lines.keys() - self._in_turn)]
        each = [[thing for *_, thing in heapq.nsmallest(count, self._lines[tenant])] for tenant in tenants]
        rounds = itertools.chain.from_iterable(itertools.zip_longest(*each, fillvalue=_GAP))
        return itertools.islice((thing for thing in rounds if thing is not _GAP), count)  # type: ignore[misc]

    def _give_turns(self, now_ms: int) -> None:
        """Gives turns to all lines with something ready, and takes that of a first one whose time is yet to come."""
        while self._next and self._next[0][0] <= now_ms:
            from_ms, tenant = heapq.heappop(self._next)
            if self._is_current(from_ms, tenant):
                self._turns.append(tenant)
                self._in_turn.add(tenant)
        while self._turns and self._lines[self._turns[0]][0][0] > now_ms:  # asked for an earlier time than before
            tenant = self._turns.popleft()
            self._in_turn.discard(tenant)
            heapq.heappush(self._next, (self._lines[tenant][0][0], tenant))

    def _drop_outdated(self) -> None:
        while self._next and not self._is_current(*self._next[0]):
            heapq.heappop(self._next)

    def _is_current(self, from_ms: int, tenant: str) -> bool:
        """Whether a note of when a line is ready still holds."""
        line = self._lines.get(tenant)
        return line is not None and tenant not in self._in_turn and line[0][0] == from_ms
