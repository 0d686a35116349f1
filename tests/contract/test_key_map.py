"""The page of keys is true: what the stores write lies under its patterns and has its attributes, and no others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import Backend, moto
from tests.support.world_examples import (
    NOW_MS,
    TENANT,
    a_job,
    a_run_control,
    a_workflow_version,
    declined_execution,
    execution,
    full_api_key,
    full_audit_row,
    full_execution,
    full_job,
    full_tenant,
    full_workflow_record,
    minute,
    schedule_entry,
)
from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.fleet.health import Health, HealthState, Measured, Signals, Switch
from tidewheel.domain.fleet.health import Reason as HealthReason
from tidewheel.domain.fleet.lease import Mark
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.domain.quotas.limit import Limit, window_at
from tidewheel.domain.quotas.tally import Tally
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.repeats import Remembered
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import RINGS
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.shard_layout import Layout

PAGE = (Path(__file__).parents[2] / "shared" / "docs" / "design" / "keys.md").read_text()
TABLES = ("Jobs", "Executions", "Wheel", "Control", "Access", "Audit")
JOB = replace(full_job(), created_by="key:k1", updated_by="key:k2")


@dataclass(frozen=True)
class Kind:
    """A kind of item as the page has it: its name, and what its keys look like."""

    name: str
    partition: re.Pattern[str]
    sort: re.Pattern[str]

    def fits(self, item: dict[str, Any]) -> bool:
        sort = item.get("sk", {"S": ""})["S"]
        return bool(self.partition.fullmatch(item["pk"]["S"]) and self.sort.fullmatch(sort))


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of the page: ``{name}`` stands for any text without a separator."""
    parts = re.split(r"\{\w+\}", text)
    return re.compile("[^#/~]+".join(re.escape(part) for part in parts))


