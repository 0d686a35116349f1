"""What becomes of a message that a worker took."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.limits import SECOND_MS


class Action(StrEnum):
    """What becomes of the message."""

    ACK = "ack"
    RETRY_LATER = "retry_later"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What the worker is to do with a message, and why.

    Args:
        fate: Delete it, or let it come back.
        why: One word for the counters.
        delay_ms: In how long it should come back.
    """

    action: Action
    why: str
    delay_ms: int = 0


CONTENDED = Disposition(Action.RETRY_LATER, "contended", SECOND_MS)
"""Others wrote what this message's worker was about to write: it comes back and finds what they left."""
