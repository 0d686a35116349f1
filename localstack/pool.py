"""The Fargate pool of the local cloud: one ``tidewheel worker`` process beside the engine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from localstack import processes
from localstack.engines.base import tail
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import CREDENTIALS, REGION, SAME_USER, engine_environ
from localstack.show import step
from tidewheel.names import FARGATE_POOL, Env

SLOTS = 4
DRAIN_SECONDS = 5
"""What runs on after that is handed over, and goes on with the next worker."""
STOP_SECONDS = 30.0
READY_SECONDS = 30.0
READY = "the worker begins"
TASKS_VARIABLE = "TASKS"
"""Names the modules whose Python tasks the worker imports, separated by commas."""
TASKS_FOLDER_VARIABLE = "TASKS_FOLDER"
"""Where they lie, unless they are installed; from the folder of the checkout on, which it is by default."""


@dataclass(frozen=True)
class Tasks:
    """The Python tasks that the worker has.

    Args:
        modules: The modules that it imports.
        folder: Where Python looks for them first.
    """

    modules: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], places: Places) -> Tasks:
        """What the user asks for."""
        named = (name.strip() for name in environ.get(TASKS_VARIABLE, "").split(","))
        return cls(tuple(filter(None, named)), places.root / environ.get(TASKS_FOLDER_VARIABLE, ""))

    @property
    def files(self) -> Sequence[Path]:
        """The files of these modules in the folder, by whose content the worker is started anew."""
        found: set[Path] = set()
        for top in {module.partition(".")[0] for module in self.modules}:
            found |= {self.folder / f"{top}.py", *(self.folder / top).rglob("*.py")}
        return sorted(file for file in found if file.is_file())


@dataclass(frozen=True)
class Working:
    """The note about a worker that was started.

    Args:
        pid: Its process.
        version: Of the code and the endpoint that it was started with.
    """

    pid: int
    version: str


def command() -> list[str]:
    """What ``tidewheel worker`` becomes: so the process shows from the first that it is ours."""
    options = ["--pool", FARGATE_POOL, "--concurrency", str(SLOTS), "--drain", str(DRAIN_SECONDS)]
    return [sys.executable, "-m", "tidewheel.wiring.pool", *options]


def marks() -> Sequence[str]:
    """What the worker's command line shows."""
    return (" ".join(command()),)


def environment(places: Places, endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The little that it inherits, and the local cloud's account."""
    tasks = Tasks.of(environ, places)
    paths = [str(places.root / "shared"), *([str(tasks.folder)] if tasks.modules else [])]
    return {
        **account_environment(places, endpoint, environ),
        **({Env.TASK_MODULES.value: ",".join(tasks.modules)} if tasks.modules else {}),
        "PYTHONPATH": os.pathsep.join(paths),
        Env.PROGRAM_USER.value: SAME_USER,
    }


def account_environment(places: Places, endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What a program of this checkout needs to act on the local cloud's account, and on no other."""
    return {
        **engine_environ(environ),
        **CREDENTIALS,
        "PYTHONPATH": str(places.root / "shared"),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def version(places: Places, endpoint: str, tasks: Tasks) -> str:
    """A hash of what a worker that starts now would run, and where."""
    digest = hashlib.sha256("\0".join([endpoint, str(tasks.folder), *tasks.modules]).encode())
    for file in tasks.files:
        digest.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    package = places.root / "shared" / "tidewheel"
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def read_note(path: Path) -> Working | None:
    """The note, or None when there is none that can be read."""
    try:
        document = json.loads(path.read_text())
        return Working(int(document["pid"]), str(document["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(places: Places) -> Working | None:
    """The worker that runs, with its note."""
    note = read_note(places.pool_record)
    alive = note is not None and processes.is_ours(processes.process_table(), note.pid, marks())
    return note if alive else None


def ensure(places: Places, endpoint: str) -> None:
    """Starts the worker, or starts it anew if the code, its tasks or the endpoint are others by now."""
    wanted, found = version(places, endpoint, Tasks.of(os.environ, places)), running(places)
    if found is not None and found.version == wanted:
        return
    with step("Starting the pool of long-running workers"):
        stop(places)
        child = processes.start_detached(
            command(), environment(places, endpoint, os.environ), places.pool_log, places.root
        )
        places.pool_record.write_text(json.dumps(asdict(Working(child.pid, wanted))) + "\n")
        _await_ready(child, places)


def _await_ready(child: subprocess.Popen[bytes], places: Places) -> None:
    deadline = time.perf_counter() + READY_SECONDS
    while child.poll() is None and time.perf_counter() < deadline:
        if READY in places.pool_log.read_text(errors="replace"):
            return
        with suppress(subprocess.TimeoutExpired):
            child.wait(processes.LOOK_SECONDS)
    processes.end_child(child)
    raise LocalCloudError(f"The pool's worker did not begin: see {places.pool_log}", tail(places.pool_log))


def stop(places: Places) -> None:
    """Asks the worker to end, which hands over what it cannot finish; does nothing when it does not run."""
    note = read_note(places.pool_record)
    if note is not None:
        processes.stop_group(note.pid, marks(), STOP_SECONDS)
        places.pool_record.unlink(missing_ok=True)
