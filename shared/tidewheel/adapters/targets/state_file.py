"""The file in which a program keeps checkpoints, and by which it gives heartbeats."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tidewheel.domain.limits import CHECKPOINT_BYTES
from tidewheel.ports import CallProgress

NAME = "state"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # the program may have put a link or a pipe there
_Mark = tuple[int, int, int]


class StateFile:
    """A file that holds the last checkpoint at first, and then whatever the program writes as the next one.

    Args:
        folder: A folder of the program's own.
        progress: Takes checkpoints and heartbeats.
    """

    def __init__(self, folder: Path, progress: CallProgress) -> None:
        self.path = folder / NAME
        self._progress = progress
        self._content = progress.restored.encode()
        self.path.write_bytes(self._content)
        self._mark = self._marked()

    def look(self) -> None:
        """Looks for changes: any is a heartbeat, new content is a checkpoint."""
        mark = self._marked()
        if mark is None or mark == self._mark:
            return
        self._mark = mark
        self._progress.beat()
        self.read()

    def read(self) -> None:
        """Keeps the content if it is new, or writes to the log why it cannot. An empty file is about to be written."""
        content = self._read()
        if not content or content == self._content:
            return
        self._content = content
        try:
            self._progress.checkpoint(_text(content))
        except ValueError as error:
            self._progress.write(f"\n[the state file was not kept: {error}]\n".encode())

    def _marked(self) -> _Mark | None:
        try:
            found = self.path.lstat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> bytes:
        """Its content, one byte more than a checkpoint may have at most; empty if there is no regular file."""
        try:
            descriptor = os.open(self.path, _FLAGS)
        except OSError:
            return b""
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return os.read(descriptor, CHECKPOINT_BYTES + 1) if regular else b""
        finally:
            os.close(descriptor)


def _text(content: bytes) -> str:
    if len(content) > CHECKPOINT_BYTES:
        raise ValueError(f"it is longer than {CHECKPOINT_BYTES} bytes")
    return content.decode()
