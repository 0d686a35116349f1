"""An executor whose work waits until a test lets some of it run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any


class Later(Executor):
    """Keeps what is submitted, in order, until it is told to run some of it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn, /, *args, **kwargs):
        future: Future[Any] = Future()
        self.waiting.append((future, partial(fn, *args, **kwargs)))
        return future

    def run(self, count: int) -> None:
        """Runs up to so many of the oldest."""
        todo, self.waiting = self.waiting[:count], self.waiting[count:]
        for future, fn in todo:
            try:
                future.set_result(fn())
            except Exception as error:  # noqa: BLE001 - a future carries whatever was raised
                future.set_exception(error)
