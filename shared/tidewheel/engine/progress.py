"""Progress: the line between a call that is under way and its worker. Both ends are used from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from tidewheel.domain.execution import Answer, Stop
from tidewheel.domain.limits import CHECKPOINT_BYTES, LOG_BYTES
from tidewheel.ports import Clock

CONCEALED = "***"
_TELLING = 4
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
            room = max(0, LOG_BYTES - self._taken - len(self._log))
            self._log += data[:room]
            if len(data) > room and not self._dropped:
                self._dropped = True
                self._log += _DROPPED

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

    @property
    def logged(self) -> int:
        """How many bytes wait to be taken."""
        return len(self._log)

    def take_log(self, *, last: bool) -> bytes:
        """What was written since it was last taken, without secrets.

        Args:
            last: Whether nothing follows. If something may, so much of the end is left as could be the beginning
                of a secret.
        """
        with self._lock:
            keep = 0 if last else max((len(secret.encode()) - 1 for secret in self._secrets), default=0)
            clean = self._clean_bytes(bytes(self._log))
            cut = len(clean) - keep
            if cut <= 0:
                return b""
            self._taken += cut
            self._log = bytearray(clean[cut:])
            return clean[:cut]

    def cleaned(self, answer: Answer) -> Answer:
        """An answer without secrets."""
        if not self._secrets:
            return answer
        output = self._without_beginnings(self._clean(answer.output))  # it may be cut within a secret
        return replace(answer, output=output, reason=self._clean(answer.reason))

    def _clean(self, text: str) -> str:
        return self._clean_bytes(text.encode()).decode()

    def _without_beginnings(self, text: str) -> str:
        """A text that does not end with the beginning of a secret, unless that is too short to tell."""
        plain = text.rstrip("\ufffd")  # half of a character
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(plain)), _TELLING - 1, -1):
                if plain.endswith(secret[:length]):
                    return plain[:-length] + CONCEALED
        return text

    def _clean_bytes(self, data: bytes) -> bytes:
        for secret in sorted(self._secrets, key=len, reverse=True):  # one may hold another
            data = data.replace(secret.encode(), CONCEALED.encode())
        return data
