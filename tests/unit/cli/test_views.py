"""How answers are printed, watched and waited for, and how commands end."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from tests.support.api_bench import NOW_MS
from tests.support.command_line import CommandLine, done, made
from tests.support.markdown import ROOT
from tidewheel.cli.exits import MEANINGS, ExitStatus
from tidewheel.cli.files import yaml_text
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId
from tidewheel.wire.problem import problem


class Interrupted(Exception):
    """The watching is over."""


def steps(run: CommandLine, *then: Callable[[], object]) -> list[float]:
    """Lets something happen at each wait; after the last one the command is interrupted."""
    left = list(then)

    def wait(_seconds: float) -> None:
        if not left:
            raise Interrupted
        left.pop(0)()

    run.wait = wait
    return run.waits


def test_an_answer_is_printed_in_any_form(run: CommandLine) -> None:
    id = made(run, "--every", "5m")["id"]
    text = done(run("jobs", "show", "hook", "-o", "json"))
    assert text == done(run("jobs", "show", "hook", "--json"))
    (document,) = yaml_text.documents(done(run("jobs", "show", "hook", "-o", "yaml")))
    assert document.value == json.loads(text)
    assert done(run("jobs", "show", "hook", "--output", "name")) == f"{id}\n"
    assert done(run("jobs", "list", "-o", "name")) == f"{id}\n"
    assert done(run("jobs", "upcoming", id, "-o", "name", "--count", "2")).count("\n") == 2
    assert done(run("jobs", "ledger", id, "-o", "name")) == "\n"
    assert done(run("jobs", "get", id)) == done(run("jobs", "show", id, "-o", "table"))
    assert run("jobs", "show", id, "--json", "-o", "yaml").exit_code == 2
    assert run("jobs", "show", id, "-o", "xml").exit_code == 2
    assert done(run("jobs", "delete", id, "-o", "name")) == f"{id}\n"


def test_a_watched_list_in_a_pipe_says_each_change_once(run: CommandLine) -> None:
    id = made(run, "--every", "5m")["id"]
    waits = steps(run, lambda: None, lambda: run.api_bench.call("POST", f"/jobs/{id}/pause"))
    result = run("jobs", "list", "--watch", "--json")
    assert isinstance(result.exception, Interrupted)
    assert [json.loads(line)["state"] for line in result.stdout.splitlines()] == ["active", "paused"]
    assert waits == [2.0, 2.0, 2.0]


def test_a_watched_table_has_its_head_once(run: CommandLine) -> None:
    first = made(run, "--every", "5m")["id"]
    steps(run, lambda: run.api_bench.call("POST", f"/jobs/{first}/pause"))
    lines = run("jobs", "list", "--watch").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["NAME", "STATE"], ["hook", "active"], ["hook", "paused"]]


def test_a_watched_job_is_shown_whenever_it_changes(run: CommandLine) -> None:
    id = made(run, "--every", "5m")["id"]
    steps(run, lambda: None, lambda: run.api_bench.call("POST", f"/jobs/{id}/pause"))
    assert run("jobs", "show", id, "-w").stdout.count("generation") == 2
    steps(run)
    assert run("jobs", "show", id, "-w", "-o", "yaml").stdout.startswith("---\nname: hook\n")


def test_a_terminal_is_redrawn(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    id = made(run, "--every", "5m")["id"]
    monkeypatch.setattr("tidewheel.cli.views.to_terminal", lambda: True)
    steps(run, lambda: None)
    told = run("jobs", "list", "-w").stdout
    assert told.count("Ctrl-C ends") == 2
    assert told.count(id) == 2


def queued(run: CommandLine) -> str:
    job = made(run, "--every", "5m")["id"]
    id = str(ExecutionId(job, NOW_MS))
    assert (
        run.api_bench.ports.executions.swap(Execution("default", id, State.QUEUED, NOW_MS, 1, version=0), None) is None
    )
    return id


@pytest.mark.parametrize(("state", "code"), [(State.SUCCEEDED, 0), (State.DEAD, 8), (State.CANCELLED, 8)])
def test_a_wait_ends_with_the_run_and_its_status_says_how(run: CommandLine, state: State, code: int) -> None:
    id = queued(run)
    found = run.api_bench.ports.executions.get("default", id)
    assert found is not None
    over = Execution("default", id, state, NOW_MS, 1, attempt=1, finished_ms=NOW_MS, version=found.version + 1)
    steps(run, lambda: None, lambda: run.api_bench.ports.executions.swap(over, found.version))
    result = run("executions", "wait", id, "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["state"], result.stderr) == (code, state.value, "")


def test_a_wait_whose_time_is_over_ends_with_9(run: CommandLine) -> None:
    id = queued(run)
    result = run("executions", "wait", id, "--timeout", "3")
    assert (result.exit_code, result.stdout, round(sum(run.waits), 3)) == (9, "", 3.0)
    assert "still queued" in result.stderr


def test_a_run_is_waited_for(run: CommandLine) -> None:
    made(run, "--every", "5m")
    result = run("jobs", "run", "hook", "--wait", "--timeout", "0")
    assert result.exit_code == 9
    assert run("jobs", "run", "hook", "--timeout", "5").exit_code == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 1),
        (401, 6),
        (403, 6),
        (404, 3),
        (409, 4),
        (412, 4),
        (422, 1),
        (429, 7),
        (500, 1),
        (502, 5),
        (503, 7),
        (504, 5),
    ],
)
def test_every_refusal_has_its_status(run: CommandLine, status: int, code: int) -> None:
    document = problem("conflict", "no", "r").model_copy(update={"status": status, "title": "T"})
    answer = httpx.MockTransport(lambda _: httpx.Response(status, text=document.model_dump_json()))
    result = run("jobs", "show", "a", transport=answer)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("T: no\n")


def test_whoever_is_not_signed_in_is_told_how(run: CommandLine) -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(401, json={"message": "Unauthorized"}))
    assert "TIDEWHEEL_TOKEN" in run("jobs", "list", transport=answer).stderr


def test_the_page_of_errors_has_the_table_of_statuses() -> None:
    page = (ROOT / "shared" / "docs" / "reference" / "errors.md").read_text()
    assert set(MEANINGS) == set(ExitStatus)
    for status, meaning in MEANINGS.items():
        assert f"| {status.value} | {meaning} |" in page
