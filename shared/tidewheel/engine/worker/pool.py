"""The worker of a pool: a loop that takes messages as slots become free, runs each, and hands over when it has to end.

A message is asked for only when a slot is free that may take it, and is the worker's own for as long as the keeper
holds a lease. Two ways of asking keep an idle worker both cheap and prompt:

- to *fill* free slots the queues are asked one after the other, by whose turn it is (``domain.slots``), with no wait;
- where nothing was found the worker *listens*: one long poll per priority, side by side, for one message each. Who
  listens is not asked: nothing waits there. A message that one of them brings when others have taken the last slot
  goes back at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from tidewheel.domain.fleet.route import PRIORITIES, Route
from tidewheel.domain.fleet.worker_slots import WorkerSlots
from tidewheel.domain.limits import DRAIN_MS, SECOND_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.disposition import Action
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS
from tidewheel.ports import SEND_BATCH, Clock, PortError, Queue, Received

LISTEN_MS = 5 * SECOND_MS
"""How long a long poll waits: four of them cost an idle worker 0.8 requests a second. It is also the longest that one
who has nothing to do needs to end."""
HAND_OVER_MS = 15 * SECOND_MS
"""How long the calls that are told to end may take, with the writes that follow: with the longest drain it stays within
the two minutes that Fargate grants (Amazon ECS, stopTimeout)."""
_LOOK_MS = 100
_FLUSH_MS = 10 * SECOND_MS
_CLOCK = "clock"
_UNFINISHED = {"failed", "lost", "contended"}
"""What becomes of messages whose execution another worker has to take over when its lease ends."""


@dataclass(frozen=True, slots=True)
class _Ended:
    priority: str
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class _Heard:
    priority: str
    messages: Sequence[Received] = ()


_Event = _Ended | _Heard | None


class Pool:
    """One worker of a pool. ``run`` is the loop; ``stop`` may be called from a signal handler.

    Args:
        pool: Its name.
        slots: How many attempts it runs at once.
        consumer: The flow of one message.
        inbox: Where messages are received; a wait of ``LISTEN_MS`` must be within its bounds.
        clock: Time.
        backoff: Paces what the queue refuses.
        workers: A thread for each slot.
        listeners: A thread for each priority.
        drain_ms: For how long running attempts may go on once it has to end.
    """

    def __init__(
        self,
        pool: str,
        slots: WorkerSlots,
        consumer: Consumer,
        inbox: Queue,
        clock: Clock,
        backoff: Backoff,
        workers: Executor,
        listeners: Executor,
        *,
        drain_ms: int = DRAIN_MS,
    ) -> None:
        self._pool = pool
        self._slots = slots
        self._consumer = consumer
        self._inbox = inbox
        self._clock = clock
        self._telemetry = consumer.telemetry
        self._backoff = backoff
        self._workers = workers
        self._listeners = listeners
        self._drain_ms = drain_ms
        self._held = dict.fromkeys(PRIORITIES, 0)
        self._listening: set[str] = set()
        self._empty: set[str] = set()  # what a listener has just found so
        self._tries = dict.fromkeys(PRIORITIES, 0)
        self._events: SimpleQueue[_Event] = SimpleQueue()  # a signal handler may put into it at any point
        self._signals = 0
        self._unfinished = 0
        self._flushed_ms = clock.monotonic_ms()

    def stop(self) -> None:
        """Has the worker end once what runs is over, or was told to; called again, it is told at once."""
        self._signals += 1
        self._events.put(None)

    @property
    def _stopping(self) -> bool:
        return self._signals > 0

    def run(self) -> bool:
        """Works until it is stopped.

        Returns:
            Whether everything it held is over or handed over. If not, others take the rest over when its leases end.
        """
        while not self._stopping:
            if self._unfit():
                self._sit_out()
            else:
                self._fill()
                self._listen()
            self._take_in(self._events.get())
            self._flush()
        return self._end()

    # --- messages in --------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Gives the free slots to what waits, turn by turn."""
        quiet = self._listening | self._empty
        self._empty.clear()
        while not self._stopping and (turn := self._slots.turn(self._held, quiet)):
            wanted = min(turn.most, SEND_BATCH)
            messages = self._asked(turn.priority, wanted)
            for message in messages:
                self._begin(message)
            if len(messages) < wanted:
                quiet.add(turn.priority)

    def _asked(self, priority: str, most: int) -> Sequence[Received]:
        try:
            messages = self._inbox.receive(Route(self._pool, priority), most, HIDDEN_MS)
        except PortError as error:
            self._refused(priority, error)
            self._apart(priority, partial(self._rest, priority))
            return ()
        self._tries[priority] = 0
        return messages

    def _listen(self) -> None:
        """Waits for more wherever it may come from, which ``_fill`` has found empty."""
        for priority in PRIORITIES:
            if priority not in self._listening and self._slots.room(priority, self._held):
                self._apart(priority, partial(self._poll, priority))

    def _apart(self, priority: str, act: Callable[[], Sequence[Received]]) -> None:
        """Does something on a listener's thread; until then nothing is asked of the priority."""

        def done() -> None:
            messages: Sequence[Received] = ()
            try:
                messages = act()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave a priority unheard for ever
                self._telemetry.error("unexpected error while receiving messages", pool=self._pool, problem=str(error))
                self._clock.sleep(LISTEN_MS)
            finally:
                self._events.put(_Heard(priority, messages))

        self._listening.add(priority)
        self._listeners.submit(done)

    def _poll(self, priority: str) -> Sequence[Received]:
        try:
            messages = self._inbox.receive(Route(self._pool, priority), 1, HIDDEN_MS, LISTEN_MS)
        except PortError as error:
            self._refused(priority, error)
            return self._rest(priority)
        self._tries[priority] = 0
        return messages

    def _rest(self, priority: str) -> Sequence[Received]:
        self._clock.sleep(self._backoff.delay_ms(self._tries[priority]))
        self._tries[priority] += 1
        return ()

    def _refused(self, priority: str, error: PortError) -> None:
        self._telemetry.count("receive_failed", priority=priority)
        self._telemetry.info("receiving from a queue failed", pool=self._pool, priority=priority, problem=str(error))

    def _unfit(self) -> bool:
        return self._consumer.guard is not None and bool(self._consumer.guard.refusal())

    def _sit_out(self) -> None:
        """While the clock is off nothing is taken; the answer to a small question says when it is right again."""

        def ask() -> Sequence[Received]:
            try:
                self._consumer.queue.waiting(Route(self._pool, PRIORITIES[0]))
            except PortError as error:
                self._telemetry.info("receiving from a queue failed", pool=self._pool, problem=str(error))
            self._clock.sleep(LISTEN_MS)
            return ()

        if _CLOCK not in self._listening:
            self._apart(_CLOCK, ask)

    # --- events ---------------------------------------------------------------------------------------------------

    def _take_in(self, event: _Event) -> None:
        """Takes this event in, and all that have come since."""
        while True:
            if isinstance(event, _Ended):
                self._held[event.priority] -= 1
                self._unfinished += self._stopping and event.unfinished
            elif isinstance(event, _Heard):
                self._listening.discard(event.priority)
                if not event.messages:
                    self._empty.add(event.priority)
                for message in event.messages:
                    self._begin_or_return(message)
            try:
                event = self._events.get_nowait()
            except Empty:
                return

    def _begin_or_return(self, message: Received) -> None:
        if self._stopping or not self._slots.room(message.route.priority, self._held):
            self._return(message)
        else:
            self._begin(message)

    def _return(self, message: Received) -> None:
        """Leaves a message to another worker, which sees it at once."""
        self._telemetry.count("message_returned", priority=message.route.priority)
        try:
            self._consumer.queue.hide(message.route, [message.receipt], 0)
        except PortError as error:
            self._telemetry.info("a message comes back late", message_id=message.id, problem=str(error))

    # --- work -----------------------------------------------------------------------------------------------------

    def _begin(self, message: Received) -> None:
        self._held[message.route.priority] += 1
        self._workers.submit(self._work, message)

    def _work(self, message: Received) -> None:
        unfinished = True
        try:
            disposition = self._consumer.one(message)
            if disposition.action is Action.ACK:
                self._delete(message)
            unfinished = disposition.why in _UNFINISHED
        finally:
            self._events.put(_Ended(message.route.priority, unfinished))

    def _delete(self, message: Received) -> None:
        try:
            self._consumer.queue.delete(message.route, [message.receipt])
        except PortError as error:  # it comes again, and finds that all is done
            self._telemetry.info("a message could not be deleted", message_id=message.id, problem=str(error))

    def _flush(self) -> None:
        now = self._clock.monotonic_ms()
        if now - self._flushed_ms >= _FLUSH_MS:
            self._flushed_ms = now
            self._telemetry.flush()

    # --- the end --------------------------------------------------------------------------------------------------

    def _end(self) -> bool:
        self._telemetry.info("the worker drains", pool=self._pool, running=self._running)
        self._wait(self._drain_ms, lambda: self._signals > 1)
        if self._running:
            self._telemetry.info("the worker hands over", pool=self._pool, running=self._running)
            self._consumer.runner.drain()
            self._wait(HAND_OVER_MS, lambda: False)
        left = self._running + self._unfinished
        if left:
            self._telemetry.error("not everything was handed over; leases have to end", pool=self._pool, left=left)
        self._telemetry.info("the worker ends", pool=self._pool)
        self._telemetry.flush()
        return not left

    @property
    def _running(self) -> int:
        return sum(self._held.values())

    def _wait(self, duration_ms: int, hurried: Callable[[], bool]) -> None:
        """Waits until nothing runs and nobody listens: what a long poll still brings must be returned."""
        until_ms = self._clock.monotonic_ms() + duration_ms
        while True:
            self._take_in(None)
            if not (self._running or self._listening) or hurried() or self._clock.monotonic_ms() >= until_ms:
                return
            self._clock.sleep(_LOOK_MS)
