"""Whether a history owes nothing any more, by what its stores show; so that the rest of it need not be played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewheel.domain.execution import is_end
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.route import ROUTES
from tidewheel.domain.wheel import RINGS

if TYPE_CHECKING:
    from tests.simulation.history import History


def is_settled(history: History) -> bool:
    """Whether every cursor is past all that was named, with its spread, and all that was sent has ended."""
    stack, past_ms = history.stack, history.end_ms + 2 * MINUTE_MS
    if stack.clock.now_ms() < past_ms or not history.executor.idle:
        return False
    layout = stack.control.layout()
    holdings = [stack.control.holding(shard) for shard in range(layout.numbers if layout else 0)]
    return (
        all(
            holding and holding.cursors.get(ring.level, 0) >= ring.start_of(past_ms)
            for holding in holdings
            for ring in RINGS
        )
        and not any(stack.queue.depth(route) for route in ROUTES)
        and not any(stack.world.singles.values())
        and all(is_end(execution.state) for execution in stack.world.executions.values())
    )
