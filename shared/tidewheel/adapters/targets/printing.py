"""Separates what a task prints from what the rest of the process prints.

``sys.stdout`` and ``sys.stderr`` are replaced by streams that check at each write whether a task runs in this context.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

Sink = Callable[[bytes], bool]
"""Takes what was printed, and returns whether it did; if not, the text goes to the process's own stream."""

_sink: ContextVar[Sink | None] = ContextVar("sink", default=None)
_installing = threading.Lock()


class Printed:
    """A stream that sends a task's output to the task's log, and all else to the stream that it replaces."""

    def __init__(self, own: TextIO) -> None:
        self._own = own

    def write(self, text: str) -> int:
        """See ``io.TextIOBase``."""
        sink = _sink.get()
        if sink is not None and sink(text.encode(errors="backslashreplace")):
            return len(text)
        return self._own.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """See ``io.IOBase``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def install() -> None:
    """Replaces both streams, unless they are replaced. To be repeated: others may have set them since."""
    with _installing:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if not isinstance(stream, Printed):
                setattr(sys, name, cast(TextIO, Printed(stream)))


@contextmanager
def printing_to(sink: Sink) -> Iterator[None]:
    """Sends what is printed in this context to a sink."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)
