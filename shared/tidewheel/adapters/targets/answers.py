"""What every kind of target says in the same way."""

from __future__ import annotations

from tidewheel.domain.execution import Answer, Result
from tidewheel.domain.limits import OUTPUT_BYTES


def excerpt(body: bytes) -> str:
    """The beginning of an answer as text, at most ``limits.OUTPUT_BYTES`` bytes of it."""
    return body[:OUTPUT_BYTES].decode("utf-8", errors="replace").replace("\x00", "")


def timed_out(timeout_ms: int) -> Answer:
    """The answer of a target that did not give one in time."""
    return Answer(Result.TIMED_OUT, reason=f"no answer within {timeout_ms} ms")


def called_off() -> Answer:
    """The answer of a call that was told to end, whose worker knows why."""
    return Answer(Result.FAILED, reason="the call was told to end")
