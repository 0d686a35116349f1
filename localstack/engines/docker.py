"""The engine for machines with Docker: LocalStack's image by ``docker compose``, its functions in containers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from localstack.engines.base import HOST, SIGN_IN_BY_FUNCTION, Reach
from localstack.errors import LocalCloudError
from localstack.places import REPOSITORY, Places
from localstack.settings import PORT_VARIABLE

READY_SECONDS = 180
TOKEN_VARIABLE, TAG_VARIABLE = "LOCALSTACK_AUTH_TOKEN", "LOCALSTACK_TAG"
CURRENT = "latest"
COMMUNITY = "4.14.0"
"""The last image that runs without an account, of February 2026: those since 23 March 2026 (2026.03.0 and on) end at
once without a token (announced in testcontainers-python issue 985; quickwit pull request 6303).
"""
HOST_NAME = "host.docker.internal"
"""What compose.yaml has Docker note for this machine in the container: under its engine on Linux the default bridge's
gateway, an address of this machine; under Docker Desktop one that it forwards to this machine's loopback address.
"""


def image_tag(environ: Mapping[str, str]) -> str:
    """The tag of the image: the one that is asked for, else the newest that the account or its lack allows."""
    asked = environ.get(TAG_VARIABLE, "").strip()
    return asked or (CURRENT if environ.get(TOKEN_VARIABLE, "").strip() else COMMUNITY)


def gateway(hosts: str) -> str:
    """The IPv4 address that a container's ``/etc/hosts`` has for this machine.

    Raises:
        LocalCloudError: There is none.
    """
    rows = [line.partition("#")[0].split() for line in hosts.splitlines()]
    for row in rows:
        with suppress(ValueError):
            if HOST_NAME in row[1:] and not (address := IPv4Address(row[0])).is_unspecified:
                return str(address)
    raise LocalCloudError(f"The container knows no address of {HOST_NAME}: docker 20.10 or newer is needed.")


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's, so that a program can listen on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.bind((address, 0))
        return True
    return False


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

    @property
    def reach(self) -> Reach:
        """By the address that Docker gives this machine, which is not open to others: never all its addresses."""
        address = self._gateway()
        return Reach(listen=address if is_own(address) else HOST, host=address)

    @property
    def context(self) -> Sequence[str]:
        """Functions run in Linux containers, and may call this machine by that address besides public ones."""
        return ("containers=true", SIGN_IN_BY_FUNCTION, f"allowed_networks={self._gateway()}/32")

    def require(self) -> None:
        """Checks that docker and its compose plugin are there."""
        if shutil.which("docker") is None:
            raise LocalCloudError("ENGINE=localstack needs docker: install it, or run without ENGINE.")
        if self._docker("compose", "version").returncode:
            raise LocalCloudError("ENGINE=localstack needs docker's compose plugin: install it, or run without ENGINE.")

    def start(self) -> int:
        """Starts the container and waits until it is healthy."""
        if image_tag(os.environ) == CURRENT:
            self._compose("pull", "--quiet")  # without the registry, the image of last time is as good
        done = self._compose("up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS))
        if done.returncode:
            raise LocalCloudError(
                f"LocalStack {image_tag(os.environ)} did not start: is the docker daemon running, and does its image "
                f"ask for another {TOKEN_VARIABLE} (docker logs tidewheel-localstack)?",
                _without_token(done.stdout + done.stderr).strip(),
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

    def _gateway(self) -> str:
        done = self._compose("exec", "--no-TTY", "localstack", "cat", "/etc/hosts")
        if done.returncode:
            raise LocalCloudError(
                "LocalStack's container does not answer: run `make down`, then again.",
                _without_token(done.stderr).strip(),
            )
        return gateway(done.stdout)

    def _compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._docker("compose", "--file", str(REPOSITORY / "localstack" / "compose.yaml"), *arguments)

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = ["docker", *arguments]
        environ = {**os.environ, PORT_VARIABLE: str(self.port), TAG_VARIABLE: image_tag(os.environ)}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environ)


def _without_token(text: str) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    return text.replace(token, f"<{TOKEN_VARIABLE}>") if token else text
