"""A route's buffer: the occurrences that wait for one queue, and whether that queue takes anything at present."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tidewheel.domain.fleet.route import Route, promoted
from tidewheel.domain.jobs.precision import CADENCES
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.engine.scheduler.dispatch.fair_lines import FairLines, Weight, equal
from tidewheel.ports import Refused

Sent = Callable[[], None]
IsHeld = Callable[[], bool]

SLACK_MS = max(cadence.every_ms - cadence.early_ms for cadence in CADENCES.values())
"""A firing whose release follows from its tier's cadence is released less than this (ms) after its due time."""


class PendingDispatch(NamedTuple):
    """A firing that no queue has accepted yet. A tuple, since there may be very many.

    Args:
        release_ms: From when (ms since the epoch) it may be sent: its own time, or later if it was refused.
        firing: What is to be sent.
        sent: Is called when the queue has accepted it, or it is set aside durably because no queue ever will.
        is_held: Says whether its shard is still held by this scheduler.
        tries: How often it was refused.
        alone: Whether it is sent by itself: refused among others, it may be refused for what it says.
        caught_up: Whether it was released because its route had room for what is long overdue.
    """

    release_ms: int
    firing: Firing
    sent: Sent
    is_held: IsHeld
    tries: int = 0
    alone: bool = False
    caught_up: bool = False

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.firing.dispatch.tenant

    @property
    def due_ms(self) -> int:
        """Its due time (ms since the epoch)."""
        return self.firing.dispatch.due_ms

    def route(self, now_ms: int) -> Route:
        """The route by which it is sent at a time (ms since the epoch), or when it is released, if that is later."""
        return promoted(self.firing.route, max(now_ms, self.firing.release_ms) - self.due_ms)

    @property
    def is_delayed(self) -> bool:
        """Whether it is released so long after its due time that the release tells nothing of that."""
        return self.firing.dispatch.due_ms <= self.release_ms - SLACK_MS


class DueTimeBag:
    """Due times (ms since the epoch), the same one possibly several times, of which the lowest is known at any time."""

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
    """The firings of one route, by the time of their release; of what is released, tenants take turns.

    A route that refused a whole request is *closed*: of all that waits for it only one batch is sent as a probe, after
    a while. The first success opens it again.

    Args:
        delayed: Where the due times are noted of what is released long after them.
        weight: Tells how many turns a tenant gets where one of weight 1 gets one.
        failures: Requests refused in a row, those that were sent side by side counted as one.
        closed_until_ms: When the next probe may be sent (ms since the epoch).
        probing: Whether one is in flight.
        refused_ms: Since when (ms since the epoch) a right or the queue itself is missing; None if neither is.
        given_up_ms: What is released by then (ms since the epoch) is not waited for any longer: it is set aside.
        refusal: Why.
    """

    delayed: DueTimeBag
    weight: Weight = equal
    failures: int = 0
    closed_until_ms: int = 0
    probing: bool = False
    refused_ms: int | None = None
    given_up_ms: int = 0
    refusal: Refused | None = None
    _lines: FairLines[PendingDispatch] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = FairLines(self.weight)

    def add(self, firing: Firing, sent: Sent, is_held: IsHeld, release_ms: int) -> None:
        """Takes in an occurrence that may be sent from ``release_ms`` (ms since the epoch) on."""
        self._push(PendingDispatch(release_ms, firing, sent, is_held))

    def add_refused(self, pending: PendingDispatch, release_ms: int, *, alone: bool = False) -> None:
        """Takes in one again that was refused; it may be sent from ``release_ms`` (ms since the epoch) on."""
        self._push(pending._replace(release_ms=release_ms, tries=pending.tries + 1, alone=pending.alone or alone))

    def add_caught_up(self, pending: PendingDispatch, now_ms: int) -> None:
        """Takes in one that is long overdue and may be sent now (ms since the epoch), behind what is live."""
        self._push(pending._replace(release_ms=now_ms, caught_up=True))

    def add_promoted(self, pending: PendingDispatch) -> None:
        """Takes in one that came from another route, as it is."""
        self._push(pending)

    def __len__(self) -> int:
        return len(self._lines)

    def _push(self, pending: PendingDispatch) -> None:
        if pending.is_delayed:
            self.delayed.add(pending.due_ms)
        self._lines.push(pending.tenant, pending.release_ms, pending)

    @property
    def release_ms(self) -> int | None:
        """When the first one may be sent (ms since the epoch); None if none waits."""
        return self._lines.lowest_ms

    def is_ready(self, now_ms: int, until_ms: int) -> bool:
        """Whether something may be sent.

        Args:
            now_ms: The time (ms since the epoch).
            until_ms: What is released by then may be; ``now_ms``, unless the route is held back.
        """
        if self.is_given_up(now_ms):
            return True
        closed = self.failures and (self.probing or now_ms < self.closed_until_ms)
        return not closed and self._lines.is_ready(until_ms)

    def is_given_up(self, now_ms: int) -> bool:
        """Whether the next one that is released by now (ms since the epoch) is to be set aside."""
        return bool(self.given_up_ms) and self._lines.is_ready(min(now_ms, self.given_up_ms))

    def take(self, most: int, now_ms: int) -> list[PendingDispatch]:
        """Takes out up to ``most`` that may be sent by now (ms since the epoch), and drops those no longer held."""
        taken: list[PendingDispatch] = []
        while len(taken) < most and (first := self._lines.first(now_ms)) is not None:
            if taken and (taken[0].alone or first.alone):
                break
            pending = self._lines.pop(now_ms)
            if pending.is_delayed:
                self.delayed.remove(pending.due_ms)
            if pending.is_held():
                taken.append(pending)
        return taken

    def open(self) -> None:
        """Notes that the queue accepted something."""
        self.failures, self.probing = 0, False
        self.refused_ms = self.refusal = None
        self.given_up_ms = 0

    def close(self, until_ms: int) -> None:
        """Notes that the queue took nothing; the next probe may be sent at ``until_ms`` (ms since the epoch)."""
        self.failures += 1
        self.closed_until_ms, self.probing = until_ms, False
