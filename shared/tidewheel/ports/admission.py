"""What limits how often targets are called: circuits and permits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.permit import Permit
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

    def all(self, tenant: str) -> Sequence[Permit]:
        """Every permit that was ever taken for a tenant, by number, possibly some seconds old."""

    def take(self, permit: Permit, now_ms: int) -> bool:
        """Writes a permit if its holder has it already, if nobody has it, or if its lease is over by ``now_ms``.

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
