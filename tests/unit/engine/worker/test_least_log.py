"""Short logs of calls that succeeded are left out where a deployment says so: each costs a request to the bucket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.ids import ExecutionId
from tidewheel.ports import Call

LONG = 300
"""Bytes, more than the record takes."""


def _stored(result: Result, length: int, least_log: int) -> list[bytes]:
    """What is stored of an answer of so many bytes."""
    stack = MemoryStack()
    stack.workers_up = False  # this test is the worker
    job = stack.create(every(3_600_000, START_MS))
    dispatch = Dispatch(TENANT, str(ExecutionId(job.id, START_MS)), 1, 1, START_MS, recorded=False)

    def answer(call: Call) -> Answer:
        call.progress.write(b"x" * length)
        return Answer(result, 200, "x" * min(length, 256))

    stack.caller.answers = answer
    runner = stack.runner
    replace(runner, calls=replace(runner.calls, least_log=least_log)).handle(dispatch)
    return [data for _, data in stack.logs.read(TENANT, dispatch.execution, 1)]


@pytest.mark.parametrize(
    ("result", "length", "least_log", "parts"),
    [
        (Result.SUCCEEDED, LONG, 0, 1),
        (Result.SUCCEEDED, LONG, LONG, 1),
        (Result.SUCCEEDED, LONG, LONG + 1, 0),
        (Result.FAILED, LONG, LONG + 1, 1),
        (Result.SUCCEEDED, 256, 0, 0),  # the record has all of it
        (Result.FAILED, 256, 1_000, 0),
    ],
)
def test_what_is_stored(result: Result, length: int, least_log: int, parts: int) -> None:
    assert [len(data) for data in _stored(result, length, least_log)] == [length] * parts
