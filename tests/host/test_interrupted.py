"""A test session that is interrupted leaves nothing running: no engine, no function, no deployment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from localstack import processes
from localstack.places import REPOSITORY
from tests.support.guardian import Ward, guardian
from tests.support.polling import until

TEST = "tests/e2e/test_targets.py::test_a_secret_reaches_the_target_and_shows_nowhere"
TIER = ("-m", "pytest", "-q", "--basetemp={folder}", TEST)
FUNCTION = """
import io, sys, time, zipfile
from pathlib import Path
from localstack import deploy
from localstack.places import Places
from tests.support.engines import private_engine

folder = Path(sys.argv[1].partition("=")[2])
folder.mkdir()
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as packed:
    packed.writestr("handler.py", "import time\\ndef handler(event, context):\\n    time.sleep(600)")
with private_engine("ministack", Places(own=folder)) as engine:
    functions, role = deploy.client("lambda", engine.endpoint), "arn:aws:iam::000000000000:role/r"
    told = {"Runtime": "python3.11", "Handler": "handler.handler", "Role": role, "Code": {"ZipFile": code.getvalue()}}
    functions.create_function(FunctionName="busy", Timeout=900, **told)
    functions.invoke(FunctionName="busy", InvocationType="Event", Payload=b"{}")
    time.sleep(600)
"""
HEEDING = (
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""What a shell starts in the background ignores Ctrl-C, and so would all that these tests start."""
BUSY = ("-c", FUNCTION, "--basetemp={folder}")


def left(folder):
    """The command lines of living processes that name a folder, the session's own apart."""
    named = [row.command for row in processes.process_table() if row.alive and str(folder) in row.command]
    return [command for command in named if "--basetemp" not in command]


def interrupt(child, number):
    """As a terminal does, which tells everybody in the foreground, or as whoever ends one process does."""
    if number is signal.SIGINT:
        os.killpg(child.pid, number)
    else:
        child.send_signal(number)


@pytest.fixture
def session(tmp_path):
    """Begins a session of its own in a folder."""
    started = []

    def start(arguments):
        command = [
            sys.executable,
            *HEEDING,
            sys.executable,
            *(one.replace("{folder}", str(tmp_path / "tier")) for one in arguments),
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environ = {**kept, "ENGINE": "ministack", "PYTHONPATH": str(REPOSITORY)}
        with (tmp_path / "said").open("wb") as said:
            child = subprocess.Popen(
                command, cwd=REPOSITORY, env=environ, stdout=said, stderr=said, start_new_session=True
            )
        guardian().look_after(Ward(child.pid, (str(tmp_path),), 0, str(tmp_path)))
        started.append(child)
        return child

    yield start
    for child in started:
        processes.end_child(child)


@pytest.mark.parametrize(
    ("arguments", "shows", "number"),
    [
        (TIER, " deploy ", signal.SIGTERM),
        ((*TIER, "-n", "1"), " bootstrap ", signal.SIGINT),
        (BUSY, "-lambda-busy-", signal.SIGTERM),
        (BUSY, "-lambda-busy-", signal.SIGKILL),
    ],
    ids=["tier, ended", "tier side by side, Ctrl-C", "function, ended", "function, killed"],
)
def test_an_interrupted_session_leaves_nothing_running(tmp_path, session, arguments, shows, number):
    folder, child = tmp_path / "tier", session(arguments)
    until(
        lambda: child.poll() is not None or any(shows in one for one in left(folder)),
        f"a process that shows {shows!r}",
        within_s=120,
    )
    assert child.poll() is None, (tmp_path / "said").read_text()
    interrupt(child, number)
    until(lambda: child.poll() is not None, "the end of the session", within_s=30)
    until(lambda: not left(folder), "the end of what it started", within_s=30)
