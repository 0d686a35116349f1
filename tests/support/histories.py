"""How many random histories the tests play, and which: as many as a quick machine plays, or as the same time allows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.support.machine import slowness

PROPERTY = "histories"
Record = Callable[[str, object], None]
"""pytest's ``record_property``."""
_LEAST = 8


def how_many(variable: str, full: int, batch: int) -> int:
    """The number of histories.

    Args:
        variable: Of the environment; it says how many, whatever the machine.
        full: On a quick machine; on a slower one as many fewer, an eighth of it at the least.
        batch: The number is a multiple of it, since each batch must have met every fault.
    """
    told = os.environ.get(variable)
    if told:
        return int(told)
    return max(int(full / min(slowness(), _LEAST)) // batch, 1) * batch


def told(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """A line for each kind of histories that was played: how many, with which seeds."""
    played: dict[str, list[int]] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == PROPERTY:
                kind, *ends = value
                played.setdefault(kind, []).extend(range(*ends))
    for kind, seeds in sorted(played.items()):
        yield f"{kind}: {len(seeds)} histories, seeds {min(seeds)} to {max(seeds)}"
