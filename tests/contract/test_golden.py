"""Releases understand each other: each reads what earlier ones wrote, and keeps what later ones write besides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.golden import KINDS, RELEASE, releases, written
from tests.support.memory_stack import MemoryStack
from tests.support.world_examples import NOW_MS, TENANT, a_job, full_job
from tidewheel.adapters.aws.dynamodb.job_items import generation_item, job_item, read_generation, read_job
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Generation, JobState
from tidewheel.domain.limits import MAX_RETURNS
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.wire.convert import job_answer, patched
from tidewheel.wire.message import dump, load

READ = [
    pytest.param(name, example, stored, id=f"{release}: {name}, {example}")
    for release, kinds in releases().items()
    for name, examples in kinds.items()
    for example, stored in examples.items()
]
NEWER = {"colour": {"deep": ["blue", 1]}}
"""What the next release may write besides."""


@pytest.mark.parametrize(("kind", "example", "stored"), READ)
def test_what_a_release_wrote_still_means_the_same(kind: str, example: str, stored: Any) -> None:
    assert KINDS[kind].read(stored) == KINDS[kind].examples[example]


def test_this_release_writes_what_its_golden_file_holds() -> None:
    """If this fails, what is written has changed. Older releases run beside this one during a deployment, and after a
    rollback: can they read it? Then write the file anew (tests.support.golden), unless the release is out."""
    assert releases()[RELEASE] == written()


# --- messages -------------------------------------------------------------------------------------------------


def test_a_newer_message_is_understood_and_sent_on_whole() -> None:
    stack = MemoryStack()
    newer = json.loads(written()["message"]["first attempt"]) | NEWER
    read = load(json.dumps(newer))
    assert (read.attempt, read.unknown) == (1, NEWER)
    stack.dead_letter_handler.handle([DeadLetter("m", json.dumps(newer))])
    (again,) = (load(message.body) for queue in stack.queue._messages.values() for message in queue.values())
    assert (again.returns, again.unknown) == (1, NEWER)
    assert json.loads(dump(again)) == newer | {"n": 1}


def test_a_message_that_must_not_be_passed_over_waits_for_a_worker_that_knows_it() -> None:
    text = json.dumps(json.loads(written()["message"]["first attempt"]) | {"v": 2})
    with pytest.raises(Unreadable):
        load(text)
    assert MAX_RETURNS > 1  # deliveries, in which a worker of the other release may have it


# --- jobs -----------------------------------------------------------------------------------------------------


def _newer_item() -> dict[str, Any]:
    """A job as the next release may store it: more attributes, more in its definition, more in its target."""
    item = job_item(full_job())
    definition = json.loads(item["d"]["S"]) | NEWER
    definition["t"] |= {"kind": "lambda", "warmth": 5}
    return item | {"d": {"S": json.dumps(definition)}, "seen": {"N": "5"}}


def _kept(item: dict[str, Any]) -> None:
    definition = json.loads(item["d"]["S"])
    assert item["seen"] == {"N": "5"}
    assert definition["colour"] == NEWER["colour"]
    assert definition["t"]["warmth"] == 5


def test_what_a_newer_release_stored_survives_a_pause() -> None:
    job = read_job(_newer_item())
    paused = job.edited(job.definition, JobState.PAUSED, NOW_MS + 9)
    _kept(job_item(paused))
    assert read_job(job_item(paused)) == paused


def test_what_a_newer_release_stored_survives_an_edit() -> None:
    job = read_job(_newer_item())
    definition = patched({"name": "other", "precision": "normal", "priority": "low"})(job.id, NOW_MS, job.definition)
    edited = job.edited(definition, job.state, NOW_MS + 9)
    _kept(job_item(edited))
    assert read_job(job_item(edited)).definition.name == "other"


def test_another_target_has_nothing_of_the_one_before() -> None:
    job = read_job(_newer_item())
    patch = {"target": {"kind": "http", "url": "https://example.com", "function": None, "payload": None}}
    definition = patched(patch)(job.id, NOW_MS, job.definition)
    assert "warmth" not in definition.target.spec


def test_a_newer_job_can_be_shown() -> None:
    answer = job_answer(read_job(_newer_item()), NOW_MS)
    assert answer.name == full_job().definition.name
    assert "warmth" not in answer.model_dump(mode="json")["target"]


@pytest.mark.parametrize(
    ("item", "read"),
    [
        (job_item(a_job()), read_job),
        (generation_item(TENANT, a_job().id, Generation.of(a_job()), None, "2026a"), read_generation),
    ],
)
def test_an_item_that_must_not_be_passed_over_is_set_aside(item: dict[str, Any], read: Any) -> None:
    assert item["v"] == {"N": "1"}
    assert read({name: value for name, value in item.items() if name != "v"}) == read(item)  # as before versions
    with pytest.raises(Unreadable, match="reads up to 1"):
        read(item | {"v": {"N": "2"}})


def test_what_is_unknown_counts_in_no_comparison_of_what_is_known() -> None:
    job = read_job(_newer_item())
    known = replace(job.definition, unknown={}, target=full_job().definition.target)
    assert replace(job, unknown={}, definition=known) == full_job()
