"""Lists that are read from a store page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidewheel.ports import Page, Telemetry

T = TypeVar("T")
_PAGES = 10
"""The most pages of the store that one request reads: a thousand items, which take a second or two."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list.

    Args:
        items: At most as many as asked for.
        cursor: The position after which to go on, or None at the end.
        position: The position after an item: an answer that cannot hold them all goes on from there.
    """

    items: Sequence[T]
    cursor: str | None
    position: Callable[[T], str]


def filtered(
    fetch: Callable[[str | None], Page[T]],
    wanted: Callable[[T], bool],
    position: Callable[[T], str],
    limit: int,
    after: str | None,
    telemetry: Telemetry,
) -> Listed[T]:
    """The items of a list for which ``wanted`` holds, in the list's order.

    The page has ``limit`` items unless the list ends, or ``_PAGES`` pages of the store held too few: then it is
    shorter, and its cursor goes on.

    Args:
        fetch: Reads the page after a cursor.
        wanted: Whether an item is kept.
        position: The cursor that goes on after an item.
        limit: How many items at most.
        after: The cursor to go on from, or None to begin.
        telemetry: Told of items that cannot be read.
    """
    found: list[T] = []
    for _ in range(_PAGES):
        page = fetch(after)
        report_unreadable(page, telemetry)
        for item in page.items:
            if wanted(item):
                found.append(item)
            if len(found) == limit:
                last = page.cursor is None and item is page.items[-1]
                return Listed(found, None if last else position(item), position)
        if page.cursor is None:
            return Listed(found, None, position)
        after = page.cursor
    return Listed(found, after, position)


def report_unreadable(page: Page[Any], telemetry: Telemetry) -> None:
    """Counts and logs the items of a page that cannot be read; the others are listed all the same."""
    for error in page.unreadable:
        telemetry.count("record_unreadable")
        telemetry.error("a record cannot be read and was left out of a list", problem=str(error))
