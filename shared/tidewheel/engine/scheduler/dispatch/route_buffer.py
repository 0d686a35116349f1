"""A lane: what waits for one queue, and whether that queue takes anything at present."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tidewheel.domain.fleet.route import Route, promoted
from tidewheel.domain.jobs.precision import CADENCES
from tidewheel.domain.wheel.expansion import Firing

Sent = Callable[[], None]
Kept = Callable[[], bool]

SLACK_MS = max(cadence.every_ms - cadence.early_ms for cadence in CADENCES.values())
"""By its tier's cadence a firing is released less than this after its due time."""


class PendingDispatch(NamedTuple):
    """A firing that has not been accepted; sorts by its release. A tuple, since there may be very many.

    Args:
        release_ms: From when it may be sent: its own time, or later if it was refused.
        order: Tells apart what is released at once.
        firing: What it is.
        sent: Is called when it is accepted.
        kept: Says whether it is still this scheduler's to send.
        tries: How often it was refused.
    """

    release_ms: int
    order: int
    firing: Firing
    sent: Sent
    kept: Kept
    tries: int = 0

    @property
    def due_ms(self) -> int:
        """Its due time (ms)."""
        return self.firing.dispatch.due_ms

    def route(self, now_ms: int) -> Route:
        """By which route it leaves, if it leaves now (ms), or when it is released."""
        return promoted(self.firing.route, max(now_ms, self.firing.release_ms) - self.due_ms)

    @property
    def strays(self) -> bool:
        """Whether it is released so late after its due time that this cannot be told from the time of release."""
        return self.firing.dispatch.due_ms <= self.release_ms - SLACK_MS


class DueTimeBag:
    """A bag of due times (ms) whose lowest is known at any time."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._gone: Counter[int] = Counter()

    def add(self, due_ms: int) -> None:
        """Puts one in."""
        heapq.heappush(self._heap, due_ms)

    def remove(self, due_ms: int) -> None:
        """Takes one out that was put in."""
        self._gone[due_ms] += 1

    @property
    def lowest(self) -> int | None:
        """The lowest one, or None."""
        while self._heap and self._gone[self._heap[0]]:
            gone = heapq.heappop(self._heap)
            self._gone[gone] -= 1
            if not self._gone[gone]:
                del self._gone[gone]
        return self._heap[0] if self._heap else None


@dataclass(slots=True)
class RouteBuffer:
    """The firings of one route, by the time of their release.

    A route that refused a whole request is *shut*: nothing of it is sent but, when its time is up, one batch as a
    probe. The first success opens it again.

    Args:
        strays: Where the due times are noted of what is released long after them.
        failures: Requests refused in a row, those that were sent side by side counted as one.
        shut_until_ms: When the next probe may leave (ms).
        probing: Whether one is under way.
    """

    strays: DueTimeBag
    failures: int = 0
    shut_until_ms: int = 0
    probing: bool = False
    _heap: list[PendingDispatch] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def add(self, firing: Firing, sent: Sent, kept: Kept, release_ms: int) -> None:
        """Takes an occurrence in that may be sent from ``release_ms`` on."""
        self._push(PendingDispatch(release_ms, next(self._order), firing, sent, kept))

    def again(self, pending: PendingDispatch, release_ms: int) -> None:
        """Takes one in again that was refused."""
        self._push(pending._replace(release_ms=release_ms, order=next(self._order), tries=pending.tries + 1))

    def join(self, pending: PendingDispatch) -> None:
        """Takes one over from another lane, as it is."""
        self._push(pending._replace(order=next(self._order)))

    def _push(self, pending: PendingDispatch) -> None:
        if pending.strays:
            self.strays.add(pending.due_ms)
        heapq.heappush(self._heap, pending)

    @property
    def release_ms(self) -> int | None:
        """When the first one may be sent (ms); None if none waits."""
        return self._heap[0].release_ms if self._heap else None

    def is_ready(self, now_ms: int) -> bool:
        """Whether something may be sent by now."""
        shut = self.failures and (self.probing or now_ms < self.shut_until_ms)
        return not shut and bool(self._heap) and self._heap[0].release_ms <= now_ms

    def take(self, most: int, now_ms: int) -> list[PendingDispatch]:
        """Takes out up to ``most`` that may be sent by now; those no longer kept are dropped on the way."""
        taken: list[PendingDispatch] = []
        while len(taken) < most and self._heap and self._heap[0].release_ms <= now_ms:
            pending = heapq.heappop(self._heap)
            if pending.strays:
                self.strays.remove(pending.due_ms)
            if pending.kept():
                taken.append(pending)
        return taken

    def opens(self) -> None:
        """Notes a success."""
        self.failures, self.probing = 0, False

    def shuts(self, until_ms: int) -> None:
        """Notes a failure."""
        self.failures += 1
        self.shut_until_ms, self.probing = until_ms, False
