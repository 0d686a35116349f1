"""Putting workflows while others put them: nothing is lost, and what was compared is what is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.memory_stack import TENANT, MemoryStack
from tidewheel.adapters.memory import MemoryWorkflows
from tidewheel.domain.errors import Conflict, NotFound, Outdated
from tidewheel.domain.workflows.records import WorkflowRecord
from tidewheel.engine.api.workflows.definitions import NewDefinition, WorkflowService
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.convert import workflow_of
from tidewheel.wire.workflows.reading import read_workflow


def a_definition(description: str = "", name: str = "nightly") -> NewDefinition:
    steps = {"a": {"target": {"kind": "http", "url": "https://example.com/hook"}}}
    body = read_workflow({"name": name, "description": description, "steps": steps})
    return NewDefinition(workflow_of(body), document_of(body))


@pytest.fixture
def stack() -> MemoryStack:
    return MemoryStack()


class Crowded(MemoryWorkflows):
    """Before each of the first writes of a record, somebody else puts another definition."""

    def __init__(self, stack: MemoryStack, others: int) -> None:
        super().__init__(stack.world)
        self._stack, self.left = stack, others

    def swap(self, new: WorkflowRecord) -> WorkflowRecord | None:
        if self.left:
            self.left -= 1
            self._stack.clock.advance(1_000)
            self._stack.api.workflows.put(TENANT, a_definition(f"theirs {self.left}"), by="them")
        return super().swap(new)


def crowded(stack: MemoryStack, others: int) -> WorkflowService:
    service: Any = stack.api.workflows
    return WorkflowService(
        Crowded(stack, others),
        service.nesting,
        service.clock,
        service.telemetry,
        service.pace,
        service.pools,
        service.kinds,
        service.limits,
    )


def test_a_definition_follows_those_that_were_put_meanwhile(stack: MemoryStack) -> None:
    mine = crowded(stack, 3).put(TENANT, a_definition("mine"), by="me")
    standing = stack.api.workflows.get(TENANT, "nightly")
    assert standing.record == mine.record
    assert (standing.record.generation, standing.record.updated_by, standing.record.created_by) == (4, "me", "them")
    assert standing.version.document["description"] == "mine"


def test_what_was_compared_is_what_is_replaced(stack: MemoryStack) -> None:
    stack.api.workflows.put(TENANT, a_definition("first"))
    with pytest.raises(Outdated):
        crowded(stack, 1).put(TENANT, a_definition("mine"), match=1)
    assert stack.api.workflows.get(TENANT, "nightly").version.document["description"] == "theirs 0"


def test_too_many_others_at_once_are_a_conflict(stack: MemoryStack) -> None:
    with pytest.raises(Conflict, match="put by many at once"):
        crowded(stack, 9).put(TENANT, a_definition("mine"))
    stack.api.workflows.put(TENANT, a_definition())
    with pytest.raises(Conflict, match="put by many at once"):
        crowded(stack, 9).delete(TENANT, "nightly")


def test_a_deletion_meets_a_definition_that_was_put_meanwhile(stack: MemoryStack) -> None:
    stack.api.workflows.put(TENANT, a_definition())
    crowded(stack, 1).delete(TENANT, "nightly", by="me")
    with pytest.raises(NotFound):
        stack.api.workflows.get(TENANT, "nightly")


def test_a_version_that_was_kept_and_never_became_the_latest_is_there_for_the_next_one(stack: MemoryStack) -> None:
    with pytest.raises(Conflict):
        crowded(stack, 9).put(TENANT, a_definition("mine"), by="me")
    stack.clock.advance(60_000)
    put = stack.api.workflows.put(TENANT, a_definition("mine"), by="other")
    assert put.version.row.created_by == "me"
    assert put.record.updated_by == "other"
