"""The launcher: a small process between a worker and one program, so that nothing of the program outlives its call.

It is run as a script (``programs`` does), stands on the standard library alone, and has one thread, which is what makes
``fork`` and ``PR_SET_PDEATHSIG`` safe here: the latter is tied to the thread that forked, and a worker's threads come
and go. Its standard input is the line from the worker: the length of the order, the order as JSON, then ``TERM`` or
``KILL``, a byte each; when the line ends, the worker is gone, and all is killed. What it learns, it reports on another
pipe.

The program heads a session and group of its own. On Linux the launcher adopts whoever the program leaves behind, those
in sessions of their own as well, and ends them all; and the kernel ends the program should the launcher be killed.
Elsewhere only the group is ended, and nothing ends it if both worker and launcher are killed with -9.
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
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the worker alone says when: systemd tells a whole cgroup
_LOOK_S = 0.1
_GONE = (ProcessLookupError, PermissionError)  # the latter: it took another user's rights, and cannot be reached


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class _Brood:
    """The program and whatever comes of it.

    Args:
        program: The program's process, which heads its group.

    ``status`` is how it ended; ``told``, whether it was told to end before that.
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
        """Takes note of those that have ended; whether any of them, or of the group, is left."""
        with suppress(ChildProcessError):
            while self._reap(os.WNOHANG):
                pass
            return True
        return not _LINUX and self._has_group()

    def kill(self) -> None:
        """Ends all of them, and those that they leave behind meanwhile, and waits until they are gone."""
        if not self.reap():
            return
        with suppress(ChildProcessError):
            while True:
                self.signal(signal.SIGKILL)
                for pid in _children():
                    with suppress(*_GONE):
                        os.kill(pid, signal.SIGKILL)
                self._reap(0)  # the orphans of who is reaped are children by then, and found in the next round

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
        except PermissionError:  # what macOS says of a group of zombies
            return False
        return True


def _children() -> Iterator[int]:
    """The children of this process, where the system lists them."""
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
        part = os.read(0, count - len(data))  # no more: what follows tells to end
        if not part:
            sys.exit("the worker was gone before it said what to run")
        data += part
    return data


def _become(order: dict[str, Any], launcher: int) -> NoReturn:
    """What the fork does: it becomes the program."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:
        os._exit(1)  # it was killed before the kernel knew what to do then
    for number in (*_IGNORED, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two, and exec keeps that
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if order["directory"] is not None:
        os.chdir(order["directory"])
    name = order["argv"][0]
    try:
        os.execvpe(name, order["argv"], order["environment"])  # noqa: S606 - no shell is meant
    except OSError as error:  # which names the last place where it was looked for
        raise OSError(error.errno, error.strerror, name) from None


def _start(order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Starts the program; returns its process and, if it could not be started, the problem."""
    launcher = os.getpid()
    read, write = os.pipe()  # exec closes it: nothing comes if all went well
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


def _attend(brood: _Brood, woken: int) -> bool:
    """Waits until the program is to end, or has; whether the worker is still there."""
    while brood.reap() and (brood.told or brood.status is None):
        poll = _LOOK_S if brood.told and not _LINUX else None  # elsewhere nothing says that an orphan has ended
        ready, _, _ = select.select([0, woken], [], [], poll)
        if woken in ready:
            os.read(woken, 4_096)
        if 0 not in ready:
            continue
        said, brood.told = os.read(0, 1), True
        if said != TERM:
            return bool(said)  # told to, those who are still ending have the grace, even if the program is faster
        brood.signal(signal.SIGTERM)
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
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    order = _order()

    def say(**said: Any) -> None:
        with suppress(BrokenPipeError):  # the worker is gone: the line ends as well
            os.write(report, json.dumps(said).encode() + b"\n")

    pid, problem = _start(order)
    if problem:
        say(**problem)
        return
    say(started=pid)
    brood = _Brood(pid)
    accompanied = _attend(brood, woken)
    brood.kill()
    if not accompanied:
        shutil.rmtree(order["folder"], ignore_errors=True)  # whatever cannot be removed, nobody is left to hear of
    say(status=brood.status, told=brood.told)


if __name__ == "__main__":
    main()
