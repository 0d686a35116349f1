"""The API bench: the API over services in memory, driven by proxy events or as an httpx transport."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from functions.api.app import resolver
from tests.support.calls import a_quota
from tidewheel.adapters.memory import (
    CountedEntropy,
    MemoryApiKeys,
    MemoryAudit,
    MemoryCircuits,
    MemoryControl,
    MemoryCounters,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryLogs,
    MemoryPermitLines,
    MemoryPermits,
    MemoryQueue,
    MemoryRequests,
    MemoryTallies,
    MemoryTenants,
    MemoryWheel,
    MemoryWorkflows,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.domain.quotas.plans import Plans
from tidewheel.engine.api.services import ApiServices
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.wire.targets import PRIVILEGED
from tidewheel.wiring.api.services import ApiPorts, services_of
from tidewheel.wiring.workflows import versions_in

NOW_MS = 1_763_657_220_000  # 2025-11-20T16:47:00Z
EVENTS = Path(__file__).parents[1] / "functions" / "events"
HTTP_JOB = {"name": "hook", "target": {"kind": "http", "url": "https://example.com/hook"}}
EVERY_JOB = {**HTTP_JOB, "schedule": {"every": "5m"}}


class Context:
    """What Lambda passes beside the event."""

    function_name = "tidewheel-api"
    aws_request_id = "5f0a3c0e-2f3e-4b0a-9a43-1d6a2f6f2a10"


WHO = Principal(DEFAULT_TENANT, "key:bench", Role.PLATFORM_ADMIN, PRIVILEGED)
"""Who sends requests unless a test says otherwise: whoever may do everything."""


def signed_in(proxy_event: dict[str, Any], grant: Grant | None) -> dict[str, Any]:
    """The event as the gateway sends it once its authorizer has said who signed in; nobody for None."""
    context = {name: value for name, value in proxy_event["requestContext"].items() if name != "authorizer"}
    if grant is not None:
        context["authorizer"] = grant.context() | {"principalId": grant.principal.name}
    return proxy_event | {"requestContext": context}


def recorded(name: str) -> dict[str, Any]:
    """A recorded event, fresh each time, with a caller who may do everything."""
    return signed_in(json.loads((EVENTS / f"api_{name}.json").read_text()), Grant(WHO))


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


def memory_ports(clock: SettableClock, plans: Plans | None = None) -> ApiPorts:
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
        tenants=MemoryTenants(world),
        api_keys=MemoryApiKeys(world),
        quota=a_quota(clock, MemoryTenants(world), MemoryCounters(world), plans),
        counters=MemoryCounters(world),
        audit=MemoryAudit(world),
        permits=MemoryPermits(world),
        permit_lines=MemoryPermitLines(world),
        tallies=MemoryTallies(world),
        workflows=MemoryWorkflows(world),
        versions=versions_in(MemoryWorkflows(world)),
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
    who: Principal = WHO
    plans: Plans | None = None
    _sent: int = 0

    def __post_init__(self) -> None:
        self.ports = memory_ports(self.clock, self.plans)
        self.app = resolver(self.services)

    def services(self) -> ApiServices:
        """The services over the ports as they are now."""
        return services_of(self.ports)

    def send(self, proxy_event: dict[str, Any]) -> Answer:
        """Sends an event."""
        self._sent += 1
        if self._sent > 1:  # the gateway gives each request an id of its own
            proxy_event["requestContext"]["requestId"] += f"-{self._sent:05d}"
        raw = self.app.resolve(proxy_event, Context())
        headers = {name: values[0] for name, values in raw["multiValueHeaders"].items()}
        text = raw.get("body") or ""
        return Answer(raw["statusCode"], headers, json.loads(text) if text else None, text)

    def call(self, method: str, path: str, body: Any = None, **rest: Any) -> Answer:
        """Sends a request to a path under ``/v1``, as ``who``."""
        return self.send(signed_in(event(method, f"/v1{path}", body, **rest), Grant(self.who)))

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
