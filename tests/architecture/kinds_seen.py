"""Run by ``test_open_kinds`` in a copy of the tree with kinds of its own: prints as JSON what becomes of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # jsii looks for Node on it

from aws_cdk import App, Stack

import tidewheel
from infra.config import Config
from infra.constructs.arns import Arns
from infra.constructs.targets import allow_targets
from infra.trimming import AWS_SERVICES
from tests.support.calls import a_call, surroundings
from tests.support.instants import first_of
from tidewheel.adapters.aws.dynamodb.job_items import job_item, read_job
from tidewheel.cli import show
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.wire import convert, reading
from tidewheel.wire.openapi import document
from tidewheel.wire.targets import circuit_key
from tidewheel.wiring.callers import Callers, found

ORIGIN, ORIGIN_MS = "2026-01-01T00:00:00.000Z", 1_767_225_600_000
BODY = {"name": "a", "schedule": {"doubling": ORIGIN}, "target": {"kind": "fax", "number": "+33 1"}}
LINE = "arn:aws:connect:us-east-1:111122223333:instance/line"


class Role:
    """Whoever is allowed to call the targets."""

    def __init__(self) -> None:
        self.allowed: list[str] = []

    def allow(self, actions: list[str], *resources: str) -> None:
        self.allowed += [f"{action} on {resource}" for action in actions for resource in resources]

    def acknowledge_pattern(self, pattern: str, reason: str) -> None:
        """It is not what is looked at here."""


def the_job() -> Job:
    """The job that the body describes, as it is read back from the table."""
    definition = convert.builder_of(reading.read_job(BODY))("j" + "0" * 16, ORIGIN_MS, None)
    job = Job("acme", "j" + "0" * 16, definition, JobState.ACTIVE, 1, ORIGIN_MS, ORIGIN_MS, ORIGIN_MS)
    stored = read_job(job_item(job))
    assert stored == job
    return stored


def granted(**context: str) -> list[str]:
    """What a worker may do for the added kind."""
    config = Config.from_context(({"target": "local"} | context).get)
    stack, role = Stack(App(analytics_reporting=False), "Service"), Role()
    allow_targets(role, Arns(stack, config), "lambda")
    return [one for one in role.allowed if one.startswith("connect:")]


def seen() -> dict[str, Any]:
    job = the_job()
    definition, answer = job.definition, convert.job_answer(job, ORIGIN_MS)
    schedule = definition.schedule
    assert schedule is not None
    call = a_call(definition.target, f"{job.id}/1", ORIGIN_MS, 1, 60_000)
    last_ms = job.occurrences.last_before(ORIGIN_MS + 100_000, ORIGIN_MS + 1_000)
    schemas = document()["components"]["schemas"]
    return {
        "tree": tidewheel.__file__,
        "answered": {name: answer.model_dump(mode="json")[name] for name in ("schedule", "target", "next_fire_at")},
        "shown": [show._schedule(answer), answer.target.summary()],
        "called": Callers(surroundings(), found())["fax"].call(call).output,
        "circuit": circuit_key(definition.target),
        "granted": [granted(), granted(fax_lines=LINE)],
        "shipped": "connect" in AWS_SERVICES,
        "documented": sorted(schemas.keys() & {"FaxTarget", "DoublingSchedule"}),
        "upcoming_s": [(at - ORIGIN_MS) // 1000 for at in first_of(schedule, ORIGIN_MS, 5)],
        "last_s": (last_ms - ORIGIN_MS) // 1000,
        "newest_s": [(at - ORIGIN_MS) // 1000 for at in job.occurrences.newest(3, last_ms, ORIGIN_MS + 1_000)],
        "count": schedule.timing.count_between(ORIGIN_MS + 1_000, last_ms),
        "expires": job.expires_ms(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(seen()))
