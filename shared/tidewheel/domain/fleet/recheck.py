"""When an execution looks again that waits for something without a time of its own."""

from __future__ import annotations

from tidewheel.domain.ids import stable_hash
from tidewheel.domain.limits import SECOND_MS


def recheck_ms(execution: str, since_ms: int, now_ms: int, longest_ms: int) -> int:
    """When (ms) an execution looks again that waits for something without a time of its own.

    In 2 to 4 s at first, and the later the longer it has waited, up to ``longest_ms``: six times in the first half
    minute. Times lie on a grid of the execution's own, so that its messages, should there be several, come to the
    same one, and other executions to other ones.
    """
    step_ms = 2 * SECOND_MS
    while step_ms < longest_ms // 2 and 4 * step_ms <= now_ms - since_ms:
        step_ms = min(2 * step_ms, longest_ms // 2)
    place_ms = stable_hash(execution) % step_ms
    return (now_ms - place_ms) // step_ms * step_ms + place_ms + 2 * step_ms
