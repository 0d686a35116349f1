"""Tasks as their authors see them: registered, imported, and told about their run."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tidewheel.tasks import (
    CannotImport,
    RetryAfter,
    Run,
    Stopped,
    current,
    instant,
    load,
    registered,
    registry,
    running,
    task,
)


class Kept:
    """A line that nobody listens to."""

    def __init__(self, restored: str = "", *, stopping: bool = False) -> None:
        self.restored = restored
        self.stopping = stopping
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1

    def checkpoint(self, state: str) -> None:
        self.restored = state


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})


def a_run(line: Kept) -> Run:
    return Run("run-1", 2, instant(1_000), instant(1_040), line)


def report(day: str) -> str:
    return day


def test_a_task_has_the_name_that_it_is_given_or_its_modules_and_its_own() -> None:
    assert task(report) is report
    assert task(name="reports.daily")(report) is report
    assert registered() == {f"{__name__}.report": report, "reports.daily": report}


def test_what_is_registered_twice_is_the_same_but_two_of_a_name_are_refused() -> None:
    task(name="a")(report)
    task(name="a")(report)  # its module was imported again
    with pytest.raises(ValueError, match=r"the task a is .*report already, and cannot be .*a_run"):
        task(name="a")(a_run)
    assert registered()["a"] is report


@pytest.mark.parametrize("name", ["", "7up", "a b", "ä", "a" * 129, "a\n"])
def test_a_name_that_no_job_could_write_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a task's name"):
        task(name=name)(report)


def test_what_would_return_before_it_is_done_is_refused() -> None:
    async def later() -> None: ...

    async def pieces() -> AsyncIterator[int]:
        yield 1

    def parts() -> Iterator[int]:
        yield 1

    for function in (later, parts, pieces):
        with pytest.raises(TypeError, match="before its work is done"):
            task(name="a")(function)


def test_modules_are_imported_and_register_their_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_tasks.py").write_text("from tidewheel.tasks import task\n\n@task\ndef f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        load(["my_tasks"])
    finally:
        sys.modules.pop("my_tasks", None)
    assert list(registered()) == ["my_tasks.f"]


@pytest.mark.parametrize(
    ("text", "problem"), [(None, "No module named"), ("1 / 0", "division"), ("def", "SyntaxError")]
)
def test_the_module_that_cannot_be_imported_is_named(
    text: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text:
        (tmp_path / "bad_tasks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CannotImport, match=rf"the task module 'bad_tasks' cannot be imported: .*{problem}.*PYTHONPATH"):
        load(["bad_tasks"])


def test_a_run_says_which_it_is() -> None:
    run = a_run(Kept())
    assert (run.execution, run.attempt, run.fencing_token) == ("run-1", 2, 2)
    assert run.nominal_time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert run.due_time == datetime(1970, 1, 1, 0, 0, 1, 40_000, tzinfo=UTC)


def test_there_is_a_current_run_only_in_a_task() -> None:
    with pytest.raises(LookupError, match="no task runs here"):
        current()
    run = a_run(Kept())
    with running(run):
        assert current() is run
    with pytest.raises(LookupError):
        current()


@pytest.mark.parametrize("state", [None, 0, "", [], {"page": 3, "ä": [1.5, None]}])
def test_checkpoints_are_json_both_ways(state: Any) -> None:
    line = Kept()
    a_run(line).checkpoint(state)
    assert a_run(line).restored == state
    assert json.loads(line.restored) == state


def test_there_may_be_no_checkpoint_or_another_kinds() -> None:
    assert a_run(Kept()).restored is None
    assert a_run(Kept("page 3")).restored is None


def test_what_json_cannot_say_is_no_checkpoint() -> None:
    with pytest.raises(TypeError):
        a_run(Kept()).checkpoint(object())
    with pytest.raises(ValueError, match="JSON"):
        a_run(Kept()).checkpoint(float("nan"))


def test_a_task_that_is_to_end_does() -> None:
    run = a_run(Kept(stopping=True))
    assert run.stopping
    with pytest.raises(Stopped):
        run.raise_if_stopping()
    assert not issubclass(Stopped, Exception)
    a_run(Kept()).raise_if_stopping()


def test_a_beat_is_passed_on() -> None:
    line = Kept()
    a_run(line).beat()
    assert line.beats == 1


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_time_to_wait_is_a_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="is no time to wait"):
        RetryAfter(seconds)
    assert str(RetryAfter(90)) == "to be tried again in 90 s"
