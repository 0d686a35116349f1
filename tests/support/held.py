"""Requests of a client that wait until they are let go, and an account of what was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Held:
    """The first request of an operation waits; those that come later do not.

    Attributes:
        sent: The operations of all requests so far, in the order in which they were sent.
        waits: Set once the first request is there.
    """

    def __init__(self, operation: str) -> None:
        self.sent: list[str] = []
        self.waits = threading.Event()
        self._operation = operation
        self._free = threading.Event()

    def let_go(self) -> None:
        """The request goes on."""
        self._free.set()

    def before_sending(self, model: Any, **_: Any) -> None:
        """Botocore calls it before each request is built and sent."""
        self.sent.append(model.name)
        if model.name == self._operation and not self.waits.is_set():
            self.waits.set()
            self._free.wait()


@contextmanager
def holding(client: Any, operation: str) -> Iterator[Held]:
    """Holds a client's first request of an operation, at the latest until the end of the block."""
    held = Held(operation)
    client.meta.events.register("before-parameter-build.dynamodb", held.before_sending)
    try:
        yield held
    finally:
        held.let_go()
        client.meta.events.unregister("before-parameter-build.dynamodb", held.before_sending)
