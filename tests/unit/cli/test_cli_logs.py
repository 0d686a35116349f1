"""``tidewheel logs`` and the timeline of ``tidewheel executions show``, over the API in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result as Ran
from typer.testing import CliRunner

from tests.support.api_bench import EVERY_JOB, NOW_MS, ApiBench
from tidewheel.cli.app import app
from tidewheel.cli.commands import logs
from tidewheel.cli.session import Session
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment
from tidewheel.domain.executions import transitions
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.engine.api import logs as engine

TENANT = "default"
URL = "https://api.example/prod"
FAILED = Answer(Result.FAILED, 500, "no", "HTTP 500")
DONE = Answer(Result.SUCCEEDED, 200, "ok")
Step = Callable[[], None]


class Stage:
    """An execution whose life goes on, a step at a time, whenever the command line waits."""

    def __init__(self, folder: Path) -> None:
        self.api_bench, self.folder = ApiBench(), folder
        job = self.api_bench.call("POST", "/jobs", EVERY_JOB).json["id"]
        self.record = Execution(TENANT, str(ExecutionId(job, NOW_MS)), State.QUEUED, NOW_MS, 1, version=0)
        self.steps: list[Step] = []
        self.waits: list[float] = []
        self._keep(replace(self.record, version=1), None)

    def _keep(self, record: Execution, before: int | None) -> None:
        assert self.api_bench.ports.executions.swap(record, before) is None
        self.record = record

    def claim(self) -> None:
        number = self.record.attempt + 1
        self._keep(transitions.claimed(self.record, number, "w", NOW_MS, received_ms=NOW_MS), self.record.version)

    def end(self, state: State, answer: Answer) -> None:
        self._keep(transitions.finished(self.record, state, answer, NOW_MS, NOW_MS + 9), self.record.version)

    def write(self, part: int, data: bytes) -> None:
        self.api_bench.ports.logs.append(TENANT, self.record.id, self.record.attempt, part, data)

    def wait(self, seconds: float) -> None:
        assert self.steps, "it waits for nothing"
        self.waits.append(seconds)
        self.steps.pop(0)()

    def run(self, *arguments: str) -> Ran:
        def connect(found: Deployment, heard: Callable[[str], None]) -> Client:
            return Client(found.url, found.token, transport=self.api_bench.transport(), heard=heard)

        session = Session(connect=connect, folder=self.folder, wait=self.wait)
        return CliRunner().invoke(app, ["--url", URL, *arguments], obj=session)

    def logs(self, *arguments: str) -> Ran:
        return self.run("logs", self.record.id, *arguments)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_the_newest_attempts_log_is_printed(stage: Stage) -> None:
    stage.claim()
    stage.write(0, b"first\n")
    stage.end(State.RETRYING, FAILED)
    stage.claim()
    stage.write(0, "second ☂\n".encode())
    ran = stage.logs()
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "second ☂\n", "")
    assert stage.logs("--attempt", "1").stdout == "first\n"
    assert stage.waits == []


def test_a_long_log_is_printed_page_by_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOG_PAGE_BYTES", 4)
    stage.claim()
    stage.write(0, b"0123456789")
    assert stage.logs().stdout == "0123456789"
    client = Client(URL, transport=stage.api_bench.transport())
    assert list(client.logs(stage.record.id)) == ["0123", "4567", "89", ""]  # it may go on
    stage.end(State.SUCCEEDED, DONE)
    assert list(client.logs(stage.record.id, attempt=1)) == ["0123", "4567", "89"]


def test_what_has_not_begun_prints_nothing_and_says_so(stage: Stage) -> None:
    ran = stage.logs()
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == "No attempt has begun: the execution is queued.\n"


def test_a_log_that_is_empty_says_why(stage: Stage) -> None:
    """An attempt before the newest printed nothing at all when its answer had been too short for a log."""
    stage.claim()
    assert stage.logs().stderr == "Attempt 1 has written nothing yet; --follow waits for it.\n"
    stage.end(State.RETRYING, FAILED)
    stage.claim()
    stage.end(State.SUCCEEDED, DONE)
    ran = stage.logs("--attempt", "1")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr.startswith("Attempt 1 has no log (failed")
    assert "256 bytes is kept of the newest attempt alone" in ran.stderr


def test_a_followed_log_goes_on_through_its_attempts_until_it_succeeds(stage: Stage) -> None:
    stage.steps = [
        stage.claim,
        lambda: stage.write(0, b"one\n"),
        lambda: (stage.write(1, b"failed\n"), stage.end(State.RETRYING, FAILED)),  # type: ignore[list-item]
        lambda: None,  # waits for its retry
        lambda: (stage.claim(), stage.end(State.RETRYING, FAILED), stage.claim()),  # type: ignore[list-item]
        lambda: stage.write(0, b"three\n"),
        lambda: stage.end(State.SUCCEEDED, DONE),
    ]
    ran = stage.logs("-f")
    assert ran.stdout == "one\nfailed\nno\nthree\n"  # a line is ended before the next attempt
    assert (ran.exit_code, stage.steps) == (0, [])
    assert set(stage.waits) == {logs.POLL_S}


def test_a_followed_short_answer_is_printed_once(stage: Stage) -> None:
    stage.claim()
    stage.steps = [lambda: stage.end(State.RETRYING, FAILED), lambda: None, lambda: None, stage.claim]
    stage.steps += [lambda: stage.end(State.SUCCEEDED, DONE)]
    assert stage.logs("--follow").stdout == "no\nok\n"


@pytest.mark.parametrize("state", [State.DEAD, State.TIMED_OUT, State.CANCELLED])
def test_a_followed_execution_that_does_not_succeed_ends_with_8(stage: Stage, state: State) -> None:
    stage.claim()
    stage.steps = [lambda: stage.end(state, FAILED)]
    ran = stage.logs("-f")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (8, "no\n", "")


def test_a_followed_execution_that_never_runs_ends_with_8(stage: Stage) -> None:
    skipped = transitions.ended_unrun(stage.record, State.SKIPPED, "another ran", NOW_MS)
    stage.steps = [lambda: stage._keep(skipped, 1)]
    assert stage.logs("-f").exit_code == 8


def test_a_log_can_be_followed_from_an_earlier_attempt_on(stage: Stage) -> None:
    for number, state in ((1, State.RETRYING), (2, State.SUCCEEDED)):
        stage.claim()
        stage.write(0, b"attempt %d\n" % number)
        stage.end(state, DONE)
    ran = stage.logs("-f", "--attempt", "1")
    assert (ran.exit_code, ran.stdout) == (0, "attempt 1\nattempt 2\n")


def test_an_attempt_that_never_began_is_an_error(stage: Stage) -> None:
    ran = stage.logs("--attempt", "7")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "attempt 7" in ran.stderr


def test_a_terminal_is_shown_what_it_would_obey(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\x1b[31mred\tand ☂\r\n"
    stage.claim()
    stage.write(0, text.encode())
    assert stage.logs().stdout_bytes == text.encode()
    monkeypatch.setattr(logs, "_to_terminal", lambda: True)
    assert stage.logs().stdout == "·[31mred\tand ☂·\n"


def test_an_execution_is_shown_with_its_timeline(stage: Stage) -> None:
    stage.claim()
    cancel_requested = transitions.cancel_requested(stage.record, "by its owner", NOW_MS + 7)
    stage._keep(cancel_requested, stage.record.version)
    text = stage.run("executions", "show", stage.record.id).stdout
    assert "by its owner" in text
    stage.end(State.CANCELLED, replace(DONE, result=Result.CANCELLED, reason="by its owner"))
    lines = stage.run("executions", "show", stage.record.id).stdout.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("TIME"))) + 1 :]
    assert [re.split(r" {2,}", line)[1] for line in table] == ["+0s"] * 4 + ["+7ms"] + ["+9ms"] * 2
    words = ("due", "received", "claimed", "started", "cancel requested", "ended", "finished")
    assert [next(word for word in words if word in line) for line in table] == list(words)
    assert "cancelled: by its owner" in table[-1]
