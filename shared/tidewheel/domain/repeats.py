"""What is remembered of a request that carried an idempotency key. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.limits import KEY_RETENTION_MS


@dataclass(frozen=True, slots=True)
class Remembered:
    """A request under an idempotency key, kept for ``limits.KEY_RETENTION_MS``.

    Args:
        tenant: Whose it was.
        name: What tells it from others of the tenant: the operation, what its path named, and the key.
        digest: Of its body; it tells a repeat from another use of the key.
        expires_ms: Until when it counts (ms since the epoch).
        plan: What a request that takes several writes set out to do, before the first of them; else empty.
        result: What a repeat needs to answer, such as the id of a job; empty until the request was fulfilled.
    """

    tenant: str
    name: str
    digest: str
    expires_ms: int
    plan: str = ""
    result: str = ""

    @classmethod
    def started(cls, tenant: str, name: str, digest: str, now_ms: int, plan: str = "") -> Remembered:
        """A request that begins now (ms since the epoch)."""
        return cls(tenant, name, digest, now_ms + KEY_RETENTION_MS, plan)

    def fulfilled(self, result: str) -> Remembered:
        """The same once it was fulfilled."""
        return replace(self, result=result)

    def counts(self, now_ms: int) -> bool:
        """Whether its time (ms since the epoch) is not over; a store may keep it for longer."""
        return now_ms < self.expires_ms
