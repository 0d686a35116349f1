"""What each release writes into queues and tables: ``python -m tests.support.golden`` writes this release's file.

A file is written once, for its release, and never changed after that release: later ones must read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.world_examples import (
    NOW_MS,
    TENANT,
    a_job,
    declined_execution,
    dispatch,
    execution,
    full_execution,
    full_job,
    schedule_entry,
    waiting,
    waiting_execution,
)
from tidewheel.adapters.aws.dynamodb.circuits import circuit_item, read_circuit
from tidewheel.adapters.aws.dynamodb.execution_items import execution_item, read_execution
from tidewheel.adapters.aws.dynamodb.job_items import generation_item, job_item, read_generation, read_job
from tidewheel.adapters.aws.dynamodb.requests import read_request, request_item
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.jobs.job import Generation, JobState
from tidewheel.domain.permits.permit import Grant
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.repeats import Remembered
from tidewheel.domain.wheel.entries import decode, encode
from tidewheel.wire.message import dump, load

FOLDER = Path(__file__).parents[1] / "contract" / "golden"
RELEASE = version("tidewheel")


@dataclass(frozen=True)
class Kind:
    """A kind of thing that releases hand to each other.

    Args:
        write: As it is stored or sent.
        read: The inverse.
        examples: Objects by name. One may be added; none is changed, since releases have written it.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    examples: Mapping[str, Any]


_OPEN = Circuit(
    TENANT,
    "http:example.com:443/orders",
    failures=5,
    open_until_ms=NOW_MS + 600_000,
    version=5,
    written_ms=NOW_MS,
    since_ms=NOW_MS - 60_000,
)


def _generation_item(row: Generation) -> Any:
    return generation_item(TENANT, full_job().id, row, None, "2026a")


KINDS: Mapping[str, Kind] = {
    "message": Kind(
        dump,
        load,
        {
            "first attempt": dispatch(),
            "third attempt, sent again twice": replace(dispatch(), attempt=3, recorded=True, returns=2),
            "with a permit, of the line": replace(dispatch(), recorded=True, grant=Grant(7, "1-2", NOW_MS + 60_000)),
            "with a permit, redriven": replace(
                dispatch(), recorded=True, returns=1, grant=Grant(0, "3-1", NOW_MS + 60_000, NOW_MS - 5_000)
            ),
        },
    ),
    "job": Kind(
        job_item,
        read_job,
        {
            "every minute": a_job(),
            "everything set": full_job(),
            "with who wrote it": replace(full_job(), created_by="key:k1", updated_by="https://id.example.com#ada"),
            "one-time": a_job(2, schedule=Schedule(At(NOW_MS))),
            "without a schedule": a_job(3, schedule=None),
        },
    ),
    "generation": Kind(
        _generation_item,
        read_generation,
        {
            "everything set": Generation.of(full_job()),
            "deleted": replace(Generation.of(a_job()), state=JobState.DELETED),
            "without a schedule": Generation.of(a_job(3, schedule=None)),
        },
    ),
    "execution": Kind(
        execution_item,
        read_execution,
        {
            "queued": execution(a_job()),
            "everything set": full_execution(),
            "waits": waiting_execution(),
            "declined a permit": declined_execution(),
        },
    ),
    "circuit": Kind(
        circuit_item,
        read_circuit,
        {
            "failing": Circuit(TENANT, "sqs:orders", 2, version=2, written_ms=NOW_MS, since_ms=NOW_MS - 5_000),
            "open": _OPEN,
            "open, with the probe of a requested run": _OPEN.probed("x#c", NOW_MS + 40_000, NOW_MS + 10_000),
            "half-open, with its probe": _OPEN.probed("x#c", NOW_MS + 640_000, NOW_MS + 610_000),
            "closed by an operator during a probe": _OPEN.probed("x#c", NOW_MS + 40_000, NOW_MS + 10_000).closed(
                NOW_MS
            ),
        },
    ),
    "request": Kind(
        request_item,
        read_request,
        {
            "started with a plan": Remembered.started(TENANT, "redriveDeadLetters key", "digest", NOW_MS, "plan"),
            "fulfilled": Remembered.started(TENANT, "pauseJob j key", "digest", NOW_MS).fulfilled("j"),
        },
    ),
    "wheel entry": Kind(
        encode, decode, {"occurrence": schedule_entry(full_job(), delay_ms=7), "retry": waiting(full_execution(), 3)}
    ),
}


def written() -> dict[str, dict[str, Any]]:
    """All examples as this release writes them."""
    return {
        name: {example: kind.write(each) for example, each in kind.examples.items()} for name, kind in KINDS.items()
    }


def releases() -> dict[str, dict[str, dict[str, Any]]]:
    """What each release wrote, by its version."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


if __name__ == "__main__":
    text = json.dumps(written(), ensure_ascii=False, indent=1)
    (FOLDER / f"{RELEASE}.json").write_text(text + "\n", encoding="utf-8")
