"""What tests of programs need: progress that reacts to the log, and a pipe that shows which programs are alive."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Clock

PATIENCE_S = 30
"""How long a test waits for what must come; a failure takes so long, a success does not."""


class Heard(OpenCallProgress):
    """Progress of a call that does something when the log says something.

    Args:
        clock: Time.
        acts: What to do, by what the log must say first; each once.
        restored: The checkpoint of an attempt before.
    """

    def __init__(self, clock: Clock, acts: dict[str, Callable[[], None]] | None = None, restored: str = "") -> None:
        super().__init__(clock, restored)
        self.text = ""
        self._to_do = dict(acts or {})

    def write(self, data: bytes) -> None:
        """See ``ports.Progress``."""
        super().write(data)
        self.text += data.decode(errors="replace")
        for word in [word for word in self._to_do if word in self.text]:
            self._to_do.pop(word)()


class Witness:
    """A named pipe that programs open for writing and never close: it ends when the last of them has died.

    Args:
        path: Where it is made.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._read = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._write: int | None = os.open(path, os.O_WRONLY)  # or what nobody has opened yet would be at its end

    def close(self) -> None:
        """Nobody is watched any more."""
        for end in (self._read, self._write):
            if end is not None:
                os.close(end)

    def said(self, count: int) -> bytes:
        """Waits for so many bytes: programs write one each as a sign that they hold it."""
        data = b""
        while len(data) < count:
            assert select.select([self._read], [], [], PATIENCE_S)[0], f"only {data!r} came"
            data += os.read(self._read, 1)
        return data

    def is_alone(self) -> bool:
        """Whether nobody else holds it, now."""
        self._let_go()
        try:
            return os.read(self._read, 1) == b""
        except BlockingIOError:
            return False

    def await_end(self) -> None:
        """Waits until nobody holds it."""
        self._let_go()
        assert select.select([self._read], [], [], PATIENCE_S)[0], "somebody is alive"
        assert os.read(self._read, 1) == b""

    def _let_go(self) -> None:
        if self._write is not None:
            os.close(self._write)
            self._write = None
