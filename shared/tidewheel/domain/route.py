"""Where work waits for a worker: one queue per pool and priority."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PRIORITIES = ("critical", "high", "normal", "low")
LAMBDA_POOL = "lambda"
FARGATE_POOL = "fargate"
POOLS = (LAMBDA_POOL, FARGATE_POOL)
"""The pools of every deployment; it may have others besides."""
POOL_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
"""What a pool's name looks like."""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A pool and a priority; ``str`` is its name in settings and queue names."""

    pool: str
    priority: str

    def __str__(self) -> str:
        return f"{self.pool}-{self.priority}"

    @classmethod
    def parse(cls, text: str) -> Route:
        """The inverse of ``str``; the priority never holds a dash.

        Raises:
            ValueError: The text has no dash.
        """
        pool, dash, priority = text.rpartition("-")
        if not dash:
            raise ValueError(f"{text!r} is not <pool>-<priority>")
        return cls(pool, priority)


def routes_of(pools: Iterable[str]) -> tuple[Route, ...]:
    """The routes of some pools, critical first in each."""
    return tuple(Route(pool, priority) for pool in pools for priority in PRIORITIES)


ROUTES = routes_of(POOLS)
"""Those of the pools that every deployment has."""
