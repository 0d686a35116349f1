"""Which files have been saved: told by looking at them again and again.

Looking works on every file system, those of containers and of the network included, and needs no library. It costs
less than 1 ms for the few hundred files that matter; paths stay text until a file has changed, or it would cost twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

LOOK_MS = 100
"""How often one looks."""
QUIET_MS = 90
"""How long nothing may change until a save counts as complete: editors write more than once, and git many files."""

State = tuple[int, int, int]
"""When a file was modified (ns), its size, and its number in the file system: another one when it was replaced."""

Snapshot = Mapping[str, State]
"""By the path of the file."""


def snapshot(places: Iterable[Path]) -> Snapshot:
    """The state of these files, and of all below these folders that could be shipped. What is not there is left out."""
    found: dict[str, State] = {}
    for place in places:
        found.update(_below(str(place)) if place.is_dir() else _of(str(place)))
    return found


def _of(file: str) -> Iterator[tuple[str, State]]:
    try:
        status = os.stat(file)  # noqa: PTH116 - a Path for each file at each look doubles the cost of looking
    except FileNotFoundError:
        return
    yield file, (status.st_mtime_ns, status.st_size, status.st_ino)


def _below(folder: str) -> Iterator[tuple[str, State]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:  # it went while we looked
        return
    for entry in entries:
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir():
            yield from _below(entry.path)
        elif not entry.name.endswith(".pyc"):
            yield from _of(entry.path)


def changed(before: Snapshot, after: Snapshot) -> frozenset[Path]:
    """The files that are new, gone or different."""
    return frozenset(Path(path) for path in {*before, *after} if before.get(path) != after.get(path))


class Settling:
    """Tells what was saved, once it has been still for a moment.

    Args:
        first: What is known already.
        quiet_ms: The moment.
    """

    def __init__(self, first: Snapshot, quiet_ms: int = QUIET_MS) -> None:
        self._known = self._latest = first
        self._quiet_ms = quiet_ms
        self._moved_ms = 0
        self._began_ms: int | None = None

    def see(self, now: Snapshot, at_ms: int) -> tuple[frozenset[Path], int]:
        """Takes in what one look has found.

        Args:
            now: The snapshot.
            at_ms: When it was taken, on a clock that never goes back.

        Returns:
            The files that were saved since this last told any, or none as long as they may still be written; and
            when the first of them was seen to change, ms.
        """
        if now != self._latest:
            self._latest, self._moved_ms = now, at_ms
            self._began_ms = at_ms if self._began_ms is None else self._began_ms
            return frozenset(), at_ms
        if self._began_ms is None or at_ms - self._moved_ms < self._quiet_ms:
            return frozenset(), at_ms
        found, began_ms = changed(self._known, now), self._began_ms
        self._known, self._began_ms = now, None
        return found, began_ms
