"""Catch-up: what is long overdue on a route is released only as fast as the route drains; live work never waits.

A queue has no priorities, so whatever lies in it goes before what is sent next. That must be little: like a transfer in
the background of a network (LEDBAT, RFC 6817), catch-up has a *window*, the number of its messages that may be in the
queue and unclaimed. The window grows while they are claimed at once, and is halved when they are not. Two signs are
read, twice a second and only while something waits here:

- whether executions that were sent have a record by now, which a worker writes when it claims. It tells of this
  scheduler's own messages, and is never late by more than a second or so. One of each group of up to ten is asked for;
- how many messages wait in the queue, which tells of everybody's: other schedulers', other shards'. The number is
  approximate and may be a minute old, so it only ever slows down, but for this: where few wait, what gets no record
  counts for three seconds, and the window stays at five. A worker drops without a record what an edit of its job has
  ended, and in a backlog that may be every one.

Nothing waits for ever: one goes each second whatever the signs say, and a few when there are no signs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tidewheel.domain.jobs.precision import TICK_MS
from tidewheel.domain.limits import FOREVER_MS, SECOND_MS
from tidewheel.engine.scheduler.dispatch.fair_lines import FairLines, Weight, equal
from tidewheel.engine.scheduler.dispatch.route_buffer import DueTimeBag, PendingDispatch
from tidewheel.ports import SEND_BATCH, ExecutionKey

LOOK_MS = 500
"""How often the signs are read (ms)."""
FIRST_WINDOW = 10
MOST_WINDOW = 200
"""The window at first, and at most: 400 a second, for one scheduler and route."""
_UNSEEN_WINDOW = 5
"""The least one while few messages wait in the queue, though no record comes of those that were sent."""
SPARE = 5
"""So many messages in the queue are no sign of anything, and so many as live work sends in half a second neither."""
_STUCK_MS = 1_000
"""A message that was not claimed for so long (ms) waits in the queue: a worker takes less, and a read may lag."""
_GONE_MS = 10 * SECOND_MS
"""After so long (ms) a message counts as taken: a worker drops some without a record, as their jobs were edited."""
_UNSEEN_MS = 3 * SECOND_MS
"""The same while few messages wait in the queue."""
_ASSUMED_MS = 2 * SECOND_MS
"""The same for a group whose executions had a record before, so that a claim does not show by there being one."""
_BLIND_MS = 3 * SECOND_MS
"""After so long (ms) without signs nobody looks where it goes."""
_BLIND_EACH = 5
"""How many go each second then."""
_Same = tuple[str, str, int, int, bool]
_CANDIDATES = MOST_WINDOW
"""How many of the next ones are asked for at each look, whether they have run already."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a look saw.

    Args:
        depth: About how many messages wait in the queue.
        present: Those executions, of the ones asked for, that have a record.
    """

    depth: int
    present: AbstractSet[ExecutionKey]


@dataclass(frozen=True, slots=True)
class _Group:
    """Messages that were sent together.

    Args:
        sentinel: The execution whose record shows that they were claimed; None if it had one before.
        size: How many they are.
        sent_ms: When they were released (ms since the epoch).
    """

    sentinel: ExecutionKey | None
    size: int
    sent_ms: int


class CatchUp:
    """What is long overdue on one route; tenants take turns, of each the oldest first.

    Args:
        delayed: Where the due times are noted of what waits here.
        now_ms: The time (ms since the epoch).
        weight: Tells how many turns a tenant gets where one of weight 1 gets one.
    """

    def __init__(self, delayed: DueTimeBag, now_ms: int, weight: Weight = equal) -> None:
        self._delayed = delayed
        self._lines: FairLines[PendingDispatch] = FairLines(weight)
        self._doubles: dict[_Same, list[PendingDispatch]] = {}  # the first too
        self._groups: list[_Group] = []
        self._fresh: set[ExecutionKey] = set()  # asked for, and without a record
        self._ran: set[ExecutionKey] = set()
        self._window = FIRST_WINDOW
        self._was_full = False  # whether the window was used up since the last look
        self._rises_fast = True
        self._crowded = False
        self._seen_ms = now_ms
        self._looked_ms = now_ms - LOOK_MS
        self._looking = False
        self._has_seen = False
        self._released_ms = 0
        self._live = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, pending: PendingDispatch) -> None:
        """Takes one in. The same attempt twice, as after a crash of its scheduler, is sent once."""
        doubles = self._doubles.setdefault(_same(pending), [])
        doubles.append(pending)
        if len(doubles) > 1:
            return
        self._delayed.add(pending.due_ms)
        self._lines.push(pending.tenant, pending.due_ms, pending)

    def sent_live(self, count: int) -> None:
        """Notes live messages of the route that its queue has accepted."""
        self._live += count

    # --- look ---------------------------------------------------------------------------------------------

    def to_ask(self, now_ms: int) -> Collection[ExecutionKey] | None:
        """The executions of which a look by now (ms since the epoch) is to tell whether they have a record.

        None if it is not time for a look, or one is under way.
        """
        if self._looking or not self._lines or now_ms - self._looked_ms < LOOK_MS:
            return None
        self._looking, self._looked_ms = True, now_ms
        candidates = self._lines.upcoming(_CANDIDATES)
        new = {key for pending in candidates if (key := _key(pending)) is not None and key not in self._fresh}
        return new | {group.sentinel for group in self._groups if group.sentinel is not None}

    def saw(self, asked: Collection[ExecutionKey], signs: Signs | None, now_ms: int) -> None:
        """Notes what a look saw, or None if it failed.

        Args:
            asked: What ``to_ask`` returned.
            signs: What it saw.
            now_ms: The time (ms since the epoch).
        """
        self._looking = False
        if signs is None:
            return
        spare = max(SPARE, self._live * LOOK_MS // max(LOOK_MS, now_ms - self._seen_ms))
        self._live, self._seen_ms, self._has_seen = 0, now_ms, True
        self._ran |= signs.present
        self._fresh |= set(asked) - signs.present
        self._crowded = signs.depth > spare
        gone_ms = _GONE_MS if self._crowded else _UNSEEN_MS
        self._groups = [group for group in self._groups if not _is_over(group, signs, now_ms, gone_ms)]
        stuck = sum(now_ms - group.sent_ms >= _STUCK_MS for group in self._groups if group.sentinel is not None)
        if self._crowded:
            self._window, self._rises_fast = max(1, self._window // 2), False
        elif stuck > 1:  # a single one may have been dropped without a record
            self._window, self._rises_fast = max(min(self._window + 1, _UNSEEN_WINDOW), self._window // 2), False
        elif self._was_full:
            wider = self._window if self._rises_fast else self._window // 4
            self._window = min(MOST_WINDOW, self._window + max(1, wider))
        self._was_full = False

    def closed(self, now_ms: int) -> list[PendingDispatch]:
        """Takes out one each second while the route takes nothing, as a probe; what the signs said is void then.

        Args:
            now_ms: The time (ms since the epoch).
        """
        self._groups.clear()
        self._window, self._rises_fast, self._was_full, self._crowded = FIRST_WINDOW, True, False, False
        self._seen_ms = now_ms
        taken: list[PendingDispatch] = []
        while self._lines and not taken and now_ms - self._released_ms >= SECOND_MS:
            taken += [pending for pending in [self._pop()] if pending.is_held()]
        self._released_ms = now_ms if taken else self._released_ms
        return taken

    # --- release ------------------------------------------------------------------------------------------

    def release(self, now_ms: int) -> list[PendingDispatch]:
        """Takes out what may be sent by now (ms since the epoch); what has run already is settled instead."""
        blind, budget = self._is_blind(now_ms), self._budget(now_ms)
        taken: list[PendingDispatch] = []
        while (first := self._lines.first(FOREVER_MS)) is not None:
            key = _key(first)
            if key in self._ran:
                self._pop().sent()
            elif len(taken) < budget and (blind or key is None or key in self._fresh):
                if (pending := self._pop()).is_held():
                    taken.append(pending)
            else:
                break
        if taken:
            self._released_ms = now_ms
            self._groups += _groups(taken, now_ms)
        self._was_full = self._was_full or (bool(self._lines) and self._unclaimed >= self._window)
        if not self._lines:
            self._ran.clear()
            self._fresh.clear()
        return taken

    def until(self, due_ms: int) -> Iterator[PendingDispatch]:
        """Takes out all that is still held of what was due by a time (ms since the epoch)."""
        while self._lines.is_ready(due_ms):
            if (pending := self._pop(due_ms)).is_held():
                yield pending

    def _pop(self, due_ms: int = FOREVER_MS) -> PendingDispatch:
        pending = self._lines.pop(due_ms)
        dispatch = pending.firing.dispatch
        self._delayed.remove(pending.due_ms)
        self._fresh.discard((dispatch.tenant, dispatch.execution))
        doubles = self._doubles.pop(_same(pending))
        return pending if len(doubles) == 1 else _joined(doubles)

    def _is_blind(self, now_ms: int) -> bool:
        return now_ms - self._seen_ms >= _BLIND_MS

    @property
    def _unclaimed(self) -> int:
        return sum(group.size for group in self._groups)

    def _budget(self, now_ms: int) -> int:
        each_second = now_ms - self._released_ms >= SECOND_MS
        if self._is_blind(now_ms):
            return _BLIND_EACH if each_second else 0
        full = min(SEND_BATCH, max(1, self._window // 2))  # requests as full as a small window bears
        evenly = max(full, self._window * TICK_MS // LOOK_MS)
        room = 0 if self._crowded or not self._has_seen else min(evenly, self._window - self._unclaimed)
        return max(room, 1 if each_second and self._has_seen else 0)


def _same(pending: PendingDispatch) -> _Same:
    """What two dispatches have in common of which one is enough.

    One that follows from a record, as when an execution is redriven or gets its lock, may stand beside the one that
    its schedule named. The latter is settled where there is a record, the former never is. And one instant may be named
    by two generations: a worker drops the one that an edit ended, and runs the other.
    """
    dispatch = pending.firing.dispatch
    return dispatch.tenant, dispatch.execution, dispatch.attempt, dispatch.generation, dispatch.recorded


def _joined(doubles: list[PendingDispatch]) -> PendingDispatch:
    """One that stands for several of the same attempt: its end is the end of all that are still held."""

    def sent() -> None:
        for pending in doubles:
            if pending.is_held():
                pending.sent()

    return doubles[0]._replace(sent=sent, is_held=lambda: any(pending.is_held() for pending in doubles))


def _key(pending: PendingDispatch) -> ExecutionKey | None:
    """The execution, if a record shows that a worker has claimed it; None if it has had one before."""
    dispatch = pending.firing.dispatch
    return None if dispatch.recorded else (dispatch.tenant, dispatch.execution)


def _groups(sent: list[PendingDispatch], now_ms: int) -> Iterator[_Group]:
    for start in range(0, len(sent), SEND_BATCH):
        group = sent[start : start + SEND_BATCH]
        sentinels = [key for pending in group if (key := _key(pending)) is not None]
        yield _Group(sentinels[-1] if sentinels else None, len(group), now_ms)


def _is_over(group: _Group, signs: Signs, now_ms: int, gone_ms: int) -> bool:
    """Whether a group counts as taken; without a record it does after ``gone_ms``."""
    age_ms = now_ms - group.sent_ms
    if group.sentinel is None:
        return age_ms >= _ASSUMED_MS
    return group.sentinel in signs.present or age_ms >= gone_ms


class Spread:
    """The same in economy mode, whose short runs cannot watch a queue: each has a release of its own, far apart.

    Ten a second on a route, and a hundred beyond ten minutes: a queue hides a message for a quarter of an hour at most.
    """

    _STEP_MS, _STEP_BEYOND_MS, _FAR_MS = 100, 10, 600 * SECOND_MS

    def __init__(self) -> None:
        self._free_ms = 0

    def next_ms(self, now_ms: int) -> int:
        """The release (ms since the epoch) of the next one, given the time (ms since the epoch)."""
        release_ms = max(now_ms, self._free_ms)
        self._free_ms = release_ms + (self._STEP_MS if release_ms - now_ms < self._FAR_MS else self._STEP_BEYOND_MS)
        return release_ms
