"""Executions as items of the Executions table, and back. Short names: DynamoDB bills by the kilobyte."""

from __future__ import annotations

import json
from typing import Any

from tidewheel.adapters.aws.dynamodb.items import (
    Attributes,
    Item,
    NewItem,
    document,
    get_number,
    get_text,
    item_key,
    number,
    optional_number,
    optional_text,
    reads,
    text,
    ttl,
    without_nones,
)
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.workflows.runs.control import FIRST_GENERATION, Clear, RunControl, RunStop
from tidewheel.domain.workflows.runs.limits import NODES_TOGETHER


def execution_key(tenant: str, id: str) -> NewItem:
    """The key of an execution. The steps of a run lie in partitions of their own, so that no list of a job has them."""
    parts = ExecutionId.parse(id)
    if parts.node is None:
        return item_key(keys.job_partition(tenant, parts.job), id)
    return item_key(keys.node_partition(tenant, str(parts.run), parts.node // NODES_TOGETHER), id)


def execution_item(execution: Execution) -> NewItem:
    """An execution as an item."""
    return without_nones(execution_attributes(execution))


def execution_attributes(execution: Execution) -> Attributes:
    """Every attribute that an execution's item may have; None for those that this one's has not.

    Only a dead letter, or one that waits, has the keys of the index ``by_failure``.
    """
    listed, place = execution.tenant, execution.failure_key
    if execution.waiting_key:
        listed, place = keys.waiting_partition(execution.waiting_part), execution.waiting_key
    return {
        **execution_key(execution.tenant, execution.id),
        "st": text(execution.state),
        "due": number(execution.due_ms),
        "gen": number(execution.generation),
        "ver": number(execution.version),
        "at": number(execution.attempt),
        "ho": optional_text(execution.holder),
        "lu": number(execution.lease_until_ms),
        "cl": optional_number(execution.claimed_ms),
        "sa": optional_number(execution.started_ms),
        "fi": optional_number(execution.finished_ms),
        "la": optional_number(execution.lateness_ms),
        "o": optional_text(execution.output),
        "r": optional_text(execution.reason),
        "h": document([_attempt_row(attempt) for attempt in execution.attempts]) if execution.attempts else None,
        "sp": number(execution.uncounted_attempts) if execution.uncounted_attempts else None,
        "rd": optional_number(execution.redriven_ms),
        "ca": optional_text(execution.cancel),
        "ct": optional_number(execution.cancel_ms),
        "cp": optional_text(execution.checkpoint),
        "se": optional_number(execution.sent_ms),
        "re": optional_number(execution.received_ms),
        "lf": optional_text(execution.left),
        "lt": optional_number(execution.left_ms),
        "nx": optional_number(execution.next_ms),
        "pm": optional_text(execution.permit),
        "dn": optional_number(execution.declined_ms),
        "rc": None if execution.run is None else document(_control_row(execution.run)),
        "gu": optional_text(execution.guard),
        "dt": text(listed) if place else None,
        "de": optional_text(place),
        "ttl": ttl(execution.expires_ms()),
    }


def _attempt_row(attempt: Attempt) -> list[Any]:
    """An attempt as a list; empty values at its end are left out."""
    account = [attempt.number, attempt.started_ms, attempt.finished_ms, attempt.result, attempt.status]
    if attempt.reason or attempt.received_ms is not None:
        account.append(attempt.reason)
    if attempt.received_ms is not None:  # how long before its start: short numbers
        sent = None if attempt.sent_ms is None else attempt.started_ms - attempt.sent_ms
        account += [attempt.started_ms - attempt.received_ms, sent]
    return account


def _read_attempt(row: list[Any]) -> Attempt:
    number_, started, finished, result, status, *rest = row
    reason, received, sent = [*rest, *[None] * 3][:3]
    return Attempt(
        number_,
        started,
        finished,
        Result(result),
        status,
        reason or "",
        None if sent is None else started - sent,
        None if received is None else started - received,
    )


@reads("execution")
def read_execution(item: Item) -> Execution:
    """The inverse of ``execution_item``.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return Execution(
        tenant=keys.parse_tenant(item["pk"]["S"]),
        id=item["sk"]["S"],
        state=State(item["st"]["S"]),
        due_ms=int(item["due"]["N"]),
        generation=int(item["gen"]["N"]),
        version=int(item["ver"]["N"]),
        attempt=int(item["at"]["N"]),
        holder=get_text(item, "ho"),
        lease_until_ms=int(item["lu"]["N"]),
        claimed_ms=get_number(item, "cl"),
        started_ms=get_number(item, "sa"),
        finished_ms=get_number(item, "fi"),
        lateness_ms=get_number(item, "la"),
        output=get_text(item, "o"),
        reason=get_text(item, "r"),
        attempts=tuple(_read_attempt(row) for row in json.loads(get_text(item, "h", "[]"))),
        uncounted_attempts=get_number(item, "sp") or 0,
        redriven_ms=get_number(item, "rd"),
        cancel=get_text(item, "ca"),
        cancel_ms=get_number(item, "ct"),
        checkpoint=get_text(item, "cp"),
        sent_ms=get_number(item, "se"),
        received_ms=get_number(item, "re"),
        left=get_text(item, "lf"),
        left_ms=get_number(item, "lt"),
        next_ms=get_number(item, "nx"),
        permit=get_text(item, "pm"),
        declined_ms=get_number(item, "dn"),
        run=_read_control(json.loads(item["rc"]["S"])) if "rc" in item else None,
        guard=get_text(item, "gu"),
    )


def _control_row(control: RunControl) -> dict[str, Any]:
    """What users ask of a run; what is as it was at its beginning is left out."""
    row: dict[str, Any] = {"w": control.workflow, "d": control.digest}
    if control.params:
        row["p"] = control.params
    if control.clears:
        row["c"] = [[clear.generation, sorted(clear.nodes), int(clear.resumed)] for clear in control.clears]
    if control.stop is not None:
        row["s"] = control.stop
    if control.paused:
        row["z"] = 1
    return row


def _read_control(row: dict[str, Any]) -> RunControl:
    clears = tuple(Clear(generation, frozenset(nodes), bool(again)) for generation, nodes, again in row.get("c", ()))
    return RunControl(
        row["w"],
        row["d"],
        row.get("p", {}),
        clears[-1].generation if clears else FIRST_GENERATION,
        clears,
        RunStop(row["s"]) if "s" in row else None,
        bool(row.get("z")),
    )
