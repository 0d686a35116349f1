"""Canaries: secrets that would be known again, the places that take one, and a deployment that calls with them.

The places are found in the models of the wire, so that a field which is added is looked at without anybody's doing.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, get_origin

from pydantic import ValidationError

from tests.support.api_bench import Answer, ApiBench, event, signed_in
from tests.support.connections import Said, target_on
from tests.support.memory_stack import MemoryStack
from tests.support.runners import a_runner
from tests.support.web_receiver import Heard, WebReceiver
from tidewheel.adapters.aws.targets.aws_lambda import Invocation, LambdaTarget
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.lines import LineTelemetry
from tidewheel.adapters.memory import MemorySecrets, MemoryWorkflows
from tidewheel.adapters.targets.command import CommandTarget
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.domain.jobs.secret import references_in
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Caller
from tidewheel.wire.bodies.target import TargetModel
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.operation import Operation
from tidewheel.wire.targets import MODELS, PRIVILEGED, allowed_kinds
from tidewheel.wiring.workflows import versions_in

CORE = "Qz7Kp4Wv9Xr2Mn6Tb8Yd3Hc5"
"""What a canary is known by: no eight of its characters stand anywhere else."""
_PART = 8
NAME = "canary"
"""The name of the secret that holds the canary; another, ``canary-json``, has it in its field ``token``."""

_LAMBDA_POOL, _POOL = "lambda", "fargate"
BASES: Mapping[str, Mapping[str, Any]] = {
    "http": {"url": "https://example.com/hook"},
    "lambda": {"function": "report"},
    "command": {"command": ["/bin/sh", "-c", "env; env >&2; exit 3"]},
    "python": {"function": "tests.canary"},
    "sqs": {"queue": "orders", "body": "x"},
    "sns": {"topic": "arn:aws:sns:eu-west-1:111122223333:news", "body": "x"},
    "eventbridge": {"bus": "orders", "source": "acme", "detail_type": "due"},
    "stepfunctions": {"machine": "arn:aws:states:eu-west-1:111122223333:stateMachine:report"},
    "sql": {
        "cluster": "arn:aws:rds:eu-west-1:111122223333:cluster:orders",
        "secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:orders-AbCdEf",
        "database": "orders",
        "sql": "SELECT :password, :secret",
    },
    "workflow": {"workflow": "report"},
}
"""A target of each kind, with as little as it takes."""


def shows(text: str) -> bool:
    """Whether a text has the canary, or a part of it."""
    return any(CORE[at : at + _PART] in text for at in range(len(CORE) - _PART + 1))


@dataclass(frozen=True)
class Place:
    """Where a target holds a value of its owner's.

    Args:
        kind: Of the target.
        field: The field.
        wrap: What the field holds, with the value within.
    """

    kind: str
    field: str
    wrap: Callable[[Any], Any]

    def target(self, value: Any) -> dict[str, Any]:
        """A target that has the value there."""
        return {"kind": self.kind, **BASES[self.kind], self.field: self.wrap(value)}

    def takes(self, value: Any) -> bool:
        """Whether a value may stand there."""
        try:
            MODELS[self.kind].model_validate(self.target(value))
        except ValidationError:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.kind}.{self.field} {self.wrap('…')}"


def _wraps(name: str) -> list[Callable[[Any], Any]]:
    return [
        lambda value: value,
        lambda value: [value],
        lambda value: {name: value},
        lambda value: {"deep": [{name: value, "n": 1}, None]},
    ]


def _places(value: Any, name: str, holds: Callable[[TargetModel], bool]) -> Iterator[Place]:
    for kind, model in MODELS.items():
        for one in model.model_fields.keys() - {"kind"}:
            for wrap in _wraps(name):
                place = Place(kind, one, wrap)
                try:
                    made = model.model_validate(place.target(value))
                except ValidationError:
                    continue
                if holds(made):
                    yield place


def reference_places() -> list[Place]:
    """Every place of every kind that takes a reference to a secret, and has it filled in."""

    def holds(made: TargetModel) -> bool:
        return any(references_in(made.model_dump(mode="json", include=set(made.REVEALS))))

    found = (one for one in _places({"secret": NAME}, "CANARY", holds))
    return sorted((one for one in found if not (one.wrap(0) == 0 and _is_by_name(one))), key=str)


def _is_by_name(place: Place) -> bool:
    """Whether its field holds values by names of the owner's choice, so that no object there is a reference itself."""
    return get_origin(MODELS[place.kind].model_fields[place.field].annotation) is dict


