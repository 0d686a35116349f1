"""Reads a list page by page, until it has what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tidewheel.domain.limits import MAX_PAGE
from tidewheel.wire.bodies.access import KeyList, TenantList
from tidewheel.wire.bodies.audit import AuditList
from tidewheel.wire.bodies.circuit import CircuitList
from tidewheel.wire.bodies.execution import ExecutionList
from tidewheel.wire.bodies.job import JobList
from tidewheel.wire.bodies.run import RunList
from tidewheel.wire.workflows.answers import VersionList, WorkflowList

P = TypeVar(
    "P", JobList, ExecutionList, RunList, CircuitList, AuditList, KeyList, TenantList, WorkflowList, VersionList
)
MOST_PAGES = 50
"""Pages that one command reads at most: a rare match among fifty thousand others is found, and then it says so."""


def walked(fetch: Callable[[int, str | None], P], wanted: int, cursor: str | None) -> P:
    """The next ``wanted`` items of a list as one page. Its cursor is null at the list's end.

    It has fewer items than wanted and a cursor if ``MOST_PAGES`` pages held too few.
    """
    page = fetch(min(wanted, MAX_PAGE), cursor)
    items: list[Any] = list(page.items)
    for _ in range(MOST_PAGES - 1):
        if page.cursor is None or len(items) >= wanted:
            break
        page = fetch(min(wanted - len(items), MAX_PAGE), page.cursor)
        items += page.items
    return page.model_copy(update={"items": tuple(items)})


def joined(texts: Sequence[str]) -> str:
    """Pages in the API's JSON as one: the items of all, the cursor of the last."""
    if len(texts) == 1:
        return texts[0]
    documents = [json.loads(text) for text in texts]
    items = [item for document in documents for item in document["items"]]
    return json.dumps({**documents[-1], "items": items}, ensure_ascii=False)
