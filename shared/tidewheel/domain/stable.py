"""A hash that is the same in every process, on every machine and in every release."""

from __future__ import annotations

from hashlib import blake2b


def stable_hash(*parts: str) -> int:
    """A number from 0 to 2**64 - 1 that depends on the parts alone (``hash()`` differs per process)."""
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")
