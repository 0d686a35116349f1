"""Few requests for what many threads ask at once: what comes while a request is under way goes together in the next.

Nobody waits for company. What comes while nothing is under way is sent at once, by the thread that asks. What comes
later waits for the request under way to end; then one of the threads that wait, the *lead*, sends for all of them.
There is no thread for this, and no timer but the one that ends the wait behind a request that is slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from threading import Lock
from typing import Final, Generic, Literal, TypeVar

from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock

Q = TypeVar("Q")
A = TypeVar("A")

SLOW_MS = 100
"""Behind a request that is older than this nobody waits: the next one is sent beside it."""
_CLOCK: Clock = SystemClock()  # how old a request is, below the engine's clock


class Unsent(Enum):
    """The answer to a question that has to be asked by itself."""

    ALONE = "alone"


ALONE: Final[Literal[Unsent.ALONE]] = Unsent.ALONE


class _Asked(Generic[Q, A]):
    """What a thread asks for, and the lock on which it waits: freed with the answer, or when it is to lead."""

    __slots__ = ("answer", "key", "leads", "turn", "what")

    def __init__(self, what: Q, key: Hashable) -> None:
        self.what = what
        self.key = key
        self.answer: A | Unsent = ALONE
        self.leads = False
        self.turn = Lock()
        self.turn.acquire()


class Together(Generic[Q, A]):
    """Sends what several threads ask for. Safe from any thread.

    Args:
        send: Sends one request; returns an answer for each question, in their order. What it raises, the lead raises.
        most: How many questions go in one request.
        key: No two questions of one key go in the same request; None: any two may.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Q]], Sequence[A | Unsent]],
        most: int,
        key: Callable[[Q], Hashable] | None = None,
    ) -> None:
        self._send = send
        self._most = most
        self._key = key or (lambda _: object())
        self._changing = Lock()
        self._waiting: deque[_Asked[Q, A]] = deque()
        self._began_ms: dict[_Asked[Q, A], int] = {}  # the requests under way by their leads, the newest last

    @property
    def waiting(self) -> int:
        """How many questions wait for a request."""
        return len(self._waiting)

    def ask(self, what: Q) -> A | Unsent:
        """Has a question answered, by a request that begins after this call.

        Returns:
            The answer; ``ALONE`` if it has to be asked by itself, as when the thread that led was interrupted.
        """
        asked = _Asked[Q, A](what, self._key(what))
        try:
            self._join(asked)
            if asked.leads:
                self._lead(asked)
        finally:
            self._leave(asked)
        return asked.answer

    def _join(self, asked: _Asked[Q, A]) -> None:
        """Returns when the thread is to lead, or has its answer."""
        with self._changing:
            if self._starts(asked):
                return
            self._waiting.append(asked)
        while not asked.turn.acquire(timeout=self._patience_s(asked)):
            with self._changing:
                if asked in self._waiting and self._starts(asked):
                    self._waiting.remove(asked)
                    return

    def _starts(self, asked: _Asked[Q, A]) -> bool:
        """Makes a thread the lead of the next request, if none is under way or all of them are slow."""
        now_ms = _CLOCK.monotonic_ms()
        if self._began_ms and now_ms - self._newest_ms < SLOW_MS:
            return False
        self._began_ms[asked] = now_ms
        asked.leads = True
        return True

    @property
    def _newest_ms(self) -> int:
        return next(reversed(self._began_ms.values()))

    def _patience_s(self, asked: _Asked[Q, A]) -> float:
        """How long a thread waits until it may start a request by itself; -1, for ever, if it is in one."""
        with self._changing:
            if asked not in self._waiting:
                return -1
            left_ms = self._newest_ms + SLOW_MS - _CLOCK.monotonic_ms()
        return max(1, left_ms) / SECOND_MS

    def _lead(self, lead: _Asked[Q, A]) -> None:
        group = self._group(lead)
        answers: Sequence[A | Unsent] = ()
        try:
            answers = self._send([one.what for one in group])
        finally:
            self._pass_lead(lead)
            for one, answer in zip(group, answers, strict=False):
                one.answer = answer
            for one in group[1:]:
                one.turn.release()

    def _group(self, lead: _Asked[Q, A]) -> Sequence[_Asked[Q, A]]:
        """The lead and those that go with it, first come first; the others go on waiting."""
        group, keys, left = [lead], {lead.key}, deque[_Asked[Q, A]]()
        with self._changing:
            for one in self._waiting:
                if len(group) < self._most and one.key not in keys:
                    group.append(one)
                    keys.add(one.key)
                else:
                    left.append(one)
            self._waiting = left
        return group

    def _pass_lead(self, lead: _Asked[Q, A]) -> None:
        """Has the first that waits lead the next request; behind another one that is under way it goes on waiting."""
        with self._changing:
            lead.leads = False
            del self._began_ms[lead]
            following = self._waiting[0] if self._waiting and self._starts(self._waiting[0]) else None
            if following is not None:
                self._waiting.popleft()
        if following is not None:
            following.turn.release()

    def _leave(self, asked: _Asked[Q, A]) -> None:
        """Nobody waits for a thread that was interrupted, neither for its lead nor for its place."""
        if asked.leads:
            self._pass_lead(asked)
            return
        with self._changing:
            if asked in self._waiting:
                self._waiting.remove(asked)
