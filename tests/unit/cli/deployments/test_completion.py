"""What a shell is offered: names of jobs and contexts, at once or not at all, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.command_line import URL, CommandLine, done, made
from tidewheel.cli.deployments.completion import PATIENCE_S, context_names, hurried, job_names
from tidewheel.cli.deployments.contexts import config_path
from tidewheel.cli.session import Session
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment


class Line:
    """The command line that is being written."""

    def __init__(self, session: Session | None, **params: str) -> None:
        self.obj, self.params = session, params

    def find_root(self) -> Line:
        return self


def offered(transport: httpx.BaseTransport, begins: str = "", **params: str) -> list[tuple[str, str]]:
    def connect(found: Deployment, heard: Callable[[str], None]) -> Client:
        return Client(found.url, found.token, transport=transport, heard=heard, wait=lambda _: None)

    line: Any = Line(Session(connect=connect), **params)
    return list(job_names(line, begins))


def test_jobs_are_offered_by_name_with_their_schedule(run: CommandLine) -> None:
    made(run, "--every", "5m")
    run.json("jobs", "create", "--name", "house", "--cron", "0 9 * * *", "--function", "f")
    run.json("jobs", "create", "--name", "other", "--every", "5m", "--function", "f")
    transport = run.api_bench.transport()
    assert offered(transport, "ho", url=URL) == [("hook", "every 5m"), ("house", "0 9 * * * (UTC)")]
    assert len(offered(transport, "", url=URL)) == 3


def test_a_deployment_that_does_not_answer_offers_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    failing = httpx.MockTransport(lambda _: httpx.Response(401, json={}))
    assert offered(failing, url=URL) == []
    assert offered(failing) == []  # no deployment is known
    assert offered(failing, use="nobody") == []
    assert capfd.readouterr() == ("", "")


def test_it_is_asked_once_and_for_a_second() -> None:
    with hurried(Deployment("http://127.0.0.1:9/prod", None, {}), print) as api:
        assert api.carrier.http.timeout == httpx.Timeout(PATIENCE_S)


def test_contexts_are_offered(run: CommandLine) -> None:
    done(run("context", "add", "prod", "--url", URL, url=None))
    line: Any = Line(None)
    assert list(context_names(line, "")) == ["local", "prod"]
    assert list(context_names(line, "p")) == ["prod"]
    config_path().write_text("[")
    config_path().chmod(0o600)
    assert list(context_names(line, "")) == []
