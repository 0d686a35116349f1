"""What a call consists of, apart from how it is carried: a flow of requests, pauses and readings of the clock.

Each method of the SDK is written once, as a generator that yields what it wants done. ``transport`` carries a flow over
a blocking or an asynchronous connection.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Send:
    """Sends a request; the flow gets the ``httpx.Response``, or an ``httpx.TransportError`` is raised in it."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Waits so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Reads the clocks; the flow gets a ``Moment``."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T_co]):
    """Hands the next item to whoever goes through a stream."""

    value: T_co


Step: TypeAlias = Send | Pause | Now
Flow: TypeAlias = Generator[Step, Any, T]
"""Ends with a value."""
Stream: TypeAlias = Generator[Step | Item[T], Any, None]
"""Gives items as it goes."""


class Page(Protocol[T_co]):
    """A page of a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """The items."""

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page; None after the last."""


def all_items(fetch: Callable[[str | None], Flow[Page[T]]]) -> Stream[T]:
    """Every item of a list; ``fetch`` reads the page of a cursor, and the first page for None."""
    cursor: str | None = None
    while True:
        page: Page[T] = yield from fetch(cursor)
        for item in page.items:
            yield Item(item)
        cursor = page.cursor
        if cursor is None:
            return
