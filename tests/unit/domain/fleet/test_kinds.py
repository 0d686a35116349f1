"""Kinds of target that have all rights of their worker run only where the deployment allows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.errors import Invalid
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.kinds import AllowedKinds
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Target
from tidewheel.ports import Received
from tidewheel.wire.targets import MODELS, PRIVILEGED, allowed_kinds

KINDS = AllowedKinds(frozenset({"command", "sql"}), {"rack": frozenset({"command"}), "*": frozenset({"sql"})})
PROGRAM = Target("command", {"command": ["true"], "shell": False, "environment": {}, "directory": None, "grace": "1s"})


def test_those_with_the_rights_of_their_worker_are_known() -> None:
    assert {"command", "python", "sql"} == PRIVILEGED
    assert MODELS.keys() > PRIVILEGED


@pytest.mark.parametrize(
    ("kind", "pool", "allowed"),
    [
        ("http", "lambda", True),
        ("command", "rack", True),
        ("command", "lambda", False),
        ("sql", "lambda", True),
        ("sql", "rack", True),
    ],
)
def test_a_privileged_kind_runs_on_the_pools_that_are_named(kind: str, pool: str, allowed: bool) -> None:
    assert KINDS.allows(kind, pool) is allowed


def test_a_refusal_names_the_pools_that_run_it_and_the_setting() -> None:
    with pytest.raises(Invalid) as error:
        KINDS.refuse("command", "fargate")
    assert (error.value.field, error.value.problem) == (
        "target.kind",
        "the pool fargate is not allowed to run targets of the kind command",
    )
    assert error.value.remedy.startswith("use a pool that is (rack), or allow it in the deployment's context key")
    with pytest.raises(Invalid) as error:
        allowed_kinds({}).refuse("python", "fargate")
    assert error.value.remedy.startswith("allow it in the deployment's context key allow_kinds")


def program(_id: str, _now: int, _old: Definition | None) -> Definition:
    return Definition("job", None, PROGRAM, pool="fargate")


def test_no_job_of_one_is_created_and_none_becomes_one_unless_that_is_allowed() -> None:
    stack = MemoryStack()
    with pytest.raises(Invalid, match="kind command"):
        stack.job_service.create(TENANT, program)
    job = stack.create(every(60_000), pool="fargate")
    with pytest.raises(Invalid, match="kind command"):
        stack.job_service.edit(
            TENANT, job.id, lambda _id, _now, old: replace(old or program("", 0, None), target=PROGRAM)
        )
    allowing = replace(stack.job_service, kinds=allowed_kinds({"fargate": frozenset({"command"})}))
    assert allowing.create(TENANT, program).definition.target == PROGRAM


def test_the_worker_refuses_it_again_by_the_pool_whose_rights_it_has() -> None:
    """It was stored before the setting changed, or its job was edited while its message lay in another pool's queue."""
    stack = MemoryStack()
    stack.workers_up = False
    job = stack.create(every(60_000, START_MS), pool="fargate")
    privileged = replace(job, definition=replace(job.definition, target=PROGRAM))
    stack.jobs.get = lambda *_, **__: privileged  # type: ignore[method-assign]
    kinds = allowed_kinds({"fargate": frozenset({"command"})})
    callers = {"command": stack.caller}
    calls = replace(stack.runner.calls, kinds=kinds, callers=callers)

    def handled(pool: str, nominal_ms: int) -> tuple[str, str]:
        id = str(ExecutionId(job.id, nominal_ms))
        message = Received("m", "r", "", Route(pool, "normal"), 1, None)
        dispatch = Dispatch(TENANT, id, 1, job.generation, nominal_ms, recorded=False)
        replace(stack.runner, calls=calls).handle(dispatch, message)
        record = stack.execution_service.get(TENANT, id)
        return str(record.state), record.reason

    assert handled("rack", START_MS + 60_000) == (
        State.FAILED,
        "the pool rack is not allowed to run targets of the kind command",
    )
    assert not stack.caller.calls
    assert handled("fargate", START_MS + 120_000) == (State.SUCCEEDED, "")
    calls = replace(calls, callers={})
    assert handled("rack", START_MS + 180_000)[0] == State.FAILED  # refused, not left to others of that pool
