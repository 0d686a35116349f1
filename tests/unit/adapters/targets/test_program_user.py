"""Under whom programs run, and what of their worker they can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import a_call
from tests.support.programs import Heard
from tidewheel.adapters.memory import MemorySecrets, SettableClock
from tidewheel.adapters.targets.command import make
from tidewheel.adapters.targets.program_user import ProgramUser, UnknownUser, home_of, program_user
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Target
from tidewheel.wire.targets import MODELS

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such protection")


def test_a_worker_that_is_no_root_runs_programs_as_itself() -> None:
    assert program_user("", 1000) is None
    assert program_user("same", 1000) is None
    with pytest.raises(UnknownUser, match="only a worker that runs as root"):
        program_user("nobody", 1000)


def test_root_runs_them_as_nobody_unless_another_user_is_named() -> None:
    nobody = program_user("", 0)
    assert nobody is not None
    assert nobody.uid != 0
    assert nobody.gid != 0
    assert program_user("nobody", 0) == nobody
    assert program_user("same", 0) is None


def test_a_user_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(UnknownUser, match=r"no user 'jobs'.*TIDEWHEEL_PROGRAM_USER, or 'same'"):
        program_user("jobs", 0)


def test_who_has_no_home_is_at_home_elsewhere(tmp_path: Path) -> None:
    assert home_of(ProgramUser(1, 1, str(tmp_path)), "/else") == str(tmp_path)
    assert home_of(ProgramUser(1, 1, str(tmp_path / "none")), "/else") == "/else"


def ran(script: str, user: ProgramUser | None, restored: str = "") -> tuple[Answer, Heard]:
    """The answer of a shell's script; it may say ``told`` to be told to end."""
    clock = SettableClock(0)
    line = Heard(clock, {"told": lambda: clock.advance(60_000)}, restored)
    written: dict[str, Any] = {"kind": "command", "shell": True, "command": script, "grace": "5s"}
    spec = MODELS["command"].model_validate(written).model_dump(mode="json")
    caller = make(Surroundings(MemorySecrets(), (), clock, user))
    return caller.call(a_call(Target("command", spec), "run-1", 1_000, 1, 60_000, line)), line


@as_root
def test_a_program_runs_under_the_user_in_no_group_but_one() -> None:
    user = program_user("", 0)
    answer, _ = ran("id -u; id -G; echo $HOME; test -w $HOME && grep NoNewPrivs /proc/self/status", user)
    assert user is not None
    uid, groups, home, _, value = answer.output.split()
    assert (answer.result, int(uid), groups, value) == (Result.SUCCEEDED, user.uid, str(user.gid), "1")
    assert home != os.environ.get("HOME")


@as_root
def test_it_keeps_its_checkpoint_and_is_ended() -> None:
    keep = "f=$TIDEWHEEL_STATE_FILE; cat $f; echo two >$f.new; mv $f.new $f"
    answer, line = ran(keep, program_user("", 0), "one")
    assert (answer.result, answer.output, line.restored) == (Result.SUCCEEDED, "one", "two\n")
    answer, _ = ran("echo told; sleep 600", program_user("", 0))
    assert (answer.result, answer.reason) == (Result.TIMED_OUT, "no end within 60000 ms; killed by SIGTERM")


@as_root
def test_it_cannot_put_a_link_in_the_place_of_its_folder() -> None:
    move = "cd /; d=${TIDEWHEEL_STATE_FILE%/state}; mv $d $d.gone"
    answer, _ = ran(move, program_user("", 0))
    assert answer.result is Result.FAILED


WORKER = """
import ctypes, os, subprocess, sys
from tidewheel.adapters.targets.launch import hide
if os.geteuid() == 0:  # whom nothing is hidden from
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after the exec of a program: a change of users hides by itself
if sys.argv[1] == "hidden":
    hide()
sys.exit(subprocess.run(["/bin/sh", "-c", sys.argv[2]]).returncode)
"""


@on_linux
@pytest.mark.parametrize("secret", ["environ", "maps", "fd/0"])
@pytest.mark.parametrize(("how", "seen"), [("open", "read\nown\n"), ("hidden", "own\n")])
def test_a_program_of_the_same_user_reads_no_memory_and_no_environment_of_its_worker(
    secret: str, how: str, seen: str
) -> None:
    """A worker that does not hide shows its credentials to every program."""
    look = f"cat /proc/$PPID/{secret} >/dev/null && echo read; cat /proc/self/environ >/dev/null && echo own"
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, how, look],
        env={"AWS_SECRET_ACCESS_KEY": "s3cret", "PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert worker.stdout == seen, worker.stderr


@on_linux
@as_root
def test_a_program_reads_nothing_of_the_launcher_either() -> None:
    answer, _ = ran("cat /proc/$PPID/environ >/dev/null && echo read || echo refused", program_user("", 0))
    assert answer.output.split()[-1] == "refused"
