"""Lists that are read page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tidewheel.ports import Page, Telemetry

T = TypeVar("T")
_PAGES = 20
"""Pages that one request looks through."""


def filtered(
    fetch: Callable[[str | None], Page[T]],
    wanted: Callable[[T], bool],
    position: Callable[[T], str],
    limit: int,
    after: str | None,
    telemetry: Telemetry,
) -> Page[T]:
    """What ``wanted`` keeps of a list, in its order.

    As many as the limit, unless the list ends or so many others lie between that one request would take
    too long: then the page is shorter, and its cursor goes on.

    Args:
        fetch: Reads a page after a cursor.
        wanted: What is kept.
        position: The cursor that goes on after an item.
        limit: How many at most.
        after: Where to go on, or None to begin.
        telemetry: Told of what cannot be read.
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
    """What cannot be read hides nothing else of a list; someone should look at it."""
    for error in page.unreadable:
        telemetry.count("unreadable")
        telemetry.error("left out of a list", error=str(error))
