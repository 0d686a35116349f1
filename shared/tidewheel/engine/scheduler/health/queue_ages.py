"""How long messages wait in the queues: what one scheduler sent, and no worker has claimed yet.

SQS tells the age of a queue's oldest message to CloudWatch alone, a minute late. A worker writes a record when it
claims, so whether something that was sent has a record tells the same at once. Of each route one message in half a
second is remembered, and some of these are asked for.

Where the queue says that messages wait in it, those without a record tell how long. Where it says that none do, they
may wait all the same: AWS Lambda, or what stands for it, may have taken a batch for which no process is ready yet. What
has no record then proves nothing, since a message may have been dropped, or its execution stand in line for a permit;
so the records of those that were claimed are read, which say how long each had waited.

A queue is asked only if something was sent to it, or waited in it when it was asked last: one request for every twenty
messages at most while nothing waits, and one for the records of ten of them; none while nothing fires.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.timeline import queue_ms
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import ExecutionKey, Executions, PortError, Queue, Telemetry

EVERY_MS = 5 * SECOND_MS
WAITING_EVERY_MS = 2 * SECOND_MS
"""How often a queue is asked at most, and how often while messages wait in it."""
SPARE = 5
"""So few messages in a queue are no sign of anything."""
LEAST_SENT = 20
"""So many must have been sent to a queue, since it was asked last, before it is asked."""
_NOTED_EACH_MS = 500
_MOST_NOTED = 240
_ASKED = 10
_YOUNG_MS = SECOND_MS
"""What was sent so lately (ms) is not asked for: a worker takes less, and a read may lag."""
_RECALLED_MS = 25 * SECOND_MS
"""So long (ms) what has no record is asked for again while the queue says that nothing waits. It is less than what
makes a deployment overloaded: a few messages that others overtake, as those of a worker that died, make it busy."""
_LEAST_LATE = 2
"""So many must have waited long before it counts: a single one is no sign of anything."""

_Noted = tuple[int, ExecutionKey]
"""When it was sent (ms since the epoch), and which execution it is for."""


@dataclass(slots=True)
class _Line:
    """What is known of one queue.

    Args:
        noted: What is remembered, the oldest first.
        sent: Messages that were sent since it was asked last.
        looked_ms: When that was.
        looking: Whether an answer is awaited.
        waiting: How many messages waited then.
        age_ms: How long the oldest had waited then.
    """

    noted: deque[_Noted] = field(default_factory=deque)
    sent: int = 0
    looked_ms: int = 0
    looking: bool = False
    waiting: int = 0
    age_ms: int = 0

    def add(self, dispatches: Sequence[Dispatch], now_ms: int) -> None:
        """Remembers one of those that were sent, unless that was done a moment ago."""
        self.sent += len(dispatches)
        if self.noted and now_ms - self.noted[-1][0] < _NOTED_EACH_MS:
            return
        key = next(((one.tenant, one.execution) for one in dispatches if not one.recorded), None)
        if key is None:
            return
        self.noted.append((now_ms, key))
        if len(self.noted) > _MOST_NOTED:
            self.noted = deque(list(self.noted)[::2])

    def is_due(self, now_ms: int) -> bool:
        """Whether the queue is to be asked by now (ms since the epoch)."""
        waits = self.waiting > SPARE or self.age_ms > 0
        every_ms = WAITING_EVERY_MS if waits else EVERY_MS
        return not self.looking and now_ms - self.looked_ms >= every_ms and (waits or self.sent >= LEAST_SENT)

    def to_ask(self, now_ms: int) -> list[_Noted]:
        """Some of what is remembered, spread over the time."""
        old = [noted for noted in self.noted if now_ms - noted[0] >= _YOUNG_MS]
        count = min(len(old), _ASKED)
        return [old[number * len(old) // count] for number in range(count)]

    def saw(self, waiting: int, asked: Sequence[_Noted], present: AbstractSet[ExecutionKey], now_ms: int) -> None:
        """Notes what a look saw where messages wait: what was sent before something that is claimed counts as claimed,
        or dropped.
        """
        self.waiting = waiting
        claimed_ms = max((sent_ms for sent_ms, key in asked if key in present), default=0)
        unclaimed = [sent_ms for sent_ms, _ in asked if sent_ms > claimed_ms]
        self.age_ms = now_ms - min(unclaimed, default=now_ms)
        self._forget_until(claimed_ms)

    def saw_none(
        self, waiting: int, asked: Sequence[_Noted], found: Mapping[ExecutionKey, Execution], now_ms: int
    ) -> None:
        """Notes what a look saw where hardly a message waits: how long those had waited that were claimed.

        What has no record yet is asked for again, for a while.
        """
        self.waiting = waiting
        recent = [noted for noted in asked if now_ms - noted[0] <= _RECALLED_MS]
        waits = sorted((queue_ms(found[key]) or 0 for _, key in recent if key in found), reverse=True)
        late = [wait for wait in waits if wait >= _YOUNG_MS]
        self.age_ms = late[_LEAST_LATE - 1] if len(late) >= _LEAST_LATE else 0
        self._forget_until(now_ms - _YOUNG_MS)
        self.noted.extendleft(reversed([noted for noted in recent if noted[1] not in found]))

    def _forget_until(self, sent_ms: int) -> None:
        while self.noted and self.noted[0][0] <= sent_ms:
            self.noted.popleft()


class QueueAges:
    """How long the messages of one scheduler wait, by route.

    Args:
        queue: Says how many messages wait.
        executions: Says which executions have a record, and what it says.
        background: Runs the looks.
        telemetry: Log events.
    """

    def __init__(self, queue: Queue, executions: Executions, background: BackgroundIO, telemetry: Telemetry) -> None:
        self._queue = queue
        self._executions = executions
        self._background = background
        self._telemetry = telemetry
        self._lines: defaultdict[Route, _Line] = defaultdict(_Line)

    def sent(self, route: Route, dispatches: Iterable[Dispatch], now_ms: int) -> None:
        """Notes messages that a queue has accepted by now (ms since the epoch)."""
        self._lines[route].add(tuple(dispatches), now_ms)

    def look(self, now_ms: int) -> None:
        """Begins to ask the queues for which it is time (ms since the epoch)."""
        for route, line in self._lines.items():
            if line.is_due(now_ms):
                self._look(route, line, now_ms)

    def _look(self, route: Route, line: _Line, now_ms: int) -> None:
        line.looking, line.looked_ms, line.sent = True, now_ms, 0
        asked = line.to_ask(now_ms)

        def work() -> Callable[[], None] | None:
            keys = {key for _, key in asked}
            try:
                waiting = self._queue.waiting(route)
                if waiting > SPARE:
                    present = self._executions.present(keys) if keys else frozenset()
                    return lambda: line.saw(waiting, asked, present, now_ms)
                found = self._executions.several(keys) if keys else {}
                return lambda: line.saw_none(waiting, asked, found, now_ms)
            except PortError as error:
                self._telemetry.info("whether a route drains is unknown", route=str(route), problem=str(error))
                return None

        def done(take: Callable[[], None] | None) -> None:
            line.looking = False
            if take is not None:
                take()

        self._background.start(work, done)

    @property
    def oldest(self) -> tuple[int, str]:
        """The longest wait (ms) that the last looks saw, and on which route; routes of priority ``low`` apart."""
        ages = [(line.age_ms, str(route)) for route, line in self._lines.items() if not route.waits]
        return max(ages, default=(0, ""))
