"""Lists that are read from a store page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tidewheel.ports import Page, Telemetry

T = TypeVar("T")
_PAGES = 20
"""The most pages of the store that one request reads."""


def filtered(
    fetch: Callable[[str | None], Page[T]],
    wanted: Callable[[T], bool],
    position: Callable[[T], str],
    limit: int,
    after: str | None,
    telemetry: Telemetry,
) -> Page[T]:
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
                return Page(found, None if last else position(item))
        if page.cursor is None:
            return Page(found)
        after = page.cursor
    return Page(found, after)


def report_unreadable(page: Page[Any], telemetry: Telemetry) -> None:
    """Counts and logs the items of a page that cannot be read; the others are listed all the same."""
    for error in page.unreadable:
        telemetry.count("record_unreadable")
        telemetry.error("a record cannot be read and was left out of a list", problem=str(error))
