"""Counting by leased tokens. Pure.

A process that is about to let something pass takes a token of the window's. It leases several by one conditional write
to the window's counter and spends them in memory, so that most of what passes costs no request. The counter never goes
beyond the limit, so the limit is hard: what passes is at most what was leased. What a process leased and did not spend
when it died, froze, or the window ended is lost to that window, and passed nowhere else. A process therefore leases as
many as it has just shown to need: one at first, twice as many each time the last ones were used up quickly, and never
more than a small share of the limit, nor of what is left of it.

Once a process has heard that a window is used up, it asks no more until the window ends, or the limit changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.quotas.limit import Limit, Window

QUICKLY_MS: Final = 20 * SECOND_MS
"""Tokens that last for less than this were too few: the next lease is twice as large."""
SHARE: Final = 100
"""A lease is at most this part of a limit, 1 %: so much at most is lost to a window with each process that dies."""
LEFT_SHARE: Final = 16
"""A lease is at most this part of what is left of the window, so that the last tokens go to who needs them."""
REQUEST_SHARE: Final = 20
REQUESTS_AT_LEAST: Final = 5
REQUEST_LEFT_SHARE: Final = 4
"""Of requests, 5 % of a window, up to ``REQUESTS_AT_LEAST``, is leased at once where 1 % is less, and a quarter of
what is left: their windows are short, and at fewer than three tokens a lease the counting of a million requests would
cost more than 0.25 dollars."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a counter answered.

    Args:
        granted: How many tokens were leased, 0 if none was left.
        used: How many of the window were leased by all processes, these included.
    """

    granted: int
    used: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a process has of a window.

    Args:
        window: The window.
        total: How many tokens the window has.
        left: How many this process may still spend.
        size: How many it asked for last.
        leased_ms: When that was (ms since the epoch).
        used: How many were leased by all processes then.
        is_out: Whether none was left then.
    """

    window: Window
    total: int
    left: int
    size: int
    leased_ms: int
    used: int
    is_out: bool

    def is_of(self, window: Window, total: int) -> bool:
        """Whether it is of a window, with the limit that is in force."""
        return self.window == window and self.total == total

    def with_one_less(self) -> Allowance:
        """With one token less; there must be one."""
        assert self.left
        return replace(self, left=self.left - 1)

    def given_back(self) -> Allowance:
        """With one token more, that was spent for what then did not happen."""
        return replace(self, left=self.left + 1)


def lease_size(before: Allowance | None, window: Window, total: int, now_ms: int) -> int:
    """How many tokens to lease, one or more.

    Args:
        before: What the process had last, of this window or one before; None at first.
        window: The window.
        total: How many tokens the window has.
        now_ms: The time (ms since the epoch).
    """
    wanted, left = 1, total
    if before is not None:
        quick = now_ms - before.leased_ms < QUICKLY_MS
        wanted = before.size * 2 if quick else before.size // 2
        left = total - before.used if before.window == window else total
    if window.limit is Limit.REQUESTS_PER_SECOND:
        most = max(total // SHARE, min(REQUESTS_AT_LEAST, total // REQUEST_SHARE))
        return max(1, min(wanted, most, left // REQUEST_LEFT_SHARE))
    return max(1, min(wanted, total // SHARE, left // LEFT_SHARE))


def allowance_after(
    before: Allowance | None, taken: Taken, size: int, window: Window, total: int, now_ms: int
) -> Allowance:
    """What a process has after a counter's answer.

    Args:
        before: What it had; tokens of the same window are kept, even if the limit has changed since.
        taken: The answer.
        size: How many were asked for.
        window: The window.
        total: How many tokens the window has.
        now_ms: When it was asked (ms since the epoch).
    """
    kept = before.left if before is not None and before.window == window else 0
    return Allowance(window, total, kept + taken.granted, size, now_ms, taken.used, is_out=not taken.granted)
