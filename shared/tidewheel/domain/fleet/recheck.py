"""When an execution that waits for something is checked again, if what it waits for has no time of its own."""

from __future__ import annotations

from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import SECOND_MS


def recheck_ms(execution: str, since_ms: int, now_ms: int, longest_ms: int) -> int:
    """When (ms since the epoch) a waiting execution is checked again.

    In 2 to 4 s at first, and the later the longer it has waited, up to ``longest_ms``: six times in the first half
    minute. The times lie on a grid that is offset by the execution's id, so that several messages of one execution
    choose the same time, and several executions different ones.

    Args:
        execution: Its id.
        since_ms: Since when it waits (ms since the epoch).
        now_ms: The time (ms since the epoch).
        longest_ms: The longest step (ms).
    """
    step_ms = 2 * SECOND_MS
    while step_ms < longest_ms // 2 and 4 * step_ms <= now_ms - since_ms:
        step_ms = min(2 * step_ms, longest_ms // 2)
    offset_ms = stable_hash(execution) % step_ms
    return (now_ms - offset_ms) // step_ms * step_ms + offset_ms + 2 * step_ms
