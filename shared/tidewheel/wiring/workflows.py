"""The versions of workflows, for every function that takes runs forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewheel.adapters.aws.dynamodb.workflows.definitions import DynamoWorkflows
from tidewheel.domain.workflows.definition import Workflow
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.ports import WorkflowStore
from tidewheel.wire.workflows.convert import stored_workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def version_cache(client: DynamoDBClient, jobs_table: str) -> VersionCache:
    """What a process knows of the versions that lie in the Jobs table: nothing yet."""
    return versions_in(DynamoWorkflows(client, jobs_table))


def versions_in(store: WorkflowStore) -> VersionCache:
    """What a process knows of the versions in a store: nothing yet."""

    def by_digest(tenant: str, name: str, digest: str) -> Workflow | None:
        found = store.version(tenant, name, digest)
        return None if found is None else stored_workflow(found.document, name, digest)

    def newest(tenant: str, name: str) -> str | None:
        record = store.get(tenant, name)
        return None if record is None or record.deleted else record.digest

    return VersionCache(by_digest, newest)
