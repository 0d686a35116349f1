"""The counters of tenants' limits, and the tallies of what they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidewheel.domain.quotas.limit import Window
from tidewheel.domain.quotas.tally import Tally
from tidewheel.domain.quotas.tokens import Taken


class Counters(Protocol):
    """One counter for each tenant and window of a limit. It vanishes some time after its window."""

    def take(self, tenant: str, window: Window, amount: int, total: int) -> Taken:
        """Leases tokens of a window: as many as asked for, or those that are left, by one write that is all or nothing.

        Repeating a call whose answer was lost may lease twice: the tokens of the first are spent by nobody.

        Args:
            tenant: Whose.
            window: The window.
            amount: How many, 1 or more.
            total: How many tokens the window has. The counter never goes beyond it.

        Raises:
            PortError: The store failed; tokens may have been leased, which nobody then spends.
        """

    def used(self, tenant: str, windows: Sequence[Window]) -> Mapping[Window, int]:
        """How many tokens of each window were leased; strongly consistent."""


class Tallies(Protocol):
    """The count of active jobs of each tenant that has a limit of them. Writes of jobs change it: see ``Jobs``."""

    def get(self, tenant: str) -> Tally | None:
        """A tenant's tally, strongly consistent; None if its jobs were never counted."""

    def swap(self, new: Tally) -> Tally | None:
        """Writes ``new`` if the stored version is one below its own (0: if none is stored).

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the tally that is stored.

        Raises:
            Fenced: No tally is stored although one was expected.
        """
