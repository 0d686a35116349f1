"""Whether a message may claim its execution, and whether a claim still holds it."""

from __future__ import annotations

from enum import StrEnum

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.limits import (
    TAKEOVER_GRACE_MS,
)


class ClaimVerdict(StrEnum):
    """What the record says to a message that wants to claim its attempt."""

    CLAIM = "claim"  # free: claim it
    TAKE_OVER = "take_over"  # its holder vanished: the next attempt begins
    BUSY = "busy"  # another holds it: come back when its lease has ended
    OBSOLETE = "obsolete"  # a duplicate of an attempt that is over, or of an execution that has ended


def judge(record: Execution | None, attempt: int, now_ms: int) -> ClaimVerdict:
    """Whether a message for the given attempt may claim the execution."""
    if record is None:
        return ClaimVerdict.CLAIM
    if record.state in (State.QUEUED, State.RETRYING):
        return ClaimVerdict.CLAIM if record.attempt < attempt else ClaimVerdict.OBSOLETE
    if record.state is not State.RUNNING:
        return ClaimVerdict.OBSOLETE
    ended = now_ms > record.lease_until_ms + TAKEOVER_GRACE_MS
    return ClaimVerdict.TAKE_OVER if ended else ClaimVerdict.BUSY


def is_held_by(record: Execution, claim: Execution) -> bool:
    """Whether a claim still holds the execution; it may have been renewed since, or a cancel requested."""
    same = record.holder == claim.holder and record.attempt == claim.attempt
    return record.state is State.RUNNING and same