def section(title: str, level: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    below = PAGE.split(f"\n{level} {title}\n", 1)[1]
    return re.split(rf"^#{{2,{len(level)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]


def kinds(table: str) -> list[Kind]:
    """A table's kinds, in the order of the page: the first that fits an item is its kind."""
    rows = re.findall(r"^\| ([A-Z][\w ]+) \| `([^`]+)` \|(?: `([^`]+)` \|)?", section(table, "##"), re.MULTILINE)
    return [Kind(name, pattern(partition), pattern(sort)) for name, partition, sort in rows if name != "Item"]


def attributes(kind: str) -> set[str]:
    cells = re.findall(r"^\| (`[^|]+`) \|", section(kind.removesuffix(" by end"), "###"), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def ended(state: State) -> Execution:
    return replace(full_execution(), state=state, output="o", reason="r", version=1)


def write_everything(backend: Backend) -> None:
    """An item of every kind, with every attribute that it can have."""
    placed = Placed(minute(), schedule_entry(JOB))
    assert backend.jobs.create(JOB, placed, execution(JOB, NOW_MS + 1))
    assert backend.jobs.create(a_job(2, schedule=Schedule(At(NOW_MS)), unique_name=True), None, None)  # it expires
    run = execution(JOB, NOW_MS + 2)
    assert backend.jobs.enqueue(Placed(minute(), schedule_entry(JOB)), run, "a key") is None
    dead = replace(ended(State.DEAD), run=a_run_control())
    assert backend.executions.swap(dead, None) is None
    step = replace(ended(State.DEAD), id=ExecutionId.parse(dead.id).of_node(130), guard="7.1")
    assert backend.executions.swap(step, None) is None
    assert backend.executions.swap(declined_execution(), None) is None
    backend.executions.account(Missed(TENANT, JOB.id, 1, NOW_MS, NOW_MS + 5, 3, Reason.SKIPPED, NOW_MS))
    assert backend.locks.swap(Lock(TENANT, JOB.id, run.id, ended(State.DEAD).id, 1, NOW_MS)) is None
    assert backend.circuits.swap(Circuit(TENANT, "http:example.com", 5, NOW_MS, "x", NOW_MS, 1, NOW_MS, NOW_MS)) is None
    assert backend.permits.take(Permit(TENANT, 7, keys.claim_name(run.id, "h"), NOW_MS, 1, NOW_MS, NOW_MS), NOW_MS)
    backend.permit_lines.join(LineEntry(TENANT, run.id, 1, 2, NOW_MS, NOW_MS, 1, NOW_MS, JOB.route, "m"))
    backend.permit_lines.announce(Announced(TENANT, 5, "m"))
    backend.requests.fulfil(Remembered.started(TENANT, "pauseJob j k", "d", NOW_MS, "plan").fulfilled("j"))
    write_workflows(backend)
    backend.wheel.put_pack(minute(), keys.pack_sort(0, 1, 2), [schedule_entry(JOB)])
    backend.wheel.quarantine(Quarantined(minute(), "e#1", "text", "wheel entry", "unknown form", NOW_MS))
    admit(backend)
    coordinate(backend)


def write_workflows(backend: Backend) -> None:
    version = a_workflow_version()
    assert backend.workflows.keep(version) == version
    record = full_workflow_record()
    assert backend.workflows.swap(record) is None
    assert backend.workflows.swap(record.ended(NOW_MS, "key:3")) is None
    other = replace(record, name="other")
    assert backend.workflows.swap(other) is None


def admit(backend: Backend) -> None:
    assert backend.tenants.swap(full_tenant()) is None
    assert backend.api_keys.swap(full_api_key()) is None
    assert backend.counters.take(TENANT, window_at(Limit.EXECUTIONS_PER_DAY, NOW_MS), 3, 9).granted
    assert backend.tallies.swap(Tally(TENANT, 3, NOW_MS, NOW_MS, NOW_MS, NOW_MS, 9, 1)) is None
    backend.audit.add(full_audit_row())


def coordinate(backend: Backend) -> None:
    backend.layouts.establish(Layout.first(NOW_MS, 4))
    lease = backend.leases.take(None, "one", "v1")
    assert lease
    assert backend.leases.announce(lease, "v2")
    backend.leases.renew(lease, Mark(NOW_MS, frozenset({0, 3})), Signals(overdue=1))
    assert backend.ownership.claim(3, None, 0, 1, NOW_MS)
    backend.ownership.advance(3, 1, {ring.level: NOW_MS for ring in RINGS})
    assert backend.sweeps.move_sweep(None, Sweep(NOW_MS, keys.job_cursor(TENANT, JOB.id)))
    backend.leases.pace_since("loop", NOW_MS)
    assert backend.health.report(Measured(Health(HealthState.BUSY, NOW_MS, (HealthReason("a", "b"),)), NOW_MS, 1))
    backend.health.switch(Switch("key:1", "upkeep", NOW_MS))


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, dict[str, set[str]]]]:
    """By table and kind: the attributes of all stored items; what no kind fits is under its key."""
    with moto() as backend:
        assert backend.cloud
        write_everything(backend)
        stored: dict[str, dict[str, set[str]]] = {}
        for table in TABLES:
            by_kind: defaultdict[str, set[str]] = defaultdict(set)
            name = getattr(backend.cloud.tables, table.lower())
            for item in backend.cloud.dynamodb.scan(TableName=name)["Items"]:
                kind = next((kind.name for kind in kinds(table) if kind.fits(item)), f"{item['pk']} {item.get('sk')}")
                by_kind[kind] |= item.keys() - {"pk", "sk"}
            stored[table] = dict(by_kind)
        yield stored


@pytest.mark.parametrize("table", TABLES)
def test_every_kind_of_item_is_on_the_page_and_every_kind_of_the_page_is_stored(
    found: dict[str, dict[str, set[str]]], table: str
) -> None:
    assert found[table].keys() == {kind.name for kind in kinds(table)}


@pytest.mark.parametrize("kind", [kind.name for table in TABLES for kind in kinds(table)])
def test_the_page_names_the_attributes_of_every_kind(found: dict[str, dict[str, set[str]]], kind: str) -> None:
    (stored,) = [by_kind[kind] for by_kind in found.values() if kind in by_kind]
    assert stored == attributes(kind)


@pytest.mark.parametrize("kind", [kind.name for table in TABLES for kind in kinds(table)])
def test_the_picture_shows_every_kind(kind: str) -> None:
    picture = PAGE.split("```mermaid", 1)[1].split("```", 1)[0]
    assert f'["{kind}<br/>' in picture
