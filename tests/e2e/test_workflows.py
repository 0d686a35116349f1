"""Definitions of workflows on what is deployed: put, compared, read by their versions, and deleted."""

from __future__ import annotations

import pytest

from tidewheel.client import ApiError
from tidewheel.workflows import Workflow, call, wait

HOOK = {"kind": "http", "url": "https://example.com/hook"}


def a_workflow(name, text, steps=2):
    with Workflow(name, description=text) as made:
        before = wait("first", duration="1m")
        for number in range(1, steps):
            before = before >> call(f"step{number}", {**HOOK, "body": {"of": "x" * 100, "run": "$.run.id"}})
    return made


def test_a_definition_goes_through_its_versions(client):
    name = "e2e-definition"
    first = client.put_workflow(a_workflow(name, "one"))
    assert client.put_workflow(a_workflow(name, "one")) == first
    dry = client.put_workflow(a_workflow(name, "two"), dry_run=True)
    assert [(one.path, one.before, one.after) for one in dry.changes] == [("description", "one", "two")]
    second = client.put_workflow(a_workflow(name, "two"), match=first.generation)
    assert [one.version for one in client.workflow_versions(name)] == [second.version, first.version]
    assert client.workflow_version(name, first.version).definition == first.definition
    assert name in {one.name for one in client.workflows()}
    with pytest.raises(ApiError) as refused:
        client.put_workflow(a_workflow(name, "three"), match=first.generation)
    assert refused.value.status == 412
    changed = [one for entry in client.audit(subject=name) for one in entry.changes]
    assert {one.after["version"] for one in changed} == {first.version, second.version}
    client.delete_workflow(name)
    assert name not in {one.name for one in client.workflows()}


def test_a_definition_of_a_thousand_steps_is_kept_and_read(client):
    name = "e2e-large"
    put = client.put_workflow(a_workflow(name, "large", 1_000))
    assert put.steps == 1_000
    assert client.workflow(name).definition == put.definition
    client.delete_workflow(name)
