"""The launcher: a small process between a worker and one program, so that nothing of the program outlives its call.

``programs`` runs it as a script. It imports the standard library alone and has one thread, which makes ``fork`` and
``PR_SET_PDEATHSIG`` safe: that signal is sent when the thread that forked ends, and a worker's threads come and go.

Its standard input comes from the worker: the length of the program's spec, the spec as JSON, then ``TERM`` or ``KILL``,
one byte each. When the input ends, the worker is gone, and everything is killed. Its report goes to another pipe.

The program leads a session and a process group of its own. On Linux the launcher is the subreaper of all descendants
of the program, also of those in sessions of their own, and kills them all at the end; if the launcher is killed, the
kernel kills the program. On other systems only the group is killed, and nothing kills it if worker and launcher both
get SIGKILL.

If a user is named, the program runs under that one, with no group but one and no way to gain rights by the programs
that it starts. The launcher itself stays what it is, and can end the program.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

TERM = b"t"
KILL = b"k"
LENGTH_BYTES = 4

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38  # linux/prctl.h
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # only the worker ends it; systemd signals a whole cgroup
_LOOK_S = 0.1
_GONE = (ProcessLookupError, PermissionError)  # the latter: the process runs as another user by now


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def hide() -> None:
    """Keeps other processes of this user from this one's memory, environment and descriptors.

    A process that is not dumpable cannot be traced, and its files in ``/proc`` belong to root (PR_SET_DUMPABLE(2const),
    proc_pid(5)). That ends with ``exec``, so it does not reach the programs that this process starts.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


class _ProcessTree:
    """The program and its descendants.

    ``status`` is the program's exit status once it has ended; ``told`` says whether it was told to end before that.

    Args:
        program: The id of the program's process, which leads its group.
    """

    def __init__(self, program: int) -> None:
        self.program = program
        self.status: int | None = None
        self.told = False

    def signal(self, number: int) -> None:
        """Sends a signal to the group."""
        with suppress(*_GONE):
            os.killpg(self.program, number)

    def reap(self) -> bool:
        """Reaps the processes that have ended. Returns whether any are left."""
        with suppress(ChildProcessError):
            while self._reap(os.WNOHANG):
                pass
            return True
        return not _LINUX and self._has_group()

    def kill(self) -> None:
        """Kills all of them, also those that become orphans meanwhile, and waits until they have ended."""
        if not self.reap():
            return
        with suppress(ChildProcessError):
            while True:
                self.signal(signal.SIGKILL)
                for pid in _children():
                    with suppress(*_GONE):
                        os.kill(pid, signal.SIGKILL)
                self._reap(0)  # its orphans are our children by now: the next round kills them

    def _reap(self, options: int) -> bool:
        pid, status = os.waitpid(-1, options)
        if pid == self.program:
            self.status = os.waitstatus_to_exitcode(status)
        return pid != 0

    def _has_group(self) -> bool:
        try:
            os.killpg(self.program, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS raises it for a group of zombies
            return False
        return True


def _children() -> Iterator[int]:
    """The ids of this process's children, on a system that has ``/proc``."""
    me = os.getpid()
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs its import
            if name.isdecimal() and _parent(name) == me:
                yield int(name)


def _parent(pid: str) -> int | None:
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - as above
        return int(stat.read().rpartition(b")")[2].split()[1])  # a name may hold blanks and parentheses
    return None


def _order() -> dict[str, Any]:
    order: dict[str, Any] = json.loads(_read(int.from_bytes(_read(LENGTH_BYTES), "big")))
    return order


def _read(count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))  # and not a byte more: the next ones are TERM or KILL
        if not part:
            sys.exit("the worker was gone before it said what to run")
        data += part
    return data


def _change_user(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _become(order: dict[str, Any], launcher: int) -> NoReturn:
    """Runs in the fork, and replaces it by the program."""
    os.setsid()
    if order["user"] is not None:
        _change_user(**order["user"])
    # after the change of users, which clears it (PR_SET_PDEATHSIG(2const))
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:
        os._exit(1)  # the launcher was killed before PR_SET_PDEATHSIG took effect
    for number in (*_IGNORED, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two, and exec keeps that
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if order["directory"] is not None:
        os.chdir(order["directory"])
    name = order["argv"][0]
    try:
        os.execvpe(name, order["argv"], order["environment"])  # noqa: S606 - no shell is meant
    except OSError as error:  # its own file name is the last one that was tried
        raise OSError(error.errno, error.strerror, name) from None


def _start(order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Starts the program; returns its process and, if it could not be started, the problem."""
    launcher = os.getpid()
    read, write = os.pipe()  # exec closes it: it stays empty if the program started
    pid = os.fork()
    if pid == 0:
        problem: dict[str, Any] = {"problem": "it did not start", "errno": None}
        try:
            _become(order, launcher)
        except (OSError, ValueError) as error:
            problem = {"problem": str(error), "errno": getattr(error, "errno", None)}
        finally:
            os.write(write, json.dumps(problem).encode())
            os._exit(127)
    os.close(write)
    with os.fdopen(read, "rb") as line:
        text = line.read()
    return pid, json.loads(text) if text else {}


def _wait_for_end(tree: _ProcessTree, woken: int) -> bool:
    """Waits until the program has ended or must be killed. Returns whether the worker is still there."""
    while tree.reap() and (tree.told or tree.status is None):
        poll = _LOOK_S if tree.told and not _LINUX else None  # without a subreaper no signal tells of an orphan's end
        ready, _, _ = select.select([0, woken], [], [], poll)
        if woken in ready:
            os.read(woken, 4_096)
        if 0 not in ready:
            continue
        said, tree.told = os.read(0, 1), True
        if said != TERM:
            return bool(said)  # after TERM the descendants have the grace too, even if the program ended
        tree.signal(signal.SIGTERM)
    return True


def main() -> None:
    """Runs one program; ``sys.argv[1]`` is the descriptor to report on."""
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    hide()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    order = _order()

    def say(**said: Any) -> None:
        with suppress(BrokenPipeError):  # the worker is gone, and standard input ends as well
            os.write(report, json.dumps(said).encode() + b"\n")

    pid, problem = _start(order)
    if problem:
        say(**problem)
        return
    say(started=pid)
    tree = _ProcessTree(pid)
    worker_alive = _wait_for_end(tree, woken)
    tree.kill()
    if not worker_alive:
        shutil.rmtree(order["folder"], ignore_errors=True)  # nobody is left to report an error to
    say(status=tree.status, told=tree.told)


if __name__ == "__main__":
    main()
