"""Which functions a job passes on its way to an execution's end: ``python -m tests.support.journeys [--json FILE]``.

It runs the deployed handlers on moto and traces them. Of the product it knows the packages, the handlers, and the names
of the environment, so that its figures can be compared across a change of everything else. Every journey is made twice
and the second is counted, so that neither wiring nor filling caches is. How often the scheduler's functions are
called depends on how long it waits for the due time; which are called hardly does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from tests.support.api_bench import WHO, signed_in
from tests.support.passages import Passage, around_target, parted, returns
from tests.support.tables import make_bucket, make_queues, make_tables
from tests.support.tracing import Step, Tracer
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.access.grant import Grant
from tidewheel.names import Env

CREATE = "a job created to its wheel entry"
FIRE = "a wheel entry to SQS"
EXECUTE = "an SQS message to the execution's end"
ENDS_WITH = {CREATE: "dynamodb.", FIRE: "sqs.SendMessage", EXECUTE: "dynamodb."}
"""With what call to AWS a journey is over; what follows it is listed apart."""
Event = dict[str, Any]
_PROXY_EVENT = Path(__file__).parents[1] / "functions" / "events" / "api_get.json"
_ROUTE = "lambda-normal"
_DUE_MS = 3_000
"""How long before its due time the scheduler begins: as long as a second's slot is loaded ahead."""
_CREATED_MS = 20_000
"""How long before its due time a job is created: later, its entry would go to the slot of the late ones."""
_LIFE_MS = 60_000


class Context:
    """What Lambda passes beside the event.

    Args:
        over: Says whether the time is over.
    """

    function_name = "journeys"
    aws_request_id = "5f0a3c0e-2f3e-4b0a-9a43-1d6a2f6f2a10"

    def __init__(self, over: Callable[[], bool]) -> None:
        self._over = over

    def get_remaining_time_in_millis(self) -> int:
        return 0 if self._over() else _LIFE_MS


class Deployment:
    """Tables, queues, a bucket and a function that is every job's target, with the handlers on them."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._clock = SystemClock()
        self._dynamodb, self._sqs = boto3.client("dynamodb"), boto3.client("sqs")
        self._tables = make_tables(self._dynamodb)
        self._queues = {str(route): url for route, url in make_queues(self._sqs).items()}
        self._function = _make_function()
        os.environ.update(self._environment())

    def _environment(self) -> dict[str, str]:
        tables = self._tables
        return {env: "{}" for env in Env if env.startswith("TIDEWHEEL_TENANT_")} | {
            "TIDEWHEEL_JOBS_TABLE": tables.jobs,
            "TIDEWHEEL_WHEEL_TABLE": tables.wheel,
            "TIDEWHEEL_EXECUTIONS_TABLE": tables.executions,
            "TIDEWHEEL_CONTROL_TABLE": tables.control,
            "TIDEWHEEL_ACCESS_TABLE": tables.access,
            "TIDEWHEEL_AUDIT_TABLE": tables.audit,
            "TIDEWHEEL_PLANS": "{}",
            "TIDEWHEEL_LOGS_BUCKET": make_bucket(boto3.client("s3")),
            "TIDEWHEEL_QUEUES": json.dumps(self._queues),
            "TIDEWHEEL_SHARDS": "1",
            "TIDEWHEEL_SCHEDULERS": "1",
            "TIDEWHEEL_PACE": "loop",
            "TIDEWHEEL_SCHEDULER_FUNCTION": self._function,
            "TIDEWHEEL_CODE_VERSION": "v1",
            "TIDEWHEEL_DEPLOYMENT": "journeys",
            "TIDEWHEEL_ALLOWED_NETWORKS": "none",
            "TIDEWHEEL_CIRCUIT_FAILURES": "5",
            "TIDEWHEEL_CIRCUIT_OPEN": "600",
            "TIDEWHEEL_LEAST_LOG": "0",
            "TIDEWHEEL_WRITES_TOGETHER": "1",
            "TIDEWHEEL_LEAN_TRANSPORT": "false",  # moto stands beside the SDK's own
            "TIDEWHEEL_ALLOW_KINDS": "{}",
            "TIDEWHEEL_SIGN_IN": "gateway",
            "TIDEWHEEL_ISSUERS": "[]",
        }

    def travel(self) -> dict[str, list[Step]]:
        """Takes one job on all three journeys, and gives the steps of each."""
        before = self._entries()
        job, created = self._create()
        fired = self._fire(self._entries() - before)
        executed = self._execute()
        answer, _ = self._handle("api", _proxy_event("GET", f"/v1/jobs/{job}/executions"))
        assert [one["state"] for one in json.loads(answer["body"])["items"]] == ["succeeded"], answer
        return {CREATE: created, FIRE: fired, EXECUTE: executed}

    def _entries(self) -> set[str]:
        """Everything that lies on the wheel."""
        return {json.dumps(item) for item in self._dynamodb.scan(TableName=self._tables.wheel)["Items"]}

    def _create(self) -> tuple[str, list[Step]]:
        """A job that is due soon, as if it had been created some time ago; its id."""
        due_ms = (self._clock.now_ms() + _DUE_MS) // 1_000 * 1_000
        schedule = {"every": "1h", "anchor": datetime.fromtimestamp(due_ms / 1_000, UTC).isoformat()}
        target = {"kind": "lambda", "function": self._function}
        event = _proxy_event("POST", "/v1/jobs", {"name": "a", "schedule": schedule, "target": target})
        with patch("time.time_ns", return_value=(due_ms - _CREATED_MS) * 1_000_000):
            answer, steps = self._handle("api", event)
        assert answer["statusCode"] == 201, answer
        return json.loads(answer["body"])["id"], steps

    def _fire(self, entries: set[str]) -> list[Step]:
        """Lets a scheduler run until entries are gone from the wheel, or for a minute."""
        assert entries
        deadline_ms = self._clock.monotonic_ms() + _LIFE_MS

        def over() -> bool:
            with self._tracer.unnoticed():
                return not entries & self._entries() or self._clock.monotonic_ms() > deadline_ms

        return self._handle("scheduler", {"instance": 0}, over)[1]

    def _execute(self) -> list[Step]:
        """Does as Lambda does with the one message that was sent."""
        url = self._queues[_ROUTE]
        (message,) = self._sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{url.rpartition('/')[2]}",
        }
        answer, steps = self._handle("worker", {"Records": [record]})
        assert answer == {"batchItemFailures": []}, answer
        self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return steps

    def _handle(self, function: str, event: Event, over: Callable[[], bool] = lambda: False) -> tuple[Any, list[Step]]:
        handler = import_module(f"functions.{function}.handler").handler
        with self._tracer.recording() as steps:
            answer = handler(event, Context(over))
        return answer, steps


def _make_function() -> str:
    role = boto3.client("iam").create_role(RoleName="target", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = boto3.client("lambda").create_function(
        FunctionName="target", Runtime="python3.11", Role=role, Handler="a.b", Code={"ZipFile": b"-"}
    )
    return made["FunctionName"]


def _proxy_event(method: str, path: str, body: Any = None) -> Event:
    event = signed_in(json.loads(_PROXY_EVENT.read_text()), Grant(WHO))
    return event | {"httpMethod": method, "path": path, "body": body and json.dumps(body)}


def traced() -> dict[str, list[Step]]:
    """The steps of each journey, made for the second time."""
    tracer = Tracer()
    with _aws(), tracer.installed():
        deployment = Deployment(tracer)
        deployment.travel()
        return deployment.travel()


@contextmanager
def _aws() -> Iterator[None]:
    """Moto, under an environment that leads nowhere else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEWHEEL_"))}
    environment = kept | {"AWS_DEFAULT_REGION": "us-east-1"}
    with patch.dict(os.environ, environment, clear=True), mock_aws(config={"lambda": {"use_docker": False}}):
        yield


