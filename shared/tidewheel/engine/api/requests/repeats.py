"""Repeats of a request under its idempotency key: they have no further effect."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.errors import KeyReused
from tidewheel.domain.repeats import Remembered
from tidewheel.ports import Clock, Requests


@dataclass(frozen=True, slots=True)
class Repeats:
    """Remembers what requests under idempotency keys came to. Every method raises ``PortError`` when the store fails.

    A process may die after an effect and before it is remembered. Then a repeat has the effect again, so that what is
    done under a key must be safe to repeat by itself, as long as nobody else has changed anything in between.

    Args:
        requests: The store.
        clock: Time.
    """

    requests: Requests
    clock: Clock

    def found(self, tenant: str, name: str, digest: str) -> Remembered | None:
        """The request that this one repeats, fulfilled or not; None if there is none.

        Args:
            tenant: Whose.
            name: What tells it from others: the operation, what its path names, and the key.
            digest: Of its body.

        Raises:
            KeyReused: The key was used with another body.
        """
        before = self.requests.get(tenant, name, self.clock.now_ms())
        return None if before is None else _same(before, digest)

    def begin(self, tenant: str, name: str, digest: str, plan: str) -> Remembered:
        """Remembers what a request sets out to do, before its first write; returns what stands, which may be another's.

        Raises:
            KeyReused: The key was used with another body meanwhile.
        """
        now_ms = self.clock.now_ms()
        new = Remembered.started(tenant, name, digest, now_ms, plan)
        return _same(self.requests.begin(new, now_ms) or new, digest)

    def fulfil(self, tenant: str, name: str, digest: str, result: str) -> None:
        """Remembers a request that was fulfilled by one write.

        Raises:
            KeyReused: The key was used with another body meanwhile.
        """
        now_ms = self.clock.now_ms()
        new = Remembered.started(tenant, name, digest, now_ms).fulfilled(result)
        _same(self.requests.begin(new, now_ms) or new, digest)

    def fulfil_planned(self, started: Remembered, result: str) -> None:
        """Remembers the result of a request that began with a plan."""
        self.requests.fulfil(started.fulfilled(result))


def _same(before: Remembered, digest: str) -> Remembered:
    if before.digest != digest:
        raise KeyReused(before.digest, digest)
    return before
