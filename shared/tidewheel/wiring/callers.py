"""The kinds of target that a worker can call, found where their adapters lie and made when they are first used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from tidewheel.adapters import targets
from tidewheel.adapters.aws import targets as aws_targets
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.discovery import modules_of
from tidewheel.ports import Caller

Make = Callable[[Surroundings], Caller]
"""Makes the caller of one kind."""


def found() -> Mapping[str, Make]:
    """How callers are made, by kind."""
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
    """The callers by kind. One is made when it is first asked for, once, from whichever thread."""

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
