"""Back-off: how long to wait before what failed outside is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_FIRST_MS = 400
_LONGEST_MS = 5_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from try to try, each drawn from the upper half of its range: from 200 ms to 5 s.

    Args:
        random: Spreads the tries of schedulers that failed together; theirs must differ, tests' are seeded.
    """

    random: Random

    def delay_ms(self, tries: int) -> int:
        """How long (ms) to wait after ``tries`` tries before this one, which failed as well."""
        longest = min(_LONGEST_MS, _FIRST_MS << min(tries, 10))
        return self.random.randint(longest // 2, longest)
