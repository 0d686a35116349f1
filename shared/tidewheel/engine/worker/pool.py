"""The worker of a pool: a loop that receives messages as slots become free, runs them, and hands over when it must end.

A message is received only when a slot is free for it, and stays hidden while the lease renewer renews its lease. An
idle worker is cheap and prompt because it receives in two ways:

- to *fill* free slots the queues are polled in turn (``domain.fleet.worker_slots``), without waiting;
- on each priority whose queue was empty it *listens*: one long poll for one message, all priorities in parallel. A
  priority that is listened to is not polled. A message that arrives when no slot is free any more is returned at once.
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
from tidewheel.engine.worker.scale_in import ScaleInGuard
from tidewheel.ports import SEND_BATCH, Clock, PortError, Queue, Received

LISTEN_MS = 5 * SECOND_MS
"""How long a long poll waits: four of them cost an idle worker 0.8 requests a second. An idle worker needs at most this
time to end."""
HAND_OVER_MS = 15 * SECOND_MS
"""How long stopped calls and the writes after them may take. With the default drain this is within the two minutes of
Fargate (Amazon ECS, stopTimeout)."""
ALIVE_MS = 10 * SECOND_MS
_LOOK_MS = 100
_FLUSH_MS = 10 * SECOND_MS
_CLOCK = "clock"
_UNFINISHED = {"failed", "lost", "contended"}
"""Outcomes of messages whose execution another worker has to take over when its lease ends."""


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
        pool: The name of the pool.
        slots: How many attempts run at once.
        consumer: Handles one message.
        inbox: Where messages are received; its client must allow a wait of ``LISTEN_MS``.
        clock: Reads the time and waits.
        backoff: The delays after a failed receive.
        workers: Has a thread for each slot.
        listeners: Has a thread for each priority, and one for the check of the clock.
        drain_ms: How long (ms) running attempts may go on after ``stop``.
        scale_in: Has the machine kept while messages are held; None if nobody takes it away.
        alive: Called at least every ``ALIVE_MS`` by the loop, so that others see that it does not stand still.
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
        scale_in: ScaleInGuard | None = None,
        alive: Callable[[], None] = lambda: None,
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
        self._scale_in = scale_in
        self._alive = alive
        self._held = dict.fromkeys(PRIORITIES, 0)
        self._listening: set[str] = set()
        self._empty: set[str] = set()  # priorities that a listener has just found empty
        self._tries = dict.fromkeys(PRIORITIES, 0)
        self._events: SimpleQueue[_Event] = SimpleQueue()  # a signal handler may put into it at any point
        self._signals = 0
        self._unfinished = 0
        self._flushed_ms = clock.monotonic_ms()

    def stop(self) -> None:
        """Ends the worker when its calls have returned, or ``drain_ms`` have passed; a second call ends the drain."""
        self._signals += 1
        self._events.put(None)

    @property
    def _stopping(self) -> bool:
        return self._signals > 0

    def run(self) -> bool:
        """Works until it is stopped.

        Returns:
            Whether every message was completed or handed over. If not, others take over when the leases end.
        """
        while not self._stopping:
            if self._is_clock_off():
                self._wait_for_clock()
            else:
                self._fill()
                self._listen()
            self._handle_events(self._next_event())
            self._flush()
        return self._end()

    def _next_event(self) -> _Event:
        """The next event; None if there is none for ``ALIVE_MS``, as while every slot is busy for long."""
        self._alive()
        try:
            return self._events.get(timeout=ALIVE_MS / SECOND_MS)
        except Empty:
            return None

    # --- messages in --------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Polls the queues for the free slots, in the order that ``WorkerSlots.turn`` gives."""
        quiet = self._listening | self._empty
        self._empty.clear()
        while not self._stopping and (turn := self._slots.turn(self._held, quiet)):
            wanted = min(turn.most, SEND_BATCH)
            messages = self._receive(turn.priority, wanted)
            for message in messages:
                self._begin(message)
            if len(messages) < wanted:
                quiet.add(turn.priority)

    def _receive(self, priority: str, most: int) -> Sequence[Received]:
        try:
            messages = self._inbox.receive(Route(self._pool, priority), most, HIDDEN_MS)
        except PortError as error:
            self._receive_failed(priority, error)
            self._in_background(priority, partial(self._back_off, priority))
            return ()
        self._tries[priority] = 0
        return messages

    def _listen(self) -> None:
        """Starts a long poll on each priority that has room: ``_fill`` has found its queue empty."""
        for priority in PRIORITIES:
            if priority not in self._listening and self._slots.room(priority, self._held):
                self._in_background(priority, partial(self._poll, priority))

    def _in_background(self, priority: str, act: Callable[[], Sequence[Received]]) -> None:
        """Runs ``act`` on a listener's thread; the priority is not polled until it has returned."""

        def done() -> None:
            messages: Sequence[Received] = ()
            try:
                messages = act()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the listening
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
            self._receive_failed(priority, error)
            return self._back_off(priority)
        self._tries[priority] = 0
        return messages

    def _back_off(self, priority: str) -> Sequence[Received]:
        self._clock.sleep(self._backoff.delay_ms(self._tries[priority]))
        self._tries[priority] += 1
        return ()

    def _receive_failed(self, priority: str, error: PortError) -> None:
        self._telemetry.count("receive_failed", priority=priority)
        self._telemetry.info("receiving from a queue failed", pool=self._pool, priority=priority, problem=str(error))

    def _is_clock_off(self) -> bool:
        return self._consumer.guard is not None and bool(self._consumer.guard.refusal())

    def _wait_for_clock(self) -> None:
        """Sends a small request now and then, whose answer shows when the clock is right again; receives nothing."""

        def ask() -> Sequence[Received]:
            try:
                self._consumer.queue.waiting(Route(self._pool, PRIORITIES[0]))
            except PortError as error:
                self._telemetry.info("receiving from a queue failed", pool=self._pool, problem=str(error))
            self._clock.sleep(LISTEN_MS)
            return ()

        if _CLOCK not in self._listening:
            self._in_background(_CLOCK, ask)

    # --- events ---------------------------------------------------------------------------------------------------

    def _handle_events(self, event: _Event) -> None:
        """Handles this event, and all that are in the queue of events."""
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
        """Makes a message visible to other workers at once."""
        self._telemetry.count("message_returned", priority=message.route.priority)
        try:
            self._consumer.queue.hide(message.route, [message.receipt], 0)
        except PortError as error:
            self._telemetry.info("a message comes back late", message_id=message.id, problem=str(error))

    # --- work -----------------------------------------------------------------------------------------------------

    def _begin(self, message: Received) -> None:
        self._held[message.route.priority] += 1
        if self._scale_in is not None:
            self._scale_in.begin(message.receipt)
        self._workers.submit(self._work, message)

    def _work(self, message: Received) -> None:
        unfinished = True
        try:
            disposition = self._consumer.one(message)
            if disposition.action is Action.ACK:
                self._delete(message)
            unfinished = disposition.why in _UNFINISHED
        finally:
            if self._scale_in is not None:
                self._scale_in.end(message.receipt)
            self._events.put(_Ended(message.route.priority, unfinished))

    def _delete(self, message: Received) -> None:
        try:
            self._consumer.queue.delete(message.route, [message.receipt])
        except PortError as error:  # it comes back, and its execution has ended
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
        """Waits until no call runs and no long poll is open: a message that one still receives must be returned."""
        until_ms = self._clock.monotonic_ms() + duration_ms
        while True:
            self._alive()
            self._handle_events(None)
            if not (self._running or self._listening) or hurried() or self._clock.monotonic_ms() >= until_ms:
                return
            self._clock.sleep(_LOOK_MS)
