"""Processes that outlive the command that started them, and the proof that one is ours before a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from localstack.errors import LocalCloudError

LOOK_SECONDS = 0.05
_PROC = Path("/proc")

Marks = Sequence[str]
"""Texts of which one occurs in the command line of each process of ours."""


@dataclass(frozen=True)
class Listed:
    """One line of the process table."""

    pid: int
    group: int
    state: str
    command: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie only waits to be collected."""
        return not self.state.startswith("Z")


def _from_ps() -> list[Listed]:
    command = ["ps", "-A", "-ww", "-o", "pid=,pgid=,stat=,command="]
    return parse_ps(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parse_ps(text: str) -> list[Listed]:
    """Reads what ``ps -o pid=,pgid=,stat=,command=`` prints."""
    rows = ([*line.split(None, 3), ""] for line in text.splitlines() if line.strip())
    return [Listed(int(row[0]), int(row[1]), row[2], row[3]) for row in rows]


def parse_stat(pid: int, stat: str, cmdline: bytes) -> Listed:
    """Reads ``/proc/<pid>/stat``, whose second field is a name in brackets that may hold anything."""
    state, _parent, group = stat.rpartition(")")[2].split()[:3]
    return Listed(pid, int(group), state, cmdline.replace(b"\0", b" ").decode(errors="replace").strip())


def _from_proc() -> list[Listed]:
    rows = []
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                stat, cmdline = (
                    (folder / "stat").read_text(errors="replace"),
                    (folder / "cmdline").read_bytes(),
                )
                rows.append(parse_stat(int(folder.name), stat, cmdline))
    return rows


def process_table() -> list[Listed]:
    """Every process of this machine: from ``/proc`` where there is one, else from ``ps``."""
    return _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()


def parse_cpu_ms(stat: str, ticks: int) -> int:
    """Reads the CPU time (ms) of all threads of a process from ``/proc/<pid>/stat``.

    Args:
        stat: The file's text.
        ticks: How many ticks a second has there.
    """
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1_000 // ticks


def cpu_ms(pid: int) -> int | None:
    """The CPU time that a process has used, ms; None if it has ended. Needs ``/proc``.

    Raises:
        LocalCloudError: This system has no ``/proc``.
    """
    try:
        return parse_cpu_ms((_PROC / str(pid) / "stat").read_text(errors="replace"), os.sysconf("SC_CLK_TCK"))
    except OSError:
        if not (_PROC / "self" / "stat").exists():
            raise LocalCloudError("CPU is read from /proc, which this system does not have.") from None
        return None


def is_ours(table: Sequence[Listed], leader: int, marks: Marks) -> bool:
    """Whether ``leader`` lives, heads its group, and its command line holds a mark.

    The number alone proves nothing: it may have passed to another process since it was written down.
    """
    return leader in group_members([row for row in table if row.pid == leader], leader, marks)


def group_members(table: Sequence[Listed], group: int, marks: Marks) -> list[int]:
    """The living processes of a group whose command lines hold one of the marks."""
    mine = [row for row in table if row.group == group and row.alive]
    return [row.pid for row in mine if any(mark in row.command for mark in marks)]


def start_detached(
    command: Sequence[str], environ: Mapping[str, str], log: Path, folder: Path
) -> subprocess.Popen[bytes]:
    """Starts a process as the head of its own session and group, with its output in ``log``."""
    with log.open("wb") as output:
        return subprocess.Popen(
            list(command),
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def stop_group(leader: int, marks: Marks, grace: float) -> None:
    """Asks the leader to end and ends what is left of its group after ``grace`` seconds, none but ours."""
    if is_ours(process_table(), leader, marks):
        _signal(leader, signal.SIGTERM)
        deadline = time.perf_counter() + grace
        while is_ours(process_table(), leader, marks) and time.perf_counter() < deadline:
            pause(LOOK_SECONDS)
    for _ in range(3):  # a child born while the first list was read is in the next
        left = group_members(process_table(), leader, marks)
        for pid in left:
            _signal(pid, signal.SIGKILL)
        if not left:
            return
        pause(LOOK_SECONDS)


def end_child(child: subprocess.Popen[bytes], grace: float = 5.0) -> None:
    """Ends a child that still runs, with its group, and waits until the system has forgotten them all."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    deadline = time.perf_counter() + grace
    while any(row.group == child.pid for row in process_table()) and time.perf_counter() < deadline:
        child.poll()
        pause(LOOK_SECONDS)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def pause(seconds: float) -> None:
    """Waits."""
    time.sleep(seconds)  # noqa: TID251 -- waits for other processes, which no settable clock can hurry
