"""Ends what a test session started when the session ends, whatever ends it: a signal that no test can catch, too.

A process beside the session waits for the end of its input, which the system closes with the session. Until then it is
told what to look after; then it ends what still runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from localstack import processes

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ward:
    """What to end: a process group, what names a folder, or both.

    Args:
        leader: Its head; 0 where only ``folder`` tells what is meant.
        marks: Texts of which one is in the command line of each of its processes.
        grace_s: How long it may take to end by itself.
        folder: A folder of the session's own: whatever names it in its command line ends too.
    """

    leader: int
    marks: Sequence[str]
    grace_s: float
    folder: str = ""


class Guardian:
    """The process beside this session; it lives in a session of its own, which Ctrl-C does not reach."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.guardian"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def look_after(self, ward: Ward) -> None:
        """Has something ended with this session."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(ward)) + "\n")
        self._process.stdin.flush()


@cache
def guardian() -> Guardian:
    """The guardian of this session; it is started when it is first needed."""
    return Guardian()


def end(wards: Iterable[Ward]) -> None:
    """Ends what still runs, the last that was started first."""
    for ward in reversed(list(wards)):
        if ward.leader:
            processes.stop_group(ward.leader, ward.marks, ward.grace_s)
        for row in processes.process_table() if ward.folder else ():
            if ward.folder in row.command and row.alive and row.pid != os.getpid():
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(row.pid, signal.SIGKILL)


if __name__ == "__main__":
    end([Ward(**json.loads(line)) for line in sys.stdin])
