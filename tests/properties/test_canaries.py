"""Secrets show nowhere: put into every place that takes one, they are looked for in whatever can be read afterwards."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import canaries
from tests.support.canaries import (
    CORE,
    REFERENCES,
    Deployment,
    Echo,
    Place,
    deployed,
    job,
    literal_places,
    looked_at,
    reference_places,
    secrets_of,
    shows,
)
from tests.support.memory_stack import RecordingCaller
from tidewheel.adapters.targets.secret_resolver import SecretResolver
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.wire.bodies.target import TargetModel
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.model import Model
from tidewheel.wire.operation import Operation
from tidewheel.wire.targets import MODELS

PLACES = reference_places()
QUICK = [place for place in PLACES if place.kind != "command"]
LITERALS = list(itertools.chain(literal_places("password"), literal_places("secret")))
HEADS = (
    "HTTP/1.1 200 OK\r\nX-Echo: {}\r\n",
    "HTTP/1.1 500 {}\r\n",
    "HTTP/1.1 302 Found\r\nLocation: https://example.org/{}\r\n",
    "HTTP/1.1 302 Found\r\nLocation: //[{}\r\n",
    "{}\r\n",
    "HTTP/1.1 {}\r\n",
    "HTTP/1.1 200 OK\r\n{}\r\n",
    "HTTP/1.1 200 OK\r\n{}: x\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: {}\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\n",
    "HTTP/1.1 503 Busy\r\nRetry-After: {}\r\n",
)
"""Answers that say again what they were told; half of them are none, so that a reason quotes them."""
FIRST = st.integers(0, 8).map(lambda parts: b" " * (parts * 20 + OUTPUT_BYTES - 160))
"""What a target says first, so that its output is cut off within the canary."""
ECHOES = st.builds(
    Echo,
    st.sampled_from(HEADS),
    st.sampled_from(["", "Handled", "Unhandled"]),
    st.just(b"") | FIRST | FIRST.map(lambda text: text + b"\x00" * 30),
)
AROUND = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
"""What stands beside the canary within its secret: every escape that JSON, HTTP or Python knows."""
PLAIN = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)


def played(deployment: Deployment, body: dict[str, Any]) -> None:
    """Whatever can be asked of a job: every operation there is, answered, in good and in bad."""
    ask = deployment.ask
    keyed = {"headers": {"Idempotency-Key": "k1"}}
    ask("createJob", body=body, query={"dry_run": ["true"]})
    id = ask("createJob", body=body, **keyed).json["id"]
    ask("createJob", body=body, **keyed)
    ask("createJob", body=body | {"name": "another"}, **keyed)  # the key is used: 409
    deployment.work()
    run = ask("runJob", id).json["id"]
    deployment.work()
    ask("redriveDeadLetters", body={"all": True})
    deployment.work()
    later = {**body, "schedule": {"every": "1h"}}
    ask("replaceJob", id, later, query={"dry_run": ["true"]})
    ask("replaceJob", id, later)
    ask("editJob", id, {"name": "edited"}, query={"dry_run": ["true"]})
    ask("editJob", id, {"name": "edited"})
    ask("editJob", id, {"name": "late"}, headers={"If-Match": '"1"'})
    ask("pauseJob", id)
    ask("resumeJob", id)
    upcoming = ask("upcoming", id).json["items"][0]["execution"]
    ask("cancelExecution", upcoming, {"reason": "not today"})
    items = [{"action": "create", "job": body}, {"action": "create", "job": {**body, "timeout": "x"}}]
    items += [{"action": "edit", "id": id, "patch": {"target": body["target"]}}, {"action": "delete", "id": "j404"}]
    bulk = ask("bulkJobs", body={"items": items}).json["items"]
    ask("bulkJobs", body={"items": items}, query={"dry_run": ["true"]})
    refused(deployment, body)
    if MODELS[body["target"]["kind"]].IS_CALL:  # a step runs a workflow otherwise than a job does
        put_as_a_workflow(deployment, body["target"])
        run_as_a_workflow(deployment, body["target"])
    looked_at(deployment, id, run)
    ask("deleteJob", bulk[0]["id"])
    messages = [message.body for queue in deployment.stack.queue._messages.values() for message in queue.values()]
    for text in (*messages, "{", json.dumps({"v": 9, "secret": "x"})):
        deployment.stack.dead_letter_handler.handle([DeadLetter("m", text)])
    deployment.work()


def put_as_a_workflow(deployment: Deployment, target: dict[str, Any]) -> None:
    """The same target as steps of a workflow, in good and in bad."""
    ask, document = deployment.ask, canaries.workflow(target)
    ask("putWorkflow", "canary", document, query={"dry_run": ["true"]})
    version = ask("putWorkflow", "canary", document).json["version"]
    ask("putWorkflow", "canary", {**document, "description": "edited"}, headers={"If-Match": '"7"'})
    ask("putWorkflow", "other", document)
    for name, value in ((name, value) for name, value in target.items() if name != "kind"):
        for wrong in ([value], {"x": [value]}, {"$sum": [value]}, {"$length": {"$merge": [value]}}, f"$.{value}"):
            ask("putWorkflow", "canary", canaries.workflow(target | {name: wrong}), query={"dry_run": ["true"]})
    ask("getWorkflow", "canary")
    ask("listWorkflowVersions", "canary")
    ask("getWorkflowVersion", f"canary@{version}")
    ask("deleteWorkflow", "canary")
    ask("putWorkflow", "canary", document)


def run_as_a_workflow(deployment: Deployment, target: dict[str, Any]) -> None:
    """A run whose step calls the target, twice, and one that is cancelled before it does."""
    ask = deployment.ask
    ask("putWorkflow", "run", canaries.run_of(target))
    run = ask("startRun", "run").json["id"]
    deployment.work()
    ask("resumeRun", run)
    deployment.work()
    ask("getRun", run)
    ask("clearRun", run, {"steps": ["call"]})
    ask("pauseRun", run)
    deployment.work()
    ask("resumeRun", run)
    deployment.work()
    ask("listWorkflowRuns", "run")
    other = ask("startRun", "run").json["id"]
    ask("cancelRun", other, {"reason": "not today"})


def refused(deployment: Deployment, body: dict[str, Any]) -> None:
    """The same job with one thing amiss, beside the secret and where it is."""
    for amiss in ({"timeout": "soon"}, {"nothing": 1}, {"pool": "nowhere"}, {"schedule": {"cron": "x"}}):
        deployment.ask("createJob", body=body | amiss)
    target = body["target"]
    for name, value in target.items():
        for wrong in ([value], {"x": [value]}, {"X": value, "x": value}, f"{{{json.dumps(value)}"):
            deployment.ask("createJob", body=body | {"target": target | {name: wrong}}, query={"dry_run": ["true"]})
    deployment.ask("createJob", body=json.dumps(body)[:-2])


def leaks(deployment: Deployment, answers: Callable[[Operation[Any]], bool]) -> list[str]:
    """Where the canary is read, of the answers that are looked at."""
    found = [
        f"{operation.id} {answer.status}"
        for operation, answer in deployment.answers
        if shows(answer.text + repr(answer.headers)) and (answer.status >= 400 or answers(operation))
    ]
    return found + [f"log: {line[:200]}" for line in deployment.logged().splitlines() if shows(line)]


def leaks_of_reference(deployment: Deployment) -> list[str]:
    """Where a secret is read that is in the deployment's secrets: it is meant to be nowhere but in the call."""
    stored = ["stored"] if shows(deployment.stored()) else []
    return leaks(deployment, lambda _: True) + stored


