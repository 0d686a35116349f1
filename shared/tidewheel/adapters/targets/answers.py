"""Answers, and parts of answers, that are the same for several kinds of target."""

from __future__ import annotations

from collections.abc import Iterable

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.concealing import Concealment
from tidewheel.domain.limits import OUTPUT_BYTES


def excerpt(body: bytes, most: int = OUTPUT_BYTES) -> str:
    """The beginning of an answer as text, at most so many bytes of it.

    NULs go first: a text that was cut off has that length, by which it is known that it may end within a secret.
    """
    return body.replace(b"\x00", b"")[:most].decode("utf-8", errors="replace")


def ending(output: bytes, most: int = OUTPUT_BYTES) -> str:
    """The end of an output as text, at most so many bytes of it."""
    text = output[-most:].decode("utf-8", errors="replace").replace("\x00", "").encode()[-most:]
    return text.decode("utf-8", errors="ignore")  # drops a character whose first bytes were cut off


class Tail:
    """The end of an output that comes in pieces, with secrets concealed even where a secret lies across two pieces.

    Args:
        secrets: The texts to conceal.
        most: How many bytes of it are kept.
    """

    def __init__(self, secrets: Iterable[str], most: int = OUTPUT_BYTES) -> None:
        self._most = most
        self._concealment = Concealment().and_of(secrets)
        self._pending = b""
        self._end = b""

    def add(self, piece: bytes) -> None:
        """Adds the next piece."""
        self._pending += piece
        settled = self._concealment.settled(self._pending)  # what may be the beginning of a secret is kept back
        self._end = (self._end + self._concealment.clean(self._pending[:settled]))[-2 * self._most :]
        self._pending = self._pending[settled:]

    def text(self) -> str:
        """The end of all pieces, at most so many bytes of UTF-8 as are kept."""
        return ending(self._end + self._concealment.clean(self._pending), self._most)


def timed_out(timeout_ms: int) -> Answer:
    """The answer of an attempt whose time-out (ms) passed."""
    return Answer(Result.TIMED_OUT, reason=f"no answer within {timeout_ms} ms")


def told_to_end() -> Answer:
    """The answer of a call that its worker told to end; the worker knows why."""
    return Answer(Result.FAILED, reason="the call was told to end")
