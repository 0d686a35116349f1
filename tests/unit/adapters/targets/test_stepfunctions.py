"""The stepfunctions target: which run is an execution's own, and how long somebody waits for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.calls import a_call
from tidewheel.adapters.aws.targets import calling
from tidewheel.adapters.aws.targets.stepfunctions import LONGEST_PAUSE_MS, StepFunctionsTarget
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call

EXECUTION = "j0000000000000001-1k7x5gjk0-s"
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:report"
FIRST = f"arn:aws:states:us-east-1:111122223333:execution:report:{EXECUTION}"
SECOND, THIRD = f"{FIRST}-2", f"{FIRST}-3"


def refused(code: str, status: int = 400) -> ClientError:
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Do")  # type: ignore[arg-type]


@dataclass
class States:
    """Step Functions with one machine, whose runs last until ``lasting`` looks at them were had."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lasting: int = 0
    end: dict[str, Any] = field(default_factory=lambda: {"status": "SUCCEEDED", "output": '{"ok": 1}'})
    log: list[str] = field(default_factory=list)
    faults: list[Exception | None] = field(default_factory=list)
    looking: Callable[[], None] = lambda: None

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        self._met(f"start {name}")
        arn = f"{':'.join(stateMachineArn.split(':')[:5])}:execution:report:{name}"
        if arn in self.runs:
            raise refused("ExecutionAlreadyExists")
        self.runs[arn] = {"status": "RUNNING", "input": input}
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._met(f"look {executionArn.rpartition(':')[2]}")
        self.looking()
        run = self.runs[executionArn]
        if run["status"] == "RUNNING":
            self.lasting -= 1
            if self.lasting < 0:
                run |= self.end
        return run

    def stop_execution(self, *, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        self._met(f"stop {executionArn.rpartition(':')[2]}")
        self.runs[executionArn] |= {"status": "ABORTED", "error": error, "cause": cause}

    def _met(self, what: str) -> None:
        self.log.append(what.replace(EXECUTION, "X"))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault


@dataclass
class Waiter:
    """A target, its clock, and the calls to it."""

    states: States = field(default_factory=States)
    clock: SettableClock = field(default_factory=lambda: SettableClock(0))
    progress: OpenCallProgress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = OpenCallProgress(self.clock)

    def call(self, attempt: int = 1, *, wait: bool = True, **spec: Any) -> Answer:
        target = Target("stepfunctions", {"machine": MACHINE, "input": {"a": 1}, "wait": wait, **spec})
        made: Call = a_call(target, EXECUTION, 0, attempt, MINUTE_MS, self.progress)
        return StepFunctionsTarget(self.states, self.clock).call(made)

    def next(self, attempt: int, **spec: Any) -> Answer:
        """The call of another attempt, which has what was kept of the last."""
        self.progress = OpenCallProgress(self.clock, self.progress.restored)
        return self.call(attempt, **spec)


@pytest.fixture
def waiter() -> Waiter:
    return Waiter()


# --- started only ---------------------------------------------------------------------------------------------------


def test_a_run_is_started_under_the_executions_name(waiter: Waiter) -> None:
    answer = waiter.call(wait=False)
    assert answer == Answer(Result.SUCCEEDED, 200, json.dumps({"executionArn": FIRST}))
    assert json.loads(waiter.states.runs[FIRST]["input"]) == {"a": 1}
    assert waiter.states.log == ["start X"]


@pytest.mark.parametrize("machine", [MACHINE, f"{MACHINE}:7", f"{MACHINE}:live"])
def test_a_run_that_was_started_before_is_not_started_again(waiter: Waiter, machine: str) -> None:
    waiter.states.runs[FIRST] = {"status": "FAILED"}
    assert waiter.call(2, wait=False, machine=machine).output == json.dumps({"executionArn": FIRST})
    assert list(waiter.states.runs) == [FIRST]


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("StateMachineDoesNotExist", 400, False),
        ("AccessDeniedException", 400, False),
        ("ExecutionLimitExceeded", 400, True),
        ("ServiceUnavailable", 503, True),
    ],
)
def test_a_start_is_refused(waiter: Waiter, wait: bool, code: str, status: int, retryable: bool) -> None:
    waiter.states.faults = [refused(code, status)]
    answer = waiter.call(wait=wait)
    assert answer == Answer(Result.FAILED, status, reason=f"{code}: no", retryable=retryable)
    assert waiter.states.log == ["start X"]