def test_every_place_that_takes_a_secret_is_found_and_has_a_caller_here() -> None:
    revealed = {(kind, name) for kind, model in MODELS.items() for name in model.REVEALS}
    assert {(place.kind, place.field) for place in PLACES} == revealed
    assert {kind for kind, _ in revealed} == {"http", "lambda", "command"}  # for another, a caller in CanaryStack
    assert {place.kind for place in LITERALS} == MODELS.keys()
    assert canaries.BASES.keys() == MODELS.keys()


def test_every_operation_is_asked_and_answers() -> None:
    place = next(place for place in PLACES if str(place).startswith("http.headers"))
    with deployed(secrets_of(CORE), Echo(HEADS[1])) as deployment:
        played(deployment, job(place.target({"secret": canaries.NAME})))
        good = {operation.id for operation, answer in deployment.answers if answer.status < 400}
        assert good == {operation.id for operation in OPERATIONS}
        assert {answer.status for _, answer in deployment.answers} >= {200, 201, 202, 204, 400, 404, 409, 412, 422}
        assert all(answer.status < 500 for _, answer in deployment.answers)
        calls = [one for one in deployment.answers if one[0].id == "logs"]
        assert any("***" in answer.text for _, answer in calls)  # what was called has said what it was told


@settings(max_examples=60)
@given(data=st.data(), place=st.sampled_from(QUICK), before=AROUND | PLAIN, after=AROUND | PLAIN, echo=ECHOES)
def test_a_secret_shows_in_the_call_alone(
    data: st.DataObject, place: Place, before: str, after: str, echo: Echo
) -> None:
    reference = data.draw(st.sampled_from([one for one in REFERENCES if place.takes(one)]))
    with deployed(secrets_of(f"{before}{CORE}{after}"), echo) as deployment:
        played(deployment, job(place.target(reference)))
        assert leaks_of_reference(deployment) == []


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_secret_of_each_place_is_given_to_the_call_and_shows_nowhere_else(place: Place) -> None:
    for reference in (one for one in REFERENCES if place.takes(one)):
        with deployed(secrets_of(CORE), Echo()) as deployment:
            played(deployment, job(place.target(reference)))
            assert leaks_of_reference(deployment) == []
            said = [answer.text for operation, answer in deployment.answers if operation.id == "logs"]
            assert place.field == "ca" or any("***" in text for text in said)  # the target got it, and said it again


