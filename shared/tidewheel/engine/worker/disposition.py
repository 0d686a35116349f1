"""What a worker does with a message that it has handled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tidewheel.domain.limits import SECOND_MS


class Action(StrEnum):
    """What is done with the message."""

    ACK = "ack"  # it is deleted
    RETRY_LATER = "retry_later"  # it comes back


@dataclass(frozen=True, slots=True)
class Disposition:
    """What is done with a message, and why.

    Args:
        action: Delete it, or let it come back.
        why: The outcome, as a value of the counter ``message_handled``.
        delay_ms: After how long (ms) it should come back.
    """

    action: Action
    why: str
    delay_ms: int = 0

    @classmethod
    def ack(cls, why: str) -> Self:
        """Everything is done, and the message is deleted."""
        return cls(Action.ACK, str(why))

    @classmethod
    def retry_later(cls, why: str, delay_ms: int) -> Self:
        """The message comes back after about ``delay_ms``."""
        return cls(Action.RETRY_LATER, why, delay_ms)


CONTENDED = Disposition(Action.RETRY_LATER, "contended", SECOND_MS)
"""Others kept writing the same records: the message comes back, and is decided by what is stored then."""
