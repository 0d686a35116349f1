"""The API bench: the API over services in memory, driven by proxy events or as an httpx transport."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from functions.api.app import resolver
from tidewheel.adapters.memory import (
    CountedEntropy,
    MemoryCircuits,
    MemoryControl,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryLogs,
    MemoryQueue,
    MemoryRequests,
    MemoryWheel,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.wiring.api.services import ApiPorts, services_of

NOW_MS = 1_763_657_220_000  # 2025-11-20T16:47:00Z
EVENTS = Path(__file__).parents[1] / "functions" / "events"
HTTP_JOB = {"name": "hook", "target": {"kind": "http", "url": "https://example.com/hook"}}
EVERY_JOB = {**HTTP_JOB, "schedule": {"every": "5m"}}


class Context:
    """What Lambda passes beside the event."""

    function_name = "tidewheel-api"
    aws_request_id = "5f0a3c0e-2f3e-4b0a-9a43-1d6a2f6f2a10"


def recorded(name: str) -> dict[str, Any]:
    """A recorded event, fresh each time."""
    return json.loads((EVENTS / f"api_{name}.json").read_text())


def event(
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    query: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """A proxy event like the recorded ones; a body that is no string is sent as JSON."""
    made = copy.deepcopy(recorded("get"))
    made |= {
        "httpMethod": method,
        "path": path,
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "multiValueQueryStringParameters": query or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
    }
    made["headers"] |= headers or {}
    made["multiValueHeaders"] |= {name: [value] for name, value in (headers or {}).items()}
    return made


def memory_ports(clock: SettableClock) -> ApiPorts:
    """What the services are built from, in memory."""
    world, control = World(), MemoryControl()
    return ApiPorts(
        jobs=MemoryJobs(world),
        executions=MemoryExecutions(world),
        wheel=MemoryWheel(world),
        queue=MemoryQueue(clock),
        clock=clock,
        entropy=CountedEntropy(),
        telemetry=RecordingTelemetry(),
        layouts=LayoutCache(control, clock, 4),
        logs=MemoryLogs(),
        locks=MemoryLocks(world),
        circuits=MemoryCircuits(world),
        health=control,
        requests=MemoryRequests(world),
    )


@dataclass
class Answer:
    """An answer of the API, with its JSON read."""

    status: int
    headers: dict[str, str]
    json: Any
    text: str


@dataclass
class ApiBench:
    """The API on memory."""

    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW_MS))

    def __post_init__(self) -> None:
        self.ports = memory_ports(self.clock)
        self.app = resolver(self.services)

    def services(self) -> ApiServices:
        """The services over the ports as they are now."""
        return services_of(self.ports)

    def send(self, proxy_event: dict[str, Any]) -> Answer:
        """Sends an event."""
        raw = self.app.resolve(proxy_event, Context())
        headers = {name: values[0] for name, values in raw["multiValueHeaders"].items()}
        text = raw.get("body") or ""
        return Answer(raw["statusCode"], headers, json.loads(text) if text else None, text)

    def call(self, method: str, path: str, body: Any = None, **rest: Any) -> Answer:
        """Sends a request to a path under ``/v1``."""
        return self.send(event(method, f"/v1{path}", body, **rest))

    def transport(self) -> httpx.MockTransport:
        """An httpx transport that sends requests to this API; a prefix before ``/v1`` is taken for a stage."""

        def handle(request: httpx.Request) -> httpx.Response:
            query: dict[str, list[str]] = {}
            for name, value in request.url.params.multi_items():
                query.setdefault(name, []).append(value)
            path = request.url.path[request.url.path.index("/v1") :]
            headers = dict(request.headers.items())
            answer = self.send(event(request.method, path, request.content.decode() or None, headers, query))
            return httpx.Response(answer.status, headers=answer.headers, text=answer.text)

        return httpx.MockTransport(handle)
