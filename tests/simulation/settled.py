"""Whether all that was due in a history has happened, by what its stores show: then the rest need not be played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewheel.domain.executions.states import is_end
from tidewheel.domain.fleet.lease import Holding
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.wheel.levels import RINGS, late

if TYPE_CHECKING:
    from tests.simulation.history import History

MAX_JITTER_MS = 20_000
MAX_WINDOW_MS = 90_000
"""How long after its nominal time an instant of a history may be due, by each."""


def is_settled(history: History, spread_ms: int = MAX_JITTER_MS + MAX_WINDOW_MS) -> bool:
    """Whether every slot that could hold what was named is passed by its cursor, and all that was sent has ended.

    Args:
        history: What is being played.
        spread_ms: How long after its nominal time an instant of it may be due.
    """
    stack, last_ms = history.stack, history.end_ms + spread_ms
    layout = stack.control.layout()
    if stack.clock.now_ms() < last_ms or layout is None:
        return False
    holdings = [stack.control.holding(shard) for shard in range(layout.numbers)]
    return (
        all(holding and _is_past(holding, last_ms) for holding in holdings)
        and not any(stack.queue.depth(route) for route in ROUTES)
        and not any(stack.world.singles[late(shard)] for shard in range(layout.numbers))
        and all(is_end(execution.state) for execution in stack.world.executions.values())
    )


def _is_past(holding: Holding, due_ms: int) -> bool:
    return all(holding.cursors.get(ring.level, 0) > ring.start_of(due_ms) for ring in RINGS)
