"""The progress of a running call: heartbeats, checkpoint, log, and the request to stop. Thread-safe."""

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
"""Bytes of the longest UTF-8 character: an output that was cut inside one is shorter by less than that."""
_DROPPED = b"\n[the log is longer; the rest was dropped]\n"


class OpenCallProgress:
    """Implements ``ports.Progress``, and adds what the worker does with it.

    Args:
        clock: Measures the time between heartbeats.
        restored: The checkpoint of an earlier attempt; empty if there is none.
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

    # --- for the target ----------------------------------------------------------------------------------

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

    def concealed(self, text: str) -> str:
        """See ``ports.Progress``."""
        return self._concealment.clean_of_parts(text.encode(errors="surrogatepass")).decode(errors="replace")

    # --- for the worker -----------------------------------------------------------------------------------

    def stop(self, why: Stop) -> None:
        """Requests the call to end and runs its ``on_stop`` callbacks; the first reason stays."""
        with self._lock:
            if self._stop is not None:
                return
            self._stop = why
            acts = list(self._acts)
        for act in acts:
            act()

    @property
    def silent_ms(self) -> int:
        """The time (ms) since the last heartbeat or checkpoint, or since the beginning."""
        return self._clock.monotonic_ms() - self._beat_ms

    @property
    def logged(self) -> int:
        """How many bytes of log were not taken yet."""
        return len(self._log)

    def logged_beyond(self, output: str) -> bool:
        """Whether the log that was not taken yet holds more than the answer's output."""
        log = bytes(self._log).decode(errors="replace").replace("\x00", "")
        return bool(log) and log != output

    def take_log(self, *, last: bool) -> bytes:
        """Returns the bytes that were logged since the last call, with secrets replaced.

        Args:
            last: Whether the log is complete. If not, a tail that may be the beginning of a secret is kept for the
                next call.
        """
        with self._lock:
            raw = bytes(self._log)
            end = len(raw) if last else self._concealment.settled(raw)
            clean = self._concealment.clean(raw[:end])
            self._taken += len(clean)
            self._log = bytearray(raw[end:])
            return clean

    def cleaned(self, answer: Answer, most: int = OUTPUT_BYTES) -> Answer:
        """Returns the answer with secrets replaced in its output, cut to ``most`` bytes before, and in its reason."""
        concealment = self._concealment
        if not concealment.secrets:
            return answer
        output = answer.output.encode()
        cut = len(output) >= most - _LONGEST_CHARACTER
        return replace(
            answer,
            output=concealment.clean(output, cut=cut).decode(errors="replace"),
            reason=self.concealed(answer.reason),
        )