@pytest.mark.parametrize("text", [f"{CORE}\n", f"\x00{CORE}", f"{CORE}\ud800", "", f"{{'{CORE}", CORE * 200])
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_secret_that_does_not_fit_is_not_told_either(place: Place, text: str) -> None:
    with deployed({canaries.NAME: text}, Echo()) as deployment:
        for reference in ({"secret": canaries.NAME}, {"secret": canaries.NAME, "key": "token"}):
            id = deployment.ask("createJob", body=job(place.target(reference))).json["id"]
            deployment.work()
            deployment.ask("listExecutions", id)
            deployment.ask("logs", f"{id}-")
        looked_at(deployment, id, deployment.ask("runJob", id).json["id"])
        assert leaks_of_reference(deployment) == []


def shows_jobs(operation: Operation[Any]) -> bool:
    """Whether an operation answers with definitions, which are meant to be shown as they were written."""
    return any(issubclass(model, TargetModel) for model in models_in(operation.answer, set()))


def models_in(model: Any, seen: set[Any]) -> Iterator[type[Model]]:
    """A model and all that it holds."""
    if model in seen:
        return
    seen.add(model)
    if isinstance(model, type) and issubclass(model, Model):
        yield model
        for name in model.model_fields.values():
            yield from models_in(name.annotation, seen)
    for inner in get_args(model):
        yield from models_in(inner, seen)


def test_definitions_are_shown_by_operations_on_jobs_and_workflows_alone() -> None:
    shown = {operation.id for operation in OPERATIONS if shows_jobs(operation)}
    single = {"createJob", "getJob", "replaceJob", "editJob", "pauseJob", "resumeJob"}
    workflows = {"putWorkflow", "getWorkflow", "getWorkflowVersion"}
    assert shown == {*single, "listJobs", "bulkJobs", *workflows}


def leaks_of_literal(deployment: Deployment) -> list[str]:
    """Where a secret is read that is written into a definition: it is meant to be where definitions are, alone."""
    return leaks(deployment, lambda operation: not shows_jobs(operation))