def literal_places(name: str) -> list[Place]:
    """Every place of every kind that takes any text under a name by which it is known for a secret.

    Args:
        name: The name. Where an object ``{"secret": …}`` is a reference, the text is the name of a secret, and none.
    """

    def holds(made: TargetModel) -> bool:
        return CORE in made.model_dump_json()

    def is_named(one: Place) -> bool:
        revealed = name == "secret" and one.field in MODELS[one.kind].REVEALS and not _is_by_name(one)
        return name in str(one) and not revealed

    return sorted(filter(is_named, _places(CORE, name, holds)), key=str)


@dataclass
class Echo:
    """How the called party answers: by all that it was told, so that nothing is left out.

    Args:
        head: The head of an HTTP answer, ``{}`` standing for what it heard of the canary.
        raises: The error that a Lambda function is said to have raised; empty for none.
        first: What comes before all else in a body.
    """

    head: str = "HTTP/1.1 200 OK\r\nX-Echo: {}\r\n"
    raises: str = ""
    first: bytes = b""

    def answer(self, heard: Heard) -> Iterable[Said]:
        """What an HTTP server says."""
        told = _told(heard.raw.decode(errors="replace"))
        head = self.head.replace("{}", told.replace("\r", " ").replace("\n", " ")).encode()
        return [head + b"Connection: close\r\n\r\n" + self.first + heard.raw, b""]

    def invoked(self, _function: str, payload: bytes, _timeout_ms: int) -> Invocation:
        """What a function answers."""
        return Invocation(200, self.first + payload, self.raises)


def _told(raw: str) -> str:
    """What was heard from the canary on, so that what quotes the beginning of it quotes a part of the secret."""
    at = raw.find(CORE[:_PART])
    return raw[at : at + 80] if at >= 0 else "nothing"


