"""Counts that are added up until they are written, so that a hot loop writes little."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Counts:
    """What was counted since it was last taken, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, name: str, value: int, dimensions: Mapping[str, str]) -> None:
        """Adds to a name with its dimensions."""
        with self._lock:
            self._sums[name, tuple(sorted(dimensions.items()))] += value

    def take(self) -> list[tuple[str, Mapping[str, str], int]]:
        """The sums, by name and dimensions; from here on they count from nought."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        return [(name, dict(dimensions), value) for (name, dimensions), value in sums.items()]
