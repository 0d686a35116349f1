"""The other engine: LocalStack's image by ``docker compose``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from localstack.engine import HOST
from localstack.errors import LocalCloudError
from localstack.places import REPOSITORY, Places
from localstack.settings import PORT_VARIABLE

READY_SECONDS = 180


@dataclass(frozen=True)
class LocalStack:
    """LocalStack in a container as the engine of this checkout."""

    port: int
    places: Places = field(default_factory=Places)
    name: str = "localstack"

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{HOST}:{self.port}"

    def require(self) -> None:
        """Checks that docker and its compose plugin are there."""
        if shutil.which("docker") is None:
            raise LocalCloudError("ENGINE=localstack needs docker: install it, or run without ENGINE.")
        if self._docker("compose", "version").returncode:
            raise LocalCloudError("ENGINE=localstack needs docker's compose plugin: install it, or run without ENGINE.")

    def start(self) -> int:
        """Starts the container and waits until it is healthy."""
        done = self._compose("up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS))
        if done.returncode:
            raise LocalCloudError(
                "LocalStack did not start: is the docker daemon running, and does its image ask for a "
                "LOCALSTACK_AUTH_TOKEN (docker logs tidewheel-localstack)?",
                (done.stdout + done.stderr).strip(),
            )
        return 0

    def running(self, pid: int) -> bool:  # noqa: ARG002 -- a container has a name, not a process id of ours
        """Whether the container runs."""
        return shutil.which("docker") is not None and bool(
            self._compose("ps", "--quiet", "--status", "running").stdout.strip()
        )

    def stop(self, pid: int) -> None:  # noqa: ARG002 -- as above
        """Removes the container with the Lambda containers' network and the volume."""
        if shutil.which("docker") is not None:
            self._compose("down", "--volumes", "--timeout", "10")

    def _compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._docker("compose", "--file", str(REPOSITORY / "localstack" / "compose.yaml"), *arguments)

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = ["docker", *arguments]
        environ = {**os.environ, PORT_VARIABLE: str(self.port)}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
