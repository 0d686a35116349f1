"""Waits for an execution to end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from tidewheel.client.calls.executions import execution
from tidewheel.client.errors import ApiError, WaitTimedOut
from tidewheel.client.flow import Flow, Now, Pause
from tidewheel.client.moment import Moment
from tidewheel.client.sending import BUSY
from tidewheel.domain.executions.states import State, is_end
from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.bodies.job import Occurrence

FIRST_S = 0.1
GROWTH = 1.5
LONGEST_S = 5.0
FAR_S = 60.0
"""The longest pause before an occurrence is due: this machine's clock may be wrong."""
APPEARS_S = 60.0
"""How long after its due time an occurrence may have no record yet: its run waits for a worker."""
_NOT_THERE = 404
_NO_ANSWER = 0


def _paces() -> Iterator[float]:
    """The times from one look to the next (s): they grow, and vary by half, so that waiting callers spread."""
    pace_s = FIRST_S
    while True:
        yield pace_s * (0.75 + secrets.SystemRandom().random() / 2)
        pace_s = min(LONGEST_S, pace_s * GROWTH)


def wait(what: str | ExecutionAnswer | Occurrence, *, timeout: float | None = None) -> Flow[ExecutionAnswer]:
    """Waits until an execution has ended, however it ended, and returns it.

    It is looked at again and again, at most every 0.1 s at first and every 5 s later, counted from one request to the
    next. What the service asks for (``Retry-After``) is obeyed. Once there was an answer, a service that cannot be
    reached is asked again until the time is over.

    Args:
        what: The execution or its id; or an occurrence to come, as ``upcoming`` gives it.
        timeout: How long to wait (s); None for as long as it takes.

    Raises:
        WaitTimedOut: It had not ended by then.
        ApiError: It cannot be read: there is no such execution, or the service does not answer.
    """
    id = what if isinstance(what, str) else what.execution if isinstance(what, Occurrence) else what.id
    due_s = what.due_at.timestamp() if isinstance(what, Occurrence) else None
    seen: ExecutionAnswer | None = None
    started: Moment = yield Now()
    for pace_s in _paces():
        asked: Moment = yield Now()
        until_due_s = -APPEARS_S if due_s is None else due_s - asked.wall_s
        wait_s = min(until_due_s, FAR_S)
        if until_due_s <= 0:
            wait_s = pace_s
            try:
                seen = yield from execution(id)
            except ApiError as error:
                if not (
                    (error.status == _NOT_THERE and until_due_s > -APPEARS_S)
                    or (seen and error.status in {_NO_ANSWER, *BUSY})
                ):
                    raise
                wait_s = max(pace_s, error.retry_after_s or 0.0)
            else:
                if is_end(State(seen.state)):
                    return seen
        now: Moment = yield Now()
        left_s = None if timeout is None else started.steady_s + timeout - now.steady_s
        if left_s is not None and left_s <= 0:
            break
        wait_s -= now.steady_s - asked.steady_s
        yield Pause(max(0.0, wait_s if left_s is None else min(wait_s, left_s)))
    raise WaitTimedOut(id, seen)