class Heeded(logging.Handler):
    """Keeps every line that is logged, with its fields and its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = f"{vars(record)} {record.getMessage()}"
        self.lines.append(told + (logging.Formatter().formatException(record.exc_info) if record.exc_info else ""))


class CanaryStack(MemoryStack):
    """A deployment in memory whose workers have the real callers, and which keeps all that it says."""

    def __init__(self, secrets: Mapping[str, str], echo: Echo, on_exit: ExitStack) -> None:
        self.lines = io.StringIO()
        super().__init__(shards=1)
        self.telemetry = LineTelemetry("canary", "tidewheel", self.clock, self.lines)  # type: ignore[assignment]
        self.lease_renewer, self.admission = self.fresh_lease_renewer(), self.fresh_admission()
        kept = MemorySecrets({(DEFAULT_TENANT, name): text for name, text in secrets.items()})
        around = Surroundings(kept, (), SystemClock())
        receiver = WebReceiver(echo.answer)
        self.callers: dict[str, Caller] = {
            "http": on_exit.enter_context(target_on(around, receiver, receiver.resolve)),
            "lambda": LambdaTarget(echo.invoked, kept),
            "command": CommandTarget(around, {"PATH": "/usr/bin:/bin"}),
        }

    @property
    def runner(self) -> Runner:
        return a_runner(
            self.jobs,
            self.executions,
            self.wheel,
            self.queue,
            self.callers,
            self.workers_clock,
            self.entropy,
            self.telemetry,
            self.layouts,
            self.locks,
            self.lease_renewer,
            self.admission,
            self.pace,
            {"*": PRIVILEGED},
            self.versions,
        )

    @property
    def versions(self) -> VersionCache:
        """The workflows that were put, as a process knows them that starts now."""
        return versions_in(MemoryWorkflows(self.world))


@dataclass
class Deployment:
    """The API over such a deployment; every answer is kept."""

    stack: CanaryStack
    bench: ApiBench
    heeded: Heeded
    answers: list[tuple[Operation[Any], Answer]] = field(default_factory=list)

    def ask(self, id: str, about: str = "", body: Any = None, **rest: Any) -> Answer:
        """Sends a request of an operation."""
        operation = next(one for one in OPERATIONS if one.id == id)
        name, _, version = about.partition("@")
        path = operation.path.format(id=about, name=name, version=version)
        answer = self.bench.send(signed_in(event(operation.method, path, body, **rest), Grant(self.bench.who)))
        self.answers.append((operation, answer))
        return answer

    def work(self) -> None:
        """Lets the workers take what is due, and writes what was counted."""
        self.stack.pump()
        self.stack.telemetry.flush()

    def stored(self) -> str:
        """Whatever lies in a table, a queue or the log of an attempt."""
        stack = self.stack
        parts = b"".join(part for parts in stack.logs._parts.values() for part in parts.values())
        return f"{stack.world} {stack.queue._messages} {parts.decode(errors='replace')}"

    def logged(self) -> str:
        """Every line of every log, and every metric."""
        return self.stack.lines.getvalue() + "\n".join(self.heeded.lines)


@contextmanager
def deployed(secrets: Mapping[str, str], echo: Echo) -> Iterator[Deployment]:
    """The deployment, while the block lasts."""
    heeded = Heeded()
    root = logging.getLogger()
    root.addHandler(heeded)
    try:
        with ExitStack() as on_exit:
            stack = CanaryStack(secrets, echo, on_exit)
            bench = ApiBench(clock=stack.clock)
            bench.ports = replace(stack.api_ports, kinds=allowed_kinds({"*": PRIVILEGED}), versions=stack.versions)
            yield Deployment(stack, bench, heeded)
    finally:
        root.removeHandler(heeded)


def job(target: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A job that calls a target once, now."""
    pool = _POOL if MODELS[str(target["kind"])].LONG_RUNNING else _LAMBDA_POOL
    return {"name": "canary", "target": dict(target), "pool": pool, "retry": {"max_attempts": 1}, **more}


def workflow(target: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A workflow that calls a target, by itself and for each of some items."""
    step = {name: value for name, value in job(target, **more).items() if name not in {"name", "schedule"}}
    each = {**step, "map": {"over": [1], "target": step.pop("target")}}
    del each["target"]
    return {"name": "canary", "steps": {"call": {**step, "target": dict(target)}, "each": each}}


def run_of(target: Mapping[str, Any]) -> dict[str, Any]:
    """The same workflow without what no release runs yet."""
    document = workflow(target)
    return {**document, "name": "run", "steps": {"call": document["steps"]["call"]}}


def secrets_of(text: str) -> dict[str, str]:
    """The secrets that hold a canary: as it is, and in a field of an object."""
    return {NAME: text, f"{NAME}-json": json.dumps({"user": "ann", "token": text})}


REFERENCES: list[dict[str, str]] = [
    {"secret": NAME},
    {"secret": NAME, "prefix": "Bearer "},
    {"secret": f"{NAME}-json", "key": "token"},
]
"""The ways in which a target refers to it."""


def looked_at(deployment: Deployment, id: str, run: str) -> None:
    """Every operation that reads, of everything there is; and those about keys, tenants and the service."""
    ask = deployment.ask
    key = ask("createKey", body={"name": "x", "role": "viewer"}).json["id"]
    ask("rotateKey", key)
    ask("revokeKey", key, query={"last": ["true"]})
    ask("createTenant", body={"id": "acme"})
    ask("editTenant", "acme", {"name": "Acme"})
    ask("setMode", body={"read_only": False, "reason": ""})
    about = {"getTenant": "acme", "getExecution": run, "logs": run}
    about |= {"getWorkflow": "canary", "listWorkflowVersions": "canary", "getWorkflowVersion": f"canary@{'0' * 64}"}
    for operation in (one for one in OPERATIONS if one.method == "GET"):
        ask(operation.id, about.get(operation.id, id))
    for circuit in ask("listCircuits").json["items"]:
        ask("closeCircuit", circuit["id"])
    ask("getJob", "j404")
    ask("listJobs", query={"colour": [CORE[::-1]]})