# --- waited for -----------------------------------------------------------------------------------------------------


def test_an_attempt_lasts_until_its_run_ends(waiter: Waiter) -> None:
    waiter.states.lasting = 3
    assert waiter.call() == Answer(Result.SUCCEEDED, 200, '{"ok": 1}')
    assert waiter.states.log == ["start X", *["look X"] * 4]
    assert waiter.progress.take_log(last=True) == b'{"ok": 1}'
    assert waiter.progress.silent_ms == 0
    assert waiter.clock.now_ms() == 4 * 500


def test_pauses_grow_with_the_run(waiter: Waiter) -> None:
    waiter.states.lasting = 10**6
    looks: list[int] = []
    waiter.states.looking = lambda: looks.append(waiter.clock.now_ms())
    target = Target("stepfunctions", {"machine": MACHINE, "wait": True})
    call = replace(a_call(target, EXECUTION, 0, 1, 10 * MINUTE_MS), progress=waiter.progress)
    assert StepFunctionsTarget(waiter.states, waiter.clock).call(call).result is Result.TIMED_OUT
    pauses = [after - before for before, after in pairwise(looks)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (500, LONGEST_PAUSE_MS)
    assert len(looks) < 100


@pytest.mark.parametrize(
    ("end", "reason", "output", "retryable"),
    [
        (
            {"status": "FAILED", "error": "Bad", "cause": "luck"},
            "the run ended as FAILED: Bad: luck",
            "Bad: luck",
            True,
        ),
        ({"status": "FAILED", "error": "Bad"}, "the run ended as FAILED: Bad", "Bad", True),
        ({"status": "TIMED_OUT"}, "the run ended as TIMED_OUT", "", True),
        ({"status": "ABORTED", "cause": "by hand"}, "the run ended as ABORTED: by hand", "by hand", False),
    ],
)
def test_an_attempt_fails_as_its_run_does(
    waiter: Waiter, end: dict[str, Any], reason: str, output: str, retryable: bool
) -> None:
    waiter.states.end = end
    assert waiter.call() == Answer(Result.FAILED, None, output, reason, retryable)
    assert waiter.states.log == ["start X", "look X"]


def test_after_a_run_that_failed_comes_one_of_another_name(waiter: Waiter) -> None:
    waiter.states.end = {"status": "FAILED"}
    assert waiter.call().result is Result.FAILED
    assert waiter.next(2).result is Result.FAILED
    waiter.states.end = {"status": "SUCCEEDED", "output": "1"}
    waiter.states.log.clear()
    assert waiter.next(3).result is Result.SUCCEEDED
    assert list(waiter.states.runs) == [FIRST, SECOND, THIRD]
    assert waiter.states.log == ["start X-2", "look X-2", "start X-3", "look X-3"]  # the checkpoint spares the first


def test_without_the_checkpoint_the_same_run_is_found(waiter: Waiter) -> None:
    waiter.states.runs = {FIRST: {"status": "FAILED"}, SECOND: {"status": "RUNNING"}}
    waiter.progress = OpenCallProgress(waiter.clock, "what some other target kept")
    assert waiter.call(5).result is Result.SUCCEEDED
    assert list(waiter.states.runs) == [FIRST, SECOND]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_a_run_of_a_worker_that_vanished_is_not_repeated(waiter: Waiter, status: str) -> None:
    waiter.states.runs[FIRST] = {"status": status, "output": '{"ok": 1}'}
    assert waiter.call(2) == Answer(Result.SUCCEEDED, 200, '{"ok": 1}')
    assert list(waiter.states.runs) == [FIRST]


@pytest.mark.parametrize("stop", [Stop.DRAINED, Stop.LEASE_LOST])
def test_a_worker_that_ends_leaves_the_run_to_the_next(waiter: Waiter, stop: Stop) -> None:
    waiter.states.lasting = 3
    waiter.states.looking = lambda: waiter.progress.stop(stop)
    assert waiter.call().result is Result.FAILED
    assert waiter.states.runs[FIRST]["status"] == "RUNNING"
    waiter.states.looking = lambda: None
    assert waiter.next(2).result is Result.SUCCEEDED
    assert list(waiter.states.runs) == [FIRST]


@pytest.mark.parametrize("stop", [Stop.CANCELLED, Stop.TIMED_OUT, Stop.SILENT])
def test_a_call_that_is_to_end_stops_its_run(waiter: Waiter, stop: Stop) -> None:
    waiter.states.lasting = 10**6
    waiter.states.looking = lambda: waiter.progress.stop(stop)
    assert waiter.call(2).result is Result.FAILED
    run = waiter.states.runs[FIRST]
    assert (run["status"], run["error"]) == ("ABORTED", "Tidewheel")
    assert run["cause"] == f"attempt 2 of {EXECUTION}: {stop}"


def test_a_run_past_the_time_out_is_stopped_and_followed_by_another(waiter: Waiter) -> None:
    waiter.states.lasting = 10**6
    assert waiter.call() == Answer(Result.TIMED_OUT, reason=f"no answer within {MINUTE_MS} ms")
    assert waiter.states.runs[FIRST]["status"] == "ABORTED"
    assert waiter.clock.now_ms() - MINUTE_MS < 250
    waiter.states.lasting = 0
    assert waiter.next(2).result is Result.SUCCEEDED
    assert list(waiter.states.runs) == [FIRST, SECOND]


def test_what_cannot_be_stopped_is_said(waiter: Waiter) -> None:
    waiter.states.lasting = 10**6
    waiter.states.looking = lambda: waiter.progress.stop(Stop.CANCELLED)
    waiter.states.faults = [None, None, refused("AccessDeniedException")]
    answer = waiter.call()
    assert answer.reason.endswith("its run was not stopped: AccessDeniedException: no")


def test_a_stop_that_is_not_answered_is_waited_for_briefly(waiter: Waiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "GRACE_MS", 1)
    waiter.states.lasting = 10**6
    over = calling.threading.Event()
    waiter.states.looking = lambda: waiter.progress.stop(Stop.CANCELLED)
    waiter.states.stop_execution = lambda **_: over.wait(60)  # type: ignore[method-assign,assignment,misc]
    answer = waiter.call()
    over.set()
    assert answer.reason.endswith("its run may go on")


def test_a_look_that_fails_is_followed_by_another(waiter: Waiter) -> None:
    waiter.states.faults = [None, refused("ThrottlingException"), refused("InternalError", 500)]
    assert waiter.call().result is Result.SUCCEEDED
    assert waiter.states.log == ["start X", *["look X"] * 3]
    assert b"ThrottlingException" in waiter.progress.take_log(last=True)


def test_a_run_that_may_not_be_looked_at_ends_the_attempt(waiter: Waiter) -> None:
    waiter.states.faults = [None, refused("AccessDeniedException")]
    answer = waiter.call()
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, 400, False)


def test_a_former_run_that_cannot_be_looked_at_now_is_not_doubled(waiter: Waiter) -> None:
    waiter.states.runs[FIRST] = {"status": "FAILED"}
    waiter.states.faults = [None, refused("ThrottlingException")]
    answer = waiter.call(2)
    assert (answer.result, answer.retryable) == (Result.FAILED, True)
    assert list(waiter.states.runs) == [FIRST]


def test_a_call_that_was_told_to_end_before_starts_nothing(waiter: Waiter) -> None:
    waiter.progress.stop(Stop.CANCELLED)
    assert waiter.call().result is Result.FAILED
    assert waiter.states.runs == {}
