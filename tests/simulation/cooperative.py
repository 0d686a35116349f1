"""Cooperative threads on virtual time: exactly one runs at a time, until it waits for an instant.

So the engine's own code, which blocks, runs several times side by side, step by step, and the same each time.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Protocol


class Killed(BaseException):
    """The process has been killed: nothing that its threads still do may reach the stores."""


class Process(Protocol):
    """What cooperative threads belong to."""

    dead: bool
    frozen_until_ms: int


class CooperativeThread:
    """One thread of a process. It runs only while whoever resumed it waits."""

    def __init__(self, scheduler: CooperativeScheduler, process: Process, body: Callable[[], None]) -> None:
        self.process = process
        self.done = False
        self._scheduler = scheduler
        self._body = body
        self._go = threading.Semaphore(0)
        self._turn = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.process.dead:
                self._body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - a fault of the engine or the test; it must not pass unseen
            self._scheduler.failures.append(repr(error))
        finally:
            self.done = True
            self._scheduler.back.release()

    def begin(self, at_ms: int) -> None:
        """Runs from the instant on."""
        self._thread.start()
        self.wake_at(at_ms)

    def wake_at(self, at_ms: int) -> None:
        """Goes on at the instant, whatever it waited for."""
        self._turn += 1
        self._scheduler.push(at_ms, self, self._turn)

    def wait_until(self, at_ms: int) -> None:
        """Lets others run; called by the thread itself."""
        self.wake_at(at_ms)
        self._scheduler.back.release()
        self._go.acquire()
        if self.process.dead:
            raise Killed

    def resume(self, turn: int | None = None) -> None:
        """Lets it run until it waits or ends."""
        if self.done or turn not in {None, self._turn}:
            return
        before, self._scheduler.current = self._scheduler.current, self
        self._go.release()
        self._scheduler.back.acquire()
        self._scheduler.current = before

    @property
    def turn(self) -> int:
        """How often it was given a time to go on."""
        return self._turn


class CooperativeScheduler:
    """Runs threads in the order of the times that they wait for."""

    def __init__(self) -> None:
        self.back = threading.Semaphore(0)
        self.current: CooperativeThread | None = None
        self.failures: list[str] = []
        self._heap: list[tuple[int, int, CooperativeThread, int]] = []
        self._order = itertools.count()

    def push(self, at_ms: int, thread: CooperativeThread, turn: int) -> None:
        heapq.heappush(self._heap, (at_ms, next(self._order), thread, turn))

    def next_ms(self) -> int:
        """When something happens next."""
        return self._heap[0][0] if self._heap else 1 << 62

    def run_next(self) -> None:
        """Lets the next thread run; one of a frozen process waits until that goes on."""
        at_ms, _, thread, turn = heapq.heappop(self._heap)
        if thread.done or turn != thread.turn:
            return
        if thread.process.frozen_until_ms > at_ms and not thread.process.dead:
            thread.wake_at(thread.process.frozen_until_ms)
            return
        thread.resume(turn)
