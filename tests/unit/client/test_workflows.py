"""Both clients on workflows: put in every form, read, listed, and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api_bench import ApiBench
from tests.support.clients import KINDS, a_client
from tidewheel.client import ApiError, Unsendable
from tidewheel.wire.workflows.body import WorkflowBody
from tidewheel.workflows import Workflow, call

HOOK = {"kind": "http", "url": "https://example.com/hook"}
DOCUMENT: dict[str, Any] = {"name": "nightly", "steps": {"a": {"target": HOOK}}}


@pytest.fixture(params=KINDS)
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    client = a_client(request.param, ApiBench().transport())
    yield client
    client.close()


def built() -> Workflow:
    with Workflow("nightly") as made:
        call("a", HOOK)
    return made


def test_a_workflow_is_put_in_every_form_as_the_same_version(api: Any) -> None:
    first = api.put_workflow(DOCUMENT)
    for form in (WorkflowBody.model_validate(DOCUMENT), built()):
        assert api.put_workflow(form) == first
    assert (first.definition.steps["a"].target.url, first.generation) == (HOOK["url"], 1)


def test_versions_are_read_and_gone_through(api: Any) -> None:
    digests = [
        api.put_workflow({**DOCUMENT, "description": text}, key=text).version for text in ("one", "two", "three")
    ]
    assert {one.version for one in api.workflow_versions("nightly", page=1)} == set(digests)
    assert len(api.workflow_versions_page("nightly", limit=2).items) == 2
    assert api.workflow_version("nightly", digests[0]).definition.description == "one"
    assert api.workflow("nightly").version == digests[2]


def test_workflows_are_gone_through_and_deleted(api: Any) -> None:
    for name in ("a", "b", "c"):
        api.put_workflow({**DOCUMENT, "name": name})
    assert [one.name for one in api.workflows(page=2)] == ["a", "b", "c"]
    assert api.workflows_page(limit=1).cursor
    api.delete_workflow("b", match=1)
    assert [one.name for one in api.workflows()] == ["a", "c"]
    with pytest.raises(ApiError) as refused:
        api.workflow("b")
    assert refused.value.status == 404


def test_a_dry_run_and_a_match_reach_the_api(api: Any) -> None:
    assert [one.path for one in api.put_workflow(DOCUMENT, dry_run=True).changes] == ["name", "steps"]
    api.put_workflow(DOCUMENT)
    with pytest.raises(ApiError) as refused:
        api.put_workflow({**DOCUMENT, "description": "x"}, match=7)
    assert refused.value.status == 412


def test_a_definition_without_a_name_is_not_sent(api: Any) -> None:
    with pytest.raises(Unsendable, match="name"):
        api.put_workflow({"steps": {}})