def report(journeys: dict[str, list[Step]]) -> dict[str, Any]:
    """What the journeys come to, as JSON."""
    found = {name: _journey(steps, ENDS_WITH[name]) for name, steps in journeys.items()}
    found[EXECUTE]["around_the_target"] = _worker(journeys[EXECUTE])
    return found


def _journey(steps: list[Step], ends_with: str) -> dict[str, Any]:
    way, rest = parted(steps, ends_with)
    return {"totals": way.totals(), "layers": way.layers(), "passed": way.listed(), "afterwards": rest.listed()}


def _worker(steps: list[Step]) -> dict[str, Any]:
    before, after = around_target(steps)
    parts = {"before": before, "after": after, "both": Passage([*before.steps, *after.steps])}
    return {
        name: {"totals": part.totals() | {"returns_in_engine": returns(part.steps)}, "layers": part.layers()}
        for name, part in parts.items()
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The report for people."""
    for name, journey in found.items():
        yield from _counted(f"== {name}", journey)
        for part, counted in journey.get("around_the_target", {}).items():
            yield from _counted(f"   around the target, {part}", counted)
        yield from _listing(journey["passed"])
        yield "-- and then, until the handler ends"
        yield from _listing(journey["afterwards"])
        yield ""


def _counted(title: str, counted: dict[str, dict[str, int]]) -> Iterator[str]:
    totals = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counted["totals"].items())
    layers = ", ".join(f"{layer} {count}" for layer, count in counted["layers"].items())
    yield f"{title}: {totals}"
    yield f"   functions by layer: {layers}"


def _listing(passed: list[dict[str, Any]]) -> Iterator[str]:
    for one in passed:
        times = f"  x{one['calls']}" if one["calls"] > 1 else ""
        what = f"{one['module']}: {one['name']}" if one["module"] else f"-> {one['name']}"
        yield f"{'  ' * one['depth']}  {what}{times}"


def main() -> int:
    """Runs and prints; what the handlers log goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.journeys", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON as well")
    given = parser.parse_args()
    with redirect_stdout(sys.stderr):
        found = report(traced())
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.writelines(f"{line}\n" for line in lines(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
