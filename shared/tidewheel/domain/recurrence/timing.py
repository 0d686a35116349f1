"""What a kind of schedule is: a ``Timing`` names instants, and says how they are searched, counted and stored.

All times are ints: milliseconds since the Unix epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.limits import COUNTED_MOST
from tidewheel.domain.recurrence.zones import HORIZON_S

HORIZON_MS = HORIZON_S * 1000
"""The first instant (ms) that no schedule reaches."""


class Timing(ABC):
    """The base of the classes in ``timings``, each of which is one kind of schedule.

    ``last_before`` and ``count_between`` work for any kind, by way of ``next_after``; a kind that can do it by
    arithmetic overrides them.
    """

    __slots__ = ()

    FIELDS: ClassVar[frozenset[str]]
    """The fields of its document. They tell the kinds apart, so no two kinds have the same."""

    @abstractmethod
    def next_after(self, after_ms: int) -> int | None:
        """The first instant (ms) strictly after ``after_ms`` and before the horizon, or None."""

    @abstractmethod
    def to_document(self) -> dict[str, object]:
        """Its document: strings and ints, by the names in ``FIELDS``."""

    @classmethod
    @abstractmethod
    def from_document(cls, document: Mapping[str, object]) -> Self:
        """The timing that ``to_document`` wrote.

        Args:
            document: Has the fields in ``FIELDS``, and perhaps others.

        Raises:
            Unreadable: For anything that ``to_document`` could not have written.
        """

    @abstractmethod
    def none_left(self) -> Invalid:
        """Why a schedule is refused that names no instant any more, on the field that is to be changed."""

    def check_new(self, now_ms: int) -> None:  # noqa: B027 -- most kinds refuse nothing
        """Refuses what may be stored, but not defined at ``now_ms``: an edit that keeps the timing is not checked.

        Raises:
            Invalid: On the field that is to be changed.
        """

    def holds_from(self, defined_ms: int) -> int:
        """The earliest instant (ms) that may fire where a definition at ``defined_ms`` names it: that very moment."""
        return defined_ms

    @property
    def repeats(self) -> bool:
        """Whether it may name more than one instant."""
        return True

    @property
    def last_ms(self) -> int | None:
        """The last instant (ms) that it names, where that is known without a search; else None."""
        return None

    def last_before(self, bound_ms: int, known_ms: int) -> int:
        """The last instant (ms) before ``bound_ms``, given one that is: ``known_ms``.

        Goes back from the bound by ever longer steps until an instant follows, then halves what is left: a month of
        seconds takes some forty calls of ``next_after``.
        """
        found = self.next_after(known_ms)
        if found is None or found >= bound_ms:
            return known_ms
        low, step = found, found - known_ms
        while (found := self.next_after(max(low, bound_ms - step) - 1)) is None or found >= bound_ms:
            step *= 2  # nothing in the last ``step`` ms
        return self._last_in(found, bound_ms)

    def _last_in(self, low: int, high: int) -> int:
        """The last instant in [low, high), ``low`` being one; halves the range until nothing follows."""
        while (following := self.next_after(low)) is not None and following < high:
            middle = (following + high) // 2
            found = self.next_after(middle - 1)
            if found is None or found >= high:
                low, high = following, middle
            else:
                low = found
        return low

    def count_between(self, from_ms: int, until_ms: int) -> int | None:
        """How many instants it names in [from, until], both of which it names.

        Walks from one to the next: None if they are more than ``limits.COUNTED_MOST``.
        """
        count, instant = 1, self.next_after(from_ms)
        while instant is not None and instant <= until_ms:
            count, instant = count + 1, self.next_after(instant)
            if count > COUNTED_MOST:
                return None
        return count


def reached(instant_ms: int, *, field: str) -> int:
    """The instant (ms), if schedules reach it.

    Raises:
        Invalid: On ``field``, for one outside 1970 to 2999.
    """
    if not 0 <= instant_ms < HORIZON_MS:
        raise Invalid(field, f"{instant_ms} ms since 1970 is out of reach", "use an instant from 1970 to 2999")
    return instant_ms


def stored_int(document: Mapping[str, object], name: str, least: int | None = None) -> int:
    """A whole number in a stored document.

    Raises:
        Unreadable: It is none, or less than ``least``.
    """
    value = document[name]
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        raise unreadable(document, f"{name} is {value!r}")
    return value


def unreadable(document: Mapping[str, object], problem: str) -> Unreadable:
    """What is raised for a stored schedule that cannot be read, with the problem as a sentence without a full stop."""
    return Unreadable("schedule", repr(dict(document))[:80], problem)
