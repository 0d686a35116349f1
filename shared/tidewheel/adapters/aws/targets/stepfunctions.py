"""The ``stepfunctions`` target: starts a state machine, and on request waits for its end.

The name of the state machine's run is derived from the execution's id, so a repeated attempt finds the run that it
would start again. A run that is under way or has succeeded counts as this attempt's, whichever attempt started it. Only
after a run that failed is another one started, under the next name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.targets.calling import (
    GRACE_MS,
    NOT_STARTED,
    READ_MS,
    Unanswered,
    answered,
    ask_within,
    failed,
    succeeded,
    succeeded_with,
    unanswered,
)
from tidewheel.adapters.targets.answers import excerpt
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Call, Caller, Clock

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

T = TypeVar("T")

KIND = "stepfunctions"

FIRST_PAUSE_MS = 500
LONGEST_PAUSE_MS = 10 * SECOND_MS
"""Bounds (ms) of the pause between two looks at a run, which is an eighth of how long the run has lasted."""
SLICE_MS = 250
"""A pause is slept in parts of so many ms, after each of which the call may be told to end."""

_UNFINISHED = {"RUNNING", "PENDING_REDRIVE"}
_FAILED = {"FAILED", "TIMED_OUT", "ABORTED"}
_REPEATED = "ExecutionAlreadyExists"
_NEXT_ATTEMPT_WAITS = {Stop.DRAINED, Stop.LEASE_LOST}
_CHECKPOINT = re.compile(r"run ([1-9][0-9]{0,8})", re.ASCII)


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    return StepFunctionsTarget(boto3.client("stepfunctions", config=clients.asking_once(READ_MS)), surroundings.clock)


@dataclass(frozen=True, slots=True)
class StepFunctionsTarget:
    """``ports.Caller`` for the kind ``stepfunctions``."""

    client: SFNClient
    clock: Clock

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        if call.target.spec.get("wait"):
            return _WaitForRun(call, self.client, self.clock, self.clock.monotonic_ms()).answer()
        return answered(call, lambda: _start(self.client, call, 1), lambda started: _answer_of(call, started))


@dataclass(frozen=True, slots=True)
class _StartedRun:
    """A run of the state machine, and whether the request started it; if not, it was there already."""

    run: str
    fresh: bool


def _name(call: Call, number: int) -> str:
    """The n-th run's name. An execution's id is a valid name, and leaves room for the number."""
    return call.execution if number == 1 else f"{call.execution}-{number}"


def _arn(call: Call, number: int) -> str:
    """The n-th run's ARN; it does not hold the version or alias that the machine's ARN may end in."""
    parts = str(call.target.spec["machine"]).split(":")
    return ":".join([*parts[:5], "execution", parts[6], _name(call, number)])


def _start(client: SFNClient, call: Call, number: int) -> _StartedRun:
    spec = call.target.spec
    try:
        answer = client.start_execution(
            stateMachineArn=spec["machine"], name=_name(call, number), input=json.dumps(spec.get("input"))
        )
    except ClientError as error:
        if clients.code_of(error) != _REPEATED:
            raise
        return _StartedRun(_arn(call, number), fresh=False)
    return _StartedRun(str(answer["executionArn"]), fresh=True)


def _answer_of(call: Call, started: _StartedRun) -> Answer:
    return succeeded(call, {"executionArn": started.run})


@dataclass(slots=True)
class _WaitForRun:
    """A call that waits for its run to end.

    Args:
        call: The call.
        client: Step Functions.
        clock: Time.
        since_ms: When it began (ms of the monotonic clock).
        run: The ARN of the run; empty before the first was requested.
    """

    call: Call
    client: SFNClient
    clock: Clock
    since_ms: int
    run: str = ""

    def answer(self) -> Answer:
        """The answer: how the run ended, or why the wait for it ended."""
        if self.call.progress.stopping is not None:
            return NOT_STARTED
        try:
            seen = self._begin()
            while seen["status"] in _UNFINISHED:
                self._pause()
                seen = self._look_once_more()
            return self._ended(seen)
        except Unanswered:
            return self._given_up()
        except (ClientError, BotoCoreError) as error:
            return failed(error)

    def _begin(self) -> Mapping[str, Any]:
        """Finds or starts the run that counts as this attempt's. The checkpoint tells later attempts where to begin."""
        hint = _CHECKPOINT.fullmatch(self.call.progress.restored)
        for number in count(int(hint[1]) if hint else 1):
            self.run = _arn(self.call, number)  # set before the start, so that the run can be stopped whatever happens
            started = self._ask(partial(_start, self.client, self.call, number))
            self.run = started.run
            if number > 1:
                self.call.progress.checkpoint(f"run {number}")
            if started.fresh:
                break
            seen = self._look()
            if seen["status"] not in _FAILED:
                return seen
        return {"status": "RUNNING"}

    def _ask(self, ask: Callable[[], T]) -> T:
        """Asks without grace: the next attempt finds the run by its name."""
        return ask_within(self.call, ask, self._left_ms, grace_ms=0)

    @property
    def _left_ms(self) -> int:
        return self.since_ms + self.call.timeout_ms - self.clock.monotonic_ms()

    def _look(self) -> Mapping[str, Any]:
        seen: Mapping[str, Any] = self._ask(lambda: self.client.describe_execution(executionArn=self.run))
        return seen

    def _look_once_more(self) -> Mapping[str, Any]:
        """Looks at the run; a retryable error counts as a run that is under way."""
        try:
            return self._look()
        except (ClientError, BotoCoreError) as error:
            answer = failed(error)
            if not answer.retryable:
                raise
            self.call.progress.write(f"the run could not be looked at: {answer.reason}\n".encode())
            return {"status": "RUNNING"}

    def _pause(self) -> None:
        lasted_ms = self.clock.monotonic_ms() - self.since_ms
        rest_ms = min(LONGEST_PAUSE_MS, max(FIRST_PAUSE_MS, lasted_ms // 8))
        while rest_ms > 0:
            if self.call.progress.stopping is not None or self._left_ms <= 0:
                raise Unanswered
            part_ms = min(rest_ms, SLICE_MS)
            self.clock.sleep(part_ms)
            self.call.progress.beat()
            rest_ms -= part_ms

    def _ended(self, seen: Mapping[str, Any]) -> Answer:
        """The answer for a run that has ended. One that was aborted from outside is not retried."""
        status = str(seen["status"])
        if status not in _FAILED:
            return succeeded_with(self.call, str(seen.get("output") or "").encode())
        told = ": ".join(seen[part] for part in ("error", "cause") if seen.get(part))
        self.call.progress.write(told.encode())
        reason = f"the run ended as {status}" + (f": {told}" if told else "")
        return Answer(Result.FAILED, output=excerpt(told.encode()), reason=reason, retryable=status != "ABORTED")

    def _given_up(self) -> Answer:
        """Stops the run, unless the next attempt is to go on waiting for it."""
        stop = self.call.progress.stopping
        if stop in _NEXT_ATTEMPT_WAITS:
            return Answer(Result.FAILED, reason="its run goes on, and the next attempt with it")
        answer = unanswered(self.call)
        try:
            ask_within(self.call, lambda: self._stop(stop), GRACE_MS)
        except Unanswered:
            return replace(answer, reason=f"{answer.reason}; its run may go on")
        except (ClientError, BotoCoreError) as error:
            return replace(answer, reason=f"{answer.reason}; its run was not stopped: {failed(error).reason}")
        return answer

    def _stop(self, stop: Stop | None) -> None:
        cause = f"attempt {self.call.attempt} of {self.call.execution}: {stop or Stop.TIMED_OUT}"
        self.client.stop_execution(executionArn=self.run, error="Tidewheel", cause=cause)
