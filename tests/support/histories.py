"""How many random histories the tests play, and which: as many as a quick machine plays, or as the same time allows."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

import pytest

from tests.support.machine import slowness

PROPERTY = "histories"
Record = Callable[[str, object], None]
"""pytest's ``record_property``."""
_LEAST = 8
_BEYOND = 100_000
_LONGER = 3


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


def until_nothing_is_missing(seeds: range, missing: Callable[[], Collection[object]]) -> Iterator[int]:
    """The seeds of a batch, and more while it has not met all that it must.

    What befalls a history follows from each random number that the engine draws, so that a change of the engine may
    move it out of a batch: that is no fault of the engine.

    Args:
        seeds: The batch.
        missing: What has not befallen what was played so far; the caller asserts in the end that it is empty.
    """
    yield from seeds
    for more in range(_LONGER * len(seeds)):
        if not missing():
            return
        yield _BEYOND + seeds.start * _LONGER + more


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
