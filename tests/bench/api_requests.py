"""What a request to the API costs: creating and reading a job, beside a bare echo behind the same gateway.

``python -m tests.bench.api_requests`` deploys a stack of its own, adds a function that answers at once and asks nobody,
and sends the three requests by turns, one after another, so that what moves the machine moves all of them. It prints
JSON: percentiles of each, ms, and how much more than the echo the others take. What signing in and admission add by
themselves is measured in process by ``python -m tests.bench.sign_in``.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from localstack.bench.main import machine
from localstack.settings import REGION
from tests.bench.alone import stack_of_its_own, tell
from tests.e2e.stack import Stack
from tidewheel.client.transport import headers
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, physical

ECHO = "bare-echo"
_CODE = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": event.get("body") or "{}"}
"""
_WARM = 20


def add_echo(stack: Stack) -> None:
    """A function that answers with what it is sent, at ``POST /bare-echo`` of the deployed API, open to everybody."""
    functions, gateway = stack.client("lambda"), stack.client("apigateway")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("echo.py", _CODE)
    api = functions.get_function_configuration(FunctionName=physical(DEFAULT_DEPLOYMENT, Function.API))
    made = functions.create_function(
        FunctionName=ECHO,
        Runtime=api["Runtime"],
        Role=api["Role"],
        Handler="echo.handler",
        MemorySize=api["MemorySize"],
        Code={"ZipFile": packed.getvalue()},
    )
    id, stage = urlsplit(stack.outputs.api_url).path.split("/")[2:4]  # /restapis/ID/STAGE/…
    root = next(one["id"] for one in gateway.get_resources(restApiId=id, limit=500)["items"] if one["path"] == "/")
    resource = gateway.create_resource(restApiId=id, parentId=root, pathPart=ECHO)["id"]
    method = {"restApiId": id, "resourceId": resource, "httpMethod": "POST"}
    gateway.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{made['FunctionArn']}/invocations"
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=id, stageName=stage)


def measure(stack: Stack, rounds: int) -> dict[str, Any]:
    """Sends the requests by turns.

    Args:
        stack: With its echo.
        rounds: How often each is sent.
    """
    base = stack.outputs.api_url.rstrip("/") + "/"
    job = {
        "name": "measured",
        "schedule": {"cron": "0 9 1 1 *"},
        "target": {"kind": "http", "url": "https://example.com/hook"},
    }
    with httpx.Client(base_url=base, headers=headers(stack.outputs.api_key), timeout=60) as http:
        kept = f"v1/jobs/{http.post('v1/jobs', json=job).raise_for_status().json()['id']}"
        requests: dict[str, Callable[[], httpx.Response]] = {
            "echo": lambda: http.post(ECHO, json=job),
            "get": lambda: http.get(kept),
            "create": lambda: http.post("v1/jobs", json=job),
        }
        took: dict[str, list[float]] = {name: [] for name in requests}
        for number in range(_WARM + rounds):
            for name, send in requests.items():
                began = time.perf_counter()
                send().raise_for_status()
                if number >= _WARM:
                    took[name].append((time.perf_counter() - began) * 1_000)
    found = {name: _percentiles(values) for name, values in took.items()}
    beyond = {
        name: {which: round(found[name][which] - found["echo"][which], 2) for which in ("p50_ms", "p99_ms")}
        for name in ("get", "create")
    }
    return {**found, "beyond_the_echo": beyond}


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    known = sorted(took)
    return {
        "n": len(known),
        "p50_ms": round(statistics.median(known), 2),
        "p99_ms": round(known[len(known) * 99 // 100], 2),
    }


def main(arguments: Sequence[str]) -> int:
    """Measures; the JSON goes to stdout, all else to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.api_requests", description=__doc__)
    parser.add_argument("--engine", default="ministack")
    parser.add_argument("--rounds", type=int, default=500, help="how often each request is sent (500)")
    wanted = parser.parse_args(arguments)
    with stack_of_its_own("api-requests", wanted.engine) as (stack, _):
        add_echo(stack)
        before = machine()
        found = measure(stack, wanted.rounds)
    tell({"engine": wanted.engine, "machine": before, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
