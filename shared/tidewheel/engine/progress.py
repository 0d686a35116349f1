"""Progress: the line between a call that is under way and its worker. Both ends are used from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from tidewheel.domain.execution import Answer, Stop
from tidewheel.domain.limits import CHECKPOINT_BYTES, LOG_BYTES, OUTPUT_BYTES
from tidewheel.ports import Clock

CONCEALED = "***"
_LONGEST_CHARACTER = 4
"""Bytes of UTF-8; an answer that is cut off in one is shorter by up to so many."""
_DROPPED = b"\n[the log is longer; the rest was dropped]\n"


class OpenProgress:
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
        self._secrets: set[str] = set()
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
                self._log = bytearray(self._concealed(bytes(self._log), cut=True) + _DROPPED)

    def conceal(self, secret: str) -> None:
        """See ``ports.Progress``."""
        if secret:
            self._secrets.add(secret)

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
            end = len(raw) if last else self._settled(raw)
            clean = self._concealed(raw[:end])
            self._taken += len(clean)
            self._log = bytearray(raw[end:])
            return clean

    def cleaned(self, answer: Answer) -> Answer:
        """An answer without secrets."""
        if not self._secrets:
            return answer
        output, reason = answer.output.encode(), answer.reason.encode()
        cut = len(output) >= OUTPUT_BYTES - _LONGEST_CHARACTER
        return replace(
            answer,
            output=self._concealed(output, cut=cut).decode(errors="replace"),
            reason=self._concealed(reason).decode(errors="replace"),
        )

    def _settled(self, data: bytes) -> int:
        """Up to where nothing that may follow can make part of a secret of what is there."""
        end = max(0, len(data) - max((len(secret.encode()) - 1 for secret in self._secrets), default=0))
        return next((start for start, stop in self._spans(data) if start < end < stop), end)

    def _concealed(self, data: bytes, *, cut: bool = False) -> bytes:
        """The text with its secrets replaced; if it was cut off somewhere, also what its end shows of one."""
        parts: list[bytes] = []
        at = 0
        for start, stop in self._spans(data, cut=cut):
            parts += [data[at:start], CONCEALED.encode()]
            at = stop
        return b"".join((*parts, data[at:]))

    def _spans(self, data: bytes, *, cut: bool = False) -> list[tuple[int, int]]:
        """Where secrets lie in a text, in order; those that overlap or hold one another as one."""
        found = sorted(span for secret in self._secrets for span in _occurrences(data, secret.encode(), cut=cut))
        spans: list[tuple[int, int]] = []
        for start, stop in found:
            if spans and start < spans[-1][1]:
                spans[-1] = spans[-1][0], max(stop, spans[-1][1])
            else:
                spans.append((start, stop))
        return spans


def _occurrences(data: bytes, secret: bytes, *, cut: bool) -> Iterator[tuple[int, int]]:
    start = data.find(secret)
    while start >= 0:
        yield start, start + len(secret)
        start = data.find(secret, start + 1)
    if cut:
        shown = next((n for n in range(len(secret) - 1, 0, -1) if data.endswith(secret[:n])), 0)
        if shown:
            yield len(data) - shown, len(data)
