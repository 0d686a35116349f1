"""Back-off: how long to wait before a call that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_FIRST_MS = 400
_LONGEST_MS = 5_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays from 200 ms to 5 s that double with each try, drawn at random from the upper half of their range.

    Args:
        random: Spreads the tries of processes that failed at the same time; tests pass a seeded one.
    """

    random: Random

    def delay_ms(self, tries: int) -> int:
        """The delay (ms) after a failed try, given how many failed before it."""
        longest = min(_LONGEST_MS, _FIRST_MS << min(tries, 10))
        return self.random.randint(longest // 2, longest)
