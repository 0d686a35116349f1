"""Routes: the queue by which work reaches a worker, one for each pool and priority."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidewheel.domain.limits import PROMOTED_EVERY_MS

PRIORITIES = ("critical", "high", "normal", "low")
LOWEST = "low"
"""The priority that waits while the deployment is busy."""
LAMBDA_POOL = "lambda"
FARGATE_POOL = "fargate"
POOLS = (LAMBDA_POOL, FARGATE_POOL)
"""The pools of every deployment; it may have others besides."""
POOL_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
"""What a pool's name looks like."""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A pool and a priority; its ``str`` is used in settings and queue names."""

    pool: str
    priority: str

    def __str__(self) -> str:
        return f"{self.pool}-{self.priority}"

    @property
    def waits(self) -> bool:
        """Whether its work waits while the deployment is busy."""
        return self.priority == LOWEST

    @classmethod
    def parse(cls, text: str) -> Route:
        """The inverse of ``str``; a priority has no dash.

        Raises:
            ValueError: The text has no dash.
        """
        pool, dash, priority = text.rpartition("-")
        if not dash:
            raise ValueError(f"{text!r} is not <pool>-<priority>")
        return cls(pool, priority)


def routes_of(pools: Iterable[str]) -> tuple[Route, ...]:
    """The routes of some pools, of each the critical one first."""
    return tuple(Route(pool, priority) for pool in pools for priority in PRIORITIES)


ROUTES = routes_of(POOLS)
"""The routes of the pools that every deployment has."""

_LADDER = ("low", "normal", "high")
"""The priorities that late work climbs. None climbs to ``critical``, which no backlog may starve."""


ANY_ROUTE = Route("lambda", "normal")
"""The route for a message whose job was deleted: a worker of any route ends its execution."""


def ladder(route: Route) -> tuple[Route, ...]:
    """The routes by which work of a route may be sent: its own, and those to which it is promoted when it is late."""
    if route.priority not in _LADDER:
        return (route,)
    return tuple(replace(route, priority=priority) for priority in _LADDER[_LADDER.index(route.priority) :])


def promoted(route: Route, lateness_ms: int) -> Route:
    """The route for work that is late by ``lateness_ms``: one priority higher for each ``limits.PROMOTED_EVERY_MS``."""
    if lateness_ms < PROMOTED_EVERY_MS:
        return route
    steps = ladder(route)
    return steps[min(lateness_ms // PROMOTED_EVERY_MS, len(steps) - 1)]
