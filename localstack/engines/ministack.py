"""The embedded engine: MiniStack, one process on one port, with its Lambdas as child processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from localstack import processes
from localstack.engines.base import HOST, LOOPBACK, Reach, await_answer
from localstack.engines.ministack_tuned import CLEAN_END
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import ACCOUNT, REGION, engine_environ
from localstack.show import say

READY_SECONDS = 30.0
STOP_SECONDS = 10.0


def command(places: Places) -> list[str]:
    """The launcher under MiniStack's own interpreter; ``-P`` keeps our folder out of its imports."""
    return [str(places.ministack_python), "-P", str(places.launcher)]


def marks(places: Places) -> Sequence[str]:
    """What the command lines of the engine and of its Lambdas show."""
    return (str(places.launcher), str(places.local))


def environment(folder: Path, port: int, environ: Mapping[str, str], *, lasting: bool = True) -> dict[str, str]:
    """MiniStack's settings: everything it keeps lies in ``folder``."""
    home, temporary = folder / "home", folder / "tmp"
    for place in (home, temporary):
        place.mkdir(parents=True, exist_ok=True)
    return {
        **engine_environ(environ),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "POWERTOOLS_LOG_LEVEL": "INFO",  # functions see these variables, and would take the one above for theirs
        "PERSIST_STATE": str(int(lasting)),
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": str(int(lasting)),
        "S3_DATA_DIR": str(folder / "s3"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",  # it must not look for containers to remove
    }


def clear(folder: Path) -> None:
    """Removes what an earlier run left: temporary files always, and state that it could not save.

    Objects are written at once, all else at a clean end: after a crash the two contradict each other.
    """
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    if (folder / "s3").exists() and not (folder / "state" / CLEAN_END).exists():
        say("The local cloud ended without saving its state: it starts empty.")
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def await_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Waits until MiniStack answers.

    Raises:
        LocalCloudError: It ended, or did not answer in time.
    """
    await_answer("MiniStack", child, port, "/_ministack/ready", READY_SECONDS, log)


@dataclass(frozen=True)
class MiniStack:
    """MiniStack.

    Args:
        port: Where it listens.
        places: Its files.
        lasting: Whether it saves its state at a clean end.
    """

    port: int
    places: Places = field(default_factory=Places)
    lasting: bool = True
    name: str = "ministack"
    reach: Reach = LOOPBACK
    context: Sequence[str] = ()

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{HOST}:{self.port}"

    def require(self) -> None:
        """Checks that MiniStack is installed."""
        if not self.places.ministack_python.exists():
            raise LocalCloudError("MiniStack is not installed: run `make setup`.")

    def start(self) -> int:
        """Starts it and waits until it answers."""
        folder = self.places.engine
        clear(folder)
        environ = environment(folder, self.port, os.environ, lasting=self.lasting)
        child = processes.start_detached(command(self.places), environ, self.places.engine_log, folder)
        try:
            await_ready(child, self.port, self.places.engine_log)
        except BaseException:
            self.stop(child.pid)
            raise
        return child.pid

    def running(self, pid: int) -> bool:
        """Whether the process with this id is our MiniStack."""
        return processes.is_ours(processes.process_table(), pid, marks(self.places))

    def stop(self, pid: int) -> None:
        """Stops it and the Lambdas that it leaves behind: a busy one does not end with its parent."""
        processes.stop_group(pid, marks(self.places), STOP_SECONDS)
