"""A clock for what pauses between its tries."""

from __future__ import annotations

from tidewheel.adapters.memory import SettableClock


class Pauses(SettableClock):
    """Keeps the pauses between tries; none is waited for, but time goes on."""

    def __init__(self) -> None:
        super().__init__(0)
        self.taken: list[int] = []

    def sleep(self, duration_ms: int) -> None:
        super().sleep(duration_ms)
        self.taken.append(duration_ms)
