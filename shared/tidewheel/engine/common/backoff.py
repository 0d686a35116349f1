"""Back-off: how long to wait before a call that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_RISE_MS = (400, 800, 1_600, 1_600, 1_600, 1_600, 3_200)
"""The longest delay (ms), by how many tries have failed before. It stays below 2 s for longer than a scheduler's term
outlasts an outage (``limits.LET_GO_MS``), so that within that time a store that comes back is asked again."""
_LONGEST_MS = 5_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays from 200 ms to 5 s that grow with the tries, drawn at random from the upper half of their range.

    Args:
        random: Spreads the tries of processes that failed at the same time; tests pass a seeded one.
    """

    random: Random

    def delay_ms(self, tries: int) -> int:
        """The delay (ms) after a failed try, given how many failed before it."""
        longest = _RISE_MS[tries] if tries < len(_RISE_MS) else _LONGEST_MS
        return self.random.randint(longest // 2, longest)
