"""``ports.WorkflowStore``: versions that never change, and the record that says which is the latest."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_workflow_version, full_workflow_record
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.workflows.limits import MAX_DEFINITION_BYTES
from tidewheel.domain.workflows.records import WorkflowRecord
from tidewheel.ports import Fenced

FIRST = full_workflow_record()
SECOND = WorkflowRecord.following(FIRST, a_workflow_version(2), NOW_MS + 5, "key:4")
NAME = FIRST.name


def test_what_nobody_wrote_is_not_there(backend: Backend) -> None:
    assert backend.workflows.get(TENANT, NAME) is None
    assert backend.workflows.version(TENANT, NAME, FIRST.digest) is None
    assert backend.workflows.list(TENANT, 10, None).items == []
    assert backend.workflows.versions(TENANT, NAME, 10, None).items == []


def test_every_field_of_a_record_is_kept_in_record_and_list(backend: Backend) -> None:
    assert backend.workflows.swap(FIRST) is None
    assert backend.workflows.get(TENANT, NAME) == FIRST
    assert list(backend.workflows.list(TENANT, 10, None).items) == [FIRST]


def test_a_generation_replaces_the_one_before_and_no_other(backend: Backend) -> None:
    with pytest.raises(Fenced):
        backend.workflows.swap(SECOND)
    for one in (FIRST, FIRST, SECOND, SECOND):  # a repeat of an applied write succeeds
        assert backend.workflows.swap(one) is None
    assert backend.workflows.swap(replace(FIRST, description="other")) == SECOND
    assert backend.workflows.swap(replace(SECOND, description="other")) == SECOND
    assert backend.workflows.get(TENANT, NAME) == SECOND


@pytest.mark.needs("threads")
def test_of_many_writers_exactly_one_succeeds(backend: Backend) -> None:
    assert backend.workflows.swap(FIRST) is None
    won = []

    def write(name: str) -> None:
        try:
            if backend.workflows.swap(replace(SECOND, updated_by=name)) is None:
                won.append(name)
        except Exception as error:  # noqa: BLE001 - a transaction in conflict is throttled, and wrote nothing
            assert "conflict" in str(error).lower()  # noqa: PT017

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    standing = backend.workflows.get(TENANT, NAME)
    assert standing is not None
    assert won in ([standing.updated_by], [])


def test_a_deleted_workflow_leaves_the_list_and_its_generation_goes_on(backend: Backend) -> None:
    ended = FIRST.ended(NOW_MS + 5, "key:3")
    assert backend.workflows.swap(FIRST) is None
    assert backend.workflows.swap(ended) is None
    assert backend.workflows.get(TENANT, NAME) == ended
    assert backend.workflows.list(TENANT, 10, None).items == []
    again = WorkflowRecord.following(ended, a_workflow_version(2), NOW_MS + 9, "key:5")
    assert (again.generation, again.created_ms, again.created_by) == (3, NOW_MS + 9, "key:5")
    assert backend.workflows.swap(again) is None
    assert list(backend.workflows.list(TENANT, 10, None).items) == [again]


def test_a_version_is_kept_whole_and_the_first_of_its_digest_stays(backend: Backend) -> None:
    version = a_workflow_version()
    assert backend.workflows.keep(version) == version
    later = replace(version, row=replace(version.row, created_ms=NOW_MS + 99, created_by="key:9"))
    assert backend.workflows.keep(later) == version
    assert backend.workflows.version(TENANT, NAME, version.row.digest) == version
    assert list(backend.workflows.versions(TENANT, NAME, 10, None).items) == [version.row]


def test_the_largest_definition_is_kept(backend: Backend) -> None:
    version = a_workflow_version()
    large = replace(version, document={**version.document, "description": "ä" * (MAX_DEFINITION_BYTES // 6 - 60)})
    assert backend.workflows.keep(large) == large
    assert backend.workflows.version(TENANT, NAME, version.row.digest) == large


def test_versions_come_newest_first_and_go_on_where_a_page_ended(backend: Backend) -> None:
    versions = [a_workflow_version(number) for number in (2, 1, 3)]
    for version in versions:
        backend.workflows.keep(version)
    backend.workflows.keep(a_workflow_version(4, name="other"))
    first = backend.workflows.versions(TENANT, NAME, 2, None)
    assert [row.created_ms - NOW_MS for row in first.items] == [3_000, 2_000]
    assert first.cursor is not None
    assert keys.check_listed_version(first.cursor)
    last = backend.workflows.versions(TENANT, NAME, 2, first.cursor)
    assert ([row.created_ms - NOW_MS for row in last.items], last.cursor) == ([1_000], None)


def test_workflows_are_listed_by_name_of_one_tenant(backend: Backend) -> None:
    names = ["b", "a.x", "a", "Z"]
    for name in names:
        assert backend.workflows.swap(replace(FIRST, name=name)) is None
    assert backend.workflows.swap(replace(FIRST, tenant="other", name="theirs")) is None
    first = backend.workflows.list(TENANT, 3, None)
    assert [one.name for one in first.items] == ["Z", "a", "a.x"]
    assert first.cursor == "a.x"
    last = backend.workflows.list(TENANT, 3, first.cursor)
    assert ([one.name for one in last.items], last.cursor) == (["b"], None)


def test_workflows_stand_beside_jobs_and_in_no_list_of_them(backend: Backend) -> None:
    backend.workflows.swap(FIRST)
    backend.workflows.keep(a_workflow_version())
    assert backend.jobs.list(TENANT, 10, None).items == []
    assert backend.jobs.sweep(None, 10).items == []


@pytest.mark.needs("damage")
def test_a_damaged_row_says_so_and_hides_no_other(backend: Backend) -> None:
    assert backend.cloud is not None
    for name in ("a", "b"):
        backend.workflows.swap(replace(FIRST, name=name))
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.jobs,
        Key={"pk": {"S": keys.workflows_partition(TENANT)}, "sk": {"S": "a"}},
        UpdateExpression="REMOVE dg",
    )
    page = backend.workflows.list(TENANT, 10, None)
    assert ([one.name for one in page.items], len(page.unreadable)) == (["b"], 1)
    version = a_workflow_version()
    backend.workflows.keep(version)
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.jobs,
        Key={
            "pk": {"S": keys.workflow_partition(TENANT, NAME)},
            "sk": {"S": keys.version_sort(version.row.digest)},
        },
        UpdateExpression="SET d = :d",
        ExpressionAttributeValues={":d": {"S": "[]"}},
    )
    with pytest.raises(Unreadable, match="workflow version"):
        backend.workflows.version(TENANT, NAME, version.row.digest)
