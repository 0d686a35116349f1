"""The system's clock and randomness: the one place that reads them."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """The wall clock of this machine and its monotonic clock."""

    def now_ms(self) -> int:
        """Ms since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Ms of arbitrary origin that never go back."""
        return time.monotonic_ns() // 1_000_000

    def sleep_until(self, instant_ms: int) -> None:
        """Returns once ``now_ms() >= instant_ms``."""
        while (left := instant_ms - self.now_ms()) > 0:
            time.sleep(left / 1_000)

    def sleep(self, duration_ms: int) -> None:
        """Returns after ``duration_ms``."""
        time.sleep(duration_ms / 1_000)


class SystemEntropy:
    """The operating system's randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
        return secrets.token_bytes(count)
