"""Progress: the line between a call that is under way and its worker. Both ends are used from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Stop
from tidewheel.domain.jobs.concealing import Concealment
from tidewheel.domain.limits import CHECKPOINT_BYTES, LOG_BYTES, OUTPUT_BYTES
from tidewheel.ports import Clock

_LONGEST_CHARACTER = 4
"""Bytes of UTF-8; an answer that is cut off in one is shorter by up to so many."""
_DROPPED = b"\n[the log is longer; the rest was dropped]\n"


class OpenCallProgress:
    """``ports.Progress``, with the worker's end of it.

    Args:
        clock: Time.
        restored: The checkpoint of an attempt before.
    """

    def __init__(self, clock: Clock, restored: str = "") -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._restored = restored
        self._stop: Stop | None = None
        self._acts: list[Callable[[], None]] = []
        self._beat_ms = clock.monotonic_ms()
        self._concealment = Concealment()
        self._log = bytearray()
        self._taken = 0
        self._dropped = False

    # --- the call's end -----------------------------------------------------------------------------------

    @property
    def stopping(self) -> Stop | None:
        """See ``ports.Progress``."""
        return self._stop

    def on_stop(self, act: Callable[[], None]) -> None:
        """See ``ports.Progress``."""
        with self._lock:
            self._acts.append(act)
            late = self._stop is not None
        if late:
            act()

    def beat(self) -> None:
        """See ``ports.Progress``."""
        self._beat_ms = self._clock.monotonic_ms()

    @property
    def restored(self) -> str:
        """See ``ports.Progress``."""
        return self._restored

    def checkpoint(self, state: str) -> None:
        """See ``ports.Progress``."""
        size = len(state.encode())
        if size > CHECKPOINT_BYTES:
            raise ValueError(f"a checkpoint of {size} bytes is too long: keep at most {CHECKPOINT_BYTES}")
        self._restored = state
        self.beat()

    def write(self, data: bytes) -> None:
        """See ``ports.Progress``."""
        with self._lock:
            if self._dropped:
                return
            room = max(0, LOG_BYTES - self._taken - len(self._log))
            self._log += data[:room]
            if len(data) > room:
                self._dropped = True
                self._log = bytearray(self._concealment.clean(bytes(self._log), cut=True) + _DROPPED)

    def conceal(self, secret: str) -> None:
        """See ``ports.Progress``."""
        with self._lock:
            self._concealment = self._concealment.and_of([secret])

    # --- the worker's end ---------------------------------------------------------------------------------

    def stop(self, why: Stop) -> None:
        """Tells the call to end; the first reason stays."""
        with self._lock:
            if self._stop is not None:
                return
            self._stop = why
            acts = list(self._acts)
        for act in acts:
            act()

    @property
    def silent_ms(self) -> int:
        """For how long (ms) the call gave no sign of life."""
        return self._clock.monotonic_ms() - self._beat_ms

    def logged_beyond(self, output: str) -> bool:
        """Whether something waits to be taken that an answer's output does not say anyway."""
        log = bytes(self._log).decode(errors="replace").replace("\x00", "")
        return bool(log) and log != output

    def take_log(self, *, last: bool) -> bytes:
        """What was written since it was last taken, without secrets.

        Args:
            last: Whether nothing follows. If something may, so much of the end is left as could be the beginning
                of a secret.
        """
        with self._lock:
            raw = bytes(self._log)
            end = len(raw) if last else self._concealment.settled(raw)
            clean = self._concealment.clean(raw[:end])
            self._taken += len(clean)
            self._log = bytearray(raw[end:])
            return clean

    def cleaned(self, answer: Answer) -> Answer:
        """An answer without secrets."""
        concealment = self._concealment
        if not concealment.secrets:
            return answer
        output, reason = answer.output.encode(), answer.reason.encode()
        cut = len(output) >= OUTPUT_BYTES - _LONGEST_CHARACTER
        return replace(
            answer,
            output=concealment.clean(output, cut=cut).decode(errors="replace"),
            reason=concealment.clean(reason).decode(errors="replace"),
        )
