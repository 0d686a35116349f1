"""Whether a message may claim its execution, and whether a claim still stands."""

from __future__ import annotations

from enum import StrEnum

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.limits import (
    TAKEOVER_GRACE_MS,
)


class ClaimVerdict(StrEnum):
    """What a message's attempt finds in the record."""

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
    """Whether a record is still under a claim: it may have been renewed, or asked to end, since."""
    same = record.holder == claim.holder and record.attempt == claim.attempt
    return record.state is State.RUNNING and same
