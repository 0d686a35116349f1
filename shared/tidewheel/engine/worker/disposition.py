"""What becomes of a message that a worker took."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tidewheel.domain.limits import SECOND_MS


class Action(StrEnum):
    """What becomes of the message."""

    ACK = "ack"  # it is deleted
    RETRY_LATER = "retry_later"  # it comes back


@dataclass(frozen=True, slots=True)
class Disposition:
    """What is to be done with a message, and why.

    Args:
        action: Delete it, or let it come back.
        why: One word for the counters.
        delay_ms: In how long (ms) it should come back.
    """

    action: Action
    why: str
    delay_ms: int = 0

    @classmethod
    def ack(cls, why: str) -> Self:
        """All is done: the message is deleted."""
        return cls(Action.ACK, str(why))

    @classmethod
    def retry_later(cls, why: str, delay_ms: int) -> Self:
        """The message comes back in about so long (ms)."""
        return cls(Action.RETRY_LATER, why, delay_ms)


CONTENDED = Disposition(Action.RETRY_LATER, "contended", SECOND_MS)
"""Others wrote what this message's worker was about to write: it comes back and finds what they left."""
