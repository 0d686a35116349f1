"""Goes through a list page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Page(Protocol[T_co]):
    """A page of a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """The items."""

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page; None after the last."""


def all_items(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Every item of a list; ``fetch`` reads the page of a cursor, and the first page for None."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
