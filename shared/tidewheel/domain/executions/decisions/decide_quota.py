"""Decides whether an execution is within its tenant's quota.

An execution is counted once, when its first attempt starts; retries are not. It is asked for before the job's overlap
lock, the circuit and a permit, so that one that is blocked ends nobody else's run and holds nothing: a run that waits
for one of them gives its token back, and asks again when it returns.
"""

from __future__ import annotations

from tidewheel.domain.executions.decisions.facts import UNREAD, Facts
from tidewheel.domain.executions.decisions.steps import End, Fact, Read, Step
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun


def decide_quota(facts: Facts, now_ms: int) -> Step | None:
    """The next step; None if the execution was counted already, or has its tokens.

    A dead letter that was redriven ends as dead again, so that it can be redriven when the limit is whole.

    Args:
        facts: What is known.
        now_ms: The time (ms since the epoch).
    """
    before = facts.before
    if before.state is not State.QUEUED:
        return None
    if facts.quota is UNREAD:
        return Read(Fact.QUOTA)
    if facts.quota is None:
        return None
    state = State.BLOCKED if before.redriven_ms is None else State.DEAD
    return End(ended_unrun(before, state, facts.quota.reason, now_ms))
