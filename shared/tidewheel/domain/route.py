"""Where work waits for a worker: one queue per pool and priority."""

from __future__ import annotations

from dataclasses import dataclass

PRIORITIES = ("critical", "high", "normal", "low")
POOLS = ("lambda",)


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


ROUTES = tuple(Route(pool, priority) for pool in POOLS for priority in PRIORITIES)
