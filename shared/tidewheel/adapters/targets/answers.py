"""What every kind of target says in the same way."""

from __future__ import annotations

from collections.abc import Iterable

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.concealing import Concealment
from tidewheel.domain.limits import OUTPUT_BYTES


def excerpt(body: bytes) -> str:
    """The beginning of an answer as text, at most ``limits.OUTPUT_BYTES`` bytes of it."""
    return body[:OUTPUT_BYTES].decode("utf-8", errors="replace").replace("\x00", "")


def ending(output: bytes) -> str:
    """The end of an output as text, at most ``limits.OUTPUT_BYTES`` bytes of it."""
    text = output[-OUTPUT_BYTES:].decode("utf-8", errors="replace").replace("\x00", "").encode()[-OUTPUT_BYTES:]
    return text.decode("utf-8", errors="ignore")  # what was cut in two at its beginning


class Tail:
    """The end of an output that is taken in piece by piece, without secrets: none is cut in two, and shows by half.

    Args:
        secrets: What is replaced.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._concealment = Concealment().and_of(secrets)
        self._pending = b""
        self._end = b""

    def add(self, piece: bytes) -> None:
        """Takes in a piece."""
        self._pending += piece
        settled = self._concealment.settled(self._pending)  # what could be the beginning of a secret waits
        self._end = (self._end + self._concealment.clean(self._pending[:settled]))[-2 * OUTPUT_BYTES :]
        self._pending = self._pending[settled:]

    def text(self) -> str:
        """The end of what was taken in."""
        return ending(self._end + self._concealment.clean(self._pending))


def timed_out(timeout_ms: int) -> Answer:
    """The answer of a target that did not give one in time."""
    return Answer(Result.TIMED_OUT, reason=f"no answer within {timeout_ms} ms")


def cancel_requested() -> Answer:
    """The answer of a call that was told to end, whose worker knows why."""
    return Answer(Result.FAILED, reason="the call was told to end")
