"""Ledger rows as items of the Executions table, and back; and what lies among a job's executions."""

from __future__ import annotations

from tidewheel.adapters.aws.dynamodb.execution_items import read_execution
from tidewheel.adapters.aws.dynamodb.items import (
    Item,
    NewItem,
    get_number,
    item_key,
    number,
    optional_number,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State


def missed_item(row: Missed, sort: str) -> NewItem:
    """A ledger row under one of its two sort keys."""
    return without_nones(
        {
            **item_key(keys.job_partition(row.tenant, row.job), sort),
            "st": text(State.SKIPPED),
            "gen": number(row.generation),
            "fr": number(row.from_ms),
            "to": number(row.until_ms),
            "n": optional_number(row.count),
            "r": text(row.reason),
            "no": number(row.noted_ms),
            "ttl": ttl(row.expires_ms()),
        }
    )


@reads("ledger row")
def read_missed(item: Item) -> Missed:
    """The inverse of ``missed_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    tenant, job = keys.parse_job_partition(item["pk"]["S"])
    return Missed(
        tenant,
        job,
        generation=int(item["gen"]["N"]),
        from_ms=int(item["fr"]["N"]),
        until_ms=int(item["to"]["N"]),
        count=get_number(item, "n"),
        reason=Reason(item["r"]["S"]),
        noted_ms=int(item["no"]["N"]),
    )


def read_listed(item: Item) -> Execution | Missed:
    """An item of a job's list: an execution or a ledger row, told apart by the sort key.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return read_missed(item) if keys.is_missed_sort(item["sk"]["S"]) else read_execution(item)
