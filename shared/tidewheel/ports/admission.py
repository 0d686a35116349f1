"""What limits how often targets are called: circuits, permits, and the lines of those who wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.ports.records import Page


class Circuits(Protocol):
    """The circuits of the parties that jobs call."""

    def get(self, tenant: str, party: str) -> Circuit | None:
        """A party's circuit, possibly some seconds old; None if no call of it failed lately."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[Circuit]:
        """A tenant's circuits with keys above ``after``, by key, possibly some seconds old."""

    def swap(self, new: Circuit) -> Circuit | None:
        """Writes ``new`` if the stored version is one below its own (0: if none is stored).

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the circuit that is stored.

        Raises:
            Fenced: No circuit is stored although one was expected.
        """


class Permits(Protocol):
    """The permits of tenants whose concurrency is limited: who holds one may run one execution."""

    def all(self, tenant: str, first: int = 0) -> Sequence[Permit]:
        """Every permit from number ``first`` on that was ever taken for a tenant, by number, strongly consistent."""

    def take(self, permit: Permit, now_ms: int, replaced: str = "") -> bool:
        """Writes a permit if its holder has it already, if nobody has it, or if its lease is over by ``now_ms``.

        Args:
            permit: The permit.
            now_ms: The time (ms since the epoch).
            replaced: The holder who has no use for it any more, by ``permit.is_void``; empty if there is none. It is
                written if that one has it, too.

        Returns:
            Whether it was written; if not, another holder has it.
        """

    def hold(self, permit: Permit) -> bool:
        """Extends the lease of a permit, if its holder still has it.

        Returns:
            Whether it was extended; if not, another holder has it.
        """

    def leave(self, permit: Permit) -> None:
        """Frees a permit, if its holder still has it."""


class PermitLines(Protocol):
    """The lines of the executions that wait for a permit, and which tenants have one."""

    def head(self, tenant: str, limit: int) -> Sequence[LineEntry]:
        """The first entries of a tenant's line, in order, strongly consistent."""

    def join(self, entry: LineEntry) -> None:
        """Writes an entry; an equal one is overwritten."""

    def leave(self, entry: LineEntry) -> None:
        """Removes an entry, if its mark is still the one that was read."""

    def announce(self, announced: Announced) -> None:
        """Writes that a tenant's line may have somebody in it; that is overwritten."""

    def announced(self) -> Sequence[Announced]:
        """The tenants whose lines may have somebody in them, strongly consistent."""

    def forget(self, announced: Announced) -> None:
        """Removes a tenant from those, if its mark is still the one that was read."""
