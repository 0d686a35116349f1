"""The headers ``RateLimit-Policy`` and ``RateLimit``, as the IETF's draft-ietf-httpapi-ratelimit-headers-10 has them.

Each is a list of strings with parameters (RFC 9651). A policy's name is the name of the limit; its quota ``q`` and what
remains of it ``r`` count requests, or what else the limit limits; window ``w`` and reset ``t`` are whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

from tidewheel.domain.limits import SECOND_MS

POLICY = "RateLimit-Policy"
REMAINING = "RateLimit"
RETRY_AFTER = "Retry-After"


def rate_limit(
    name: str, quota: float, remaining: float, window_ms: int | None = None, wait_ms: int | None = None
) -> Mapping[str, str]:
    """Both headers, for one limit.

    Args:
        name: The limit's.
        quota: How much it allows in a window, or at all.
        remaining: How much of that is left.
        window_ms: The length (ms) of a window; None for a limit that does not count over time.
        wait_ms: The time (ms) until it is whole again; None likewise.
    """
    window = "" if window_ms is None else f";w={seconds(window_ms)}"
    reset = "" if wait_ms is None else f";t={seconds(wait_ms)}"
    return {
        POLICY: f'"{name}";q={floor(quota)}{window}',
        REMAINING: f'"{name}";r={max(0, floor(remaining))}{reset}',
    }


def seconds(duration_ms: int) -> int:
    """A duration (ms) in whole seconds, rounded up: after so long it is over."""
    return ceil(duration_ms / SECOND_MS)
