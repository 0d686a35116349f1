"""The command line over the API in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from tests.support.api_bench import ApiBench
from tidewheel.cli.app import app
from tidewheel.cli.session import Session
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment
from tidewheel.client.moment import Moment

URL = "https://api.example/prod"
FIRE = ("--name", "hook", "--url", "https://example.com/hook")


class CommandLine:
    """Runs the command line; what it connected to is kept, and waiting takes no time.

    Args:
        api_bench: The API.
        folder: The folder that it is run in; the contexts are kept there, too.
    """

    def __init__(self, api_bench: ApiBench, folder: Path) -> None:
        self.api_bench = api_bench
        self.folder = folder
        self.asked: list[tuple[str, str | None]] = []
        self.tenants: list[str | None] = []
        self.waits: list[float] = []
        self.wait: Callable[[float], None] = lambda _: None

    def __call__(
        self,
        *arguments: str,
        url: str | None = URL,
        stdin: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> Any:
        def connect(found: Deployment, heard: Callable[[str], None]) -> Client:
            self.asked.append((found.url, found.token))
            self.tenants.append(found.tenant)
            carrier, url, token = transport or self.api_bench.transport(), found.url, found.token
            rest: Any = {"tenant": found.tenant, "wait": self._wait, "now": self._now}
            return Client(url, token, transport=carrier, heard=heard, **rest)

        session = Session(
            connect=connect,
            folder=self.folder,
            wait=self._wait,
            config=self.folder / "config.yaml",
        )
        root = ("--url", url) if url else ()
        return CliRunner().invoke(app, [*root, *arguments], obj=session, input=stdin)

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.wait(seconds)

    def _now(self) -> Moment:
        now_s = self.api_bench.clock.now_ms() / 1000 + sum(self.waits)
        return Moment(now_s, now_s)

    def json(self, *arguments: str, **rest: Any) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(done(self(*arguments, "--json", **rest)))


def done(result: Any) -> str:
    """What a command printed that succeeded and said nothing on stderr."""
    assert result.exit_code == 0, result.output + result.stderr
    assert result.stderr == ""
    return result.stdout


def made(run: CommandLine, *options: str) -> Any:
    """A job that a command created."""
    return run.json("jobs", "create", *FIRE, *options)
