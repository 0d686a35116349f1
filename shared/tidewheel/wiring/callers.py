"""The callers of all kinds of target: found in the packages of adapters, and built when they are first used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from tidewheel.adapters import targets
from tidewheel.adapters.aws import targets as aws_targets
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.discovery import modules_of
from tidewheel.ports import Caller

Make = Callable[[Surroundings], Caller]
"""Builds the caller of one kind."""


def found() -> Mapping[str, Make]:
    """The functions that build callers, by kind.

    Raises:
        TypeError: Two adapters are of the same kind.
    """
    makers: dict[str, Make] = {}
    for package in (targets, aws_targets):
        for module in modules_of(package.__name__):
            kind = getattr(module, "KIND", None)  # helpers have none
            if kind in makers:
                raise TypeError(f"two adapters are of the kind {kind}")
            if kind is not None:
                makers[kind] = module.make
    return makers


class Callers(Mapping[str, Caller]):
    """The callers by kind. Each is built once, when it is first used. Thread-safe.

    Args:
        surroundings: What callers are built with.
        makers: The functions that build them, by kind.
    """

    def __init__(self, surroundings: Surroundings, makers: Mapping[str, Make]) -> None:
        self.surroundings = surroundings
        self._makers = makers
        self._made: dict[str, Caller] = {}
        self._lock = threading.Lock()

    def __getitem__(self, kind: str) -> Caller:
        """The caller of a kind.

        Raises:
            KeyError: There is none.
        """
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._makers[kind](self.surroundings)
            return self._made[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
