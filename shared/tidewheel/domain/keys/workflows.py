"""Keys of workflows, in the Jobs table."""

from __future__ import annotations

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import text_of_nominal
from tidewheel.domain.keys.common import LAST

WORKFLOW_SORT = "workflow"
"""Jobs, sort: the record of a workflow's name, in the workflow's partition."""
_LISTED = "listed#"
VERSIONS_END = f"{_LISTED}{LAST}"
"""Jobs, sort: sorts after every listed version of a workflow: where their descending list begins."""


def workflow_partition(tenant: str, name: str) -> str:
    """Jobs, partition: all that belongs to one workflow."""
    return f"#workflow#{tenant}#{name}"


def workflows_partition(tenant: str) -> str:
    """Jobs, partition: the copies of a tenant's workflow records, which its list shows; the sort key is the name."""
    return f"#workflows#{tenant}"


def version_sort(digest: str) -> str:
    """Jobs, sort: a version of a workflow, with its whole definition."""
    return f"version#{digest}"


def listed_version_sort(created_ms: int, digest: str) -> str:
    """Jobs, sort: what a list shows of a version; by when it was written first (ms since the epoch)."""
    return f"{_LISTED}{text_of_nominal(created_ms)}#{digest}"


def check_listed_version(key: str) -> str:
    """The sort key of a listed version, if it is one.

    Raises:
        Unreadable: It is the key of something else.
    """
    if not key.startswith(_LISTED):
        raise Unreadable("place in a list", key, "no version has such a place")
    return key
