"""The embedded engine: MiniStack, one process on one port, with its Lambdas as child processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localstack import processes
from localstack.engines.base import HOST
from localstack.engines.ministack_tuned import CLEAN_END
from localstack.engines.process import ProcessEngine
from localstack.errors import LocalCloudError
from localstack.places import REPOSITORY
from localstack.settings import ACCOUNT, REGION, engine_environ
from localstack.show import say


def launcher() -> Path:
    """The program that becomes MiniStack."""
    return REPOSITORY / "localstack" / "engines" / "ministack_tuned.py"


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


@dataclass(frozen=True)
class MiniStack(ProcessEngine):
    """MiniStack.

    Args:
        port: Where it listens.
        places: Its files.
        lasting: Whether it saves its state at a clean end.
    """

    lasting: bool = True
    name: str = "ministack"

    product = "MiniStack"
    ready_path = "/_ministack/ready"
    ready_seconds = 30.0
    stop_seconds = 10.0

    def require(self) -> None:
        """Checks that MiniStack is installed."""
        if not self.places.ministack_python.exists():
            raise LocalCloudError("MiniStack is not installed: run `make setup`.")

    def command(self) -> Sequence[str]:
        """The launcher under MiniStack's own interpreter; ``-P`` keeps our folder out of its imports."""
        return [str(self.places.ministack_python), "-P", str(launcher())]

    def marks(self) -> processes.Marks:
        """The engine's and its functions'."""
        return (str(launcher()), str(self.places.local))

    def environment(self) -> dict[str, str]:
        """Its settings, after what an earlier run left has been removed."""
        folder = self.places.engine
        clear(folder)
        return environment(folder, self.port, os.environ, lasting=self.lasting)