@pytest.mark.parametrize("place", LITERALS, ids=str)
def test_what_looks_like_a_secret_in_a_definition_is_in_definitions_alone(place: Place) -> None:
    silent = Echo("HTTP/1.1 200 OK\r\n")
    with deployed({}, silent) as deployment:
        deployment.stack.callers |= dict.fromkeys(MODELS, deployment.stack.caller)  # whoever is called says nothing
        played(deployment, job(place.target(CORE)))
        assert leaks_of_literal(deployment) == []
        (defined, *_) = (answer for operation, answer in deployment.answers if operation.id == "getJob")
        assert CORE in defined.text


@pytest.mark.parametrize(
    "url",
    [
        f"https://ann:{CORE}@example.com/hook",
        f"https://{CORE}@example.com/hook",
        f"https://ann:{CORE}@example.com:99999/hook",
        f"https://ann:{CORE}@[example/hook",
        f"ftp://ann:{CORE}@example.com",
        f"https://ann:{CORE}@exa mple.com/hook",
        f"https:///hook?token={CORE}",
        f"https://exa mple.com/hook?api_key={CORE}",
    ],
)
def test_a_url_that_is_refused_is_told_without_its_credentials(url: str) -> None:
    with deployed({}, Echo()) as deployment:
        made = deployment.ask("createJob", body=job({"kind": "http", "url": url}))
        assert (made.status, made.json["errors"][0]["field"]) == (422, "target.url")
        looked_at(deployment, "j404", "j404")
        assert leaks_of_literal(deployment) == []


def test_a_token_in_a_query_is_in_definitions_alone() -> None:
    with deployed({}, Echo("HTTP/1.1 500 Oh\r\n")) as deployment:
        deployment.stack.callers["http"] = deployment.stack.caller
        played(deployment, job({"kind": "http", "url": f"https://example.com/hook?token={CORE}", "circuit": "url"}))
        assert leaks_of_literal(deployment) == []


# --- it would be noticed -------------------------------------------------------------------------------------------

REFERRED = next(place for place in PLACES if str(place).startswith("http.headers"))
WRITTEN = next(place for place in LITERALS if str(place).startswith("http.headers"))


def no_mask(value: Any, **_: Any) -> Any:
    return value


def talkative(self: Any, *of: Any) -> Any:
    found = RESOLVED(self, *of)
    logging.getLogger("api").warning("a secret was read", extra={"value": found})
    return found


RESOLVED = SecretResolver.text
LEAKING: list[tuple[str, Place, Any, str, Any]] = [
    ("a worker that conceals nothing", REFERRED, OpenCallProgress, "conceal", lambda *_: None),
    ("a reason that is not cleaned", REFERRED, OpenCallProgress, "concealed", lambda _self, text: text),
    ("a line of the log", REFERRED, SecretResolver, "text", talkative),
    ("an audit log without masks", WRITTEN, TargetModel, "masked", lambda self: self.model_dump(mode="json")),
    (
        "an execution with its target",
        WRITTEN,
        RecordingCaller,
        "call",
        lambda _, call: Answer(Result.FAILED, output=str(call.target.spec["headers"])),
    ),
]
"""Leaks, each made by one replacement: what it is, the secret's place, and what is replaced by what."""


@pytest.mark.parametrize(
    ("place", "owner", "name", "leaking"), [one[1:] for one in LEAKING], ids=[p[0] for p in LEAKING]
)
def test_a_leak_is_found(place: Place, owner: Any, name: str, leaking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, leaking)
    if place is REFERRED:
        with deployed(secrets_of(CORE), Echo("{}\r\n")) as deployment:
            played(deployment, job(place.target({"secret": canaries.NAME})))
            assert leaks_of_reference(deployment) != []
    else:
        with deployed({}, Echo()) as deployment:
            deployment.stack.callers["http"] = deployment.stack.caller
            played(deployment, job(place.target(CORE)))
            assert leaks_of_literal(deployment) != []
