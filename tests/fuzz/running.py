"""Runs the fuzzer against the API: by its own document, all checks, links between operations on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.counting import Counts, counted
from tests.fuzz.expected import BY_ITSELF, NEGATIVE, POSITIVE
from tests.support.api_bench import NOW_MS, ApiBench
from tidewheel.domain.access.roles import Role
from tidewheel.domain.executions.transitions import opened
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.domain.limits import DAY_MS
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.endpoints.jobs import BULK_JOBS
from tidewheel.wire.endpoints.runs import EXAMPLE, EXAMPLE_RUN

PROGRAM = Path(sys.executable).with_name("schemathesis")
_CONFIG = f"""\
[checks.negative_data_rejection]
expected-statuses = {list(NEGATIVE)}

[checks.positive_data_acceptance]
expected-statuses = {list(POSITIVE)}

[[operations]]
include-operation-id = "{BULK_JOBS.id}"
checks.negative_data_rejection.expected-statuses = {list(BY_ITSELF)}
"""
_REPORT = "report.ndjson"
PLATFORM = tuple(one.id for one in OPERATIONS if one.role is Role.PLATFORM_ADMIN)
SWITCH = "setMode"
"""It makes the deployment read-only: what comes after it would be refused."""

PASSES: Mapping[str, Sequence[str]] = {
    "tenant": tuple(part for id in PLATFORM for part in ("--exclude-operation-id", id)),
    "platform": tuple(part for id in PLATFORM if id != SWITCH for part in ("--include-operation-id", id)),
    "switch": ("--include-operation-id", SWITCH, "--phases", "examples,coverage,fuzzing"),  # nothing follows from it
}
"""The operations that are driven together, as options of the fuzzer.

Those for a platform admin come by themselves: they suspend the tenant, or stop all changes, which would leave little of
the others."""


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What a run came to.

    Args:
        status: Of the fuzzer: 0 if it found nothing.
        counts: Its requests, by operation and status.
        text: What it printed, if it was caught.
    """

    status: int
    counts: Counts
    text: str


def driven() -> ApiBench:
    """The API in memory as it is driven: with what requests alone do not bring about."""
    bench = ApiBench()
    open_until_ms = NOW_MS + DAY_MS
    bench.ports.circuits.swap(
        Circuit(DEFAULT_TENANT, "http:example.com:443/hook", 5, open_until_ms, "", 0, 1, NOW_MS, NOW_MS)
    )
    _begin_a_run(bench)
    return bench


def _begin_a_run(bench: ApiBench) -> None:
    """The workflow that the document's examples name, and a run of it that a worker has begun: the one they name."""
    step = {"target": {"kind": "http", "url": "https://example.com/hook"}}
    bench.call("PUT", f"/workflows/{EXAMPLE}", {"name": EXAMPLE, "params": {"day": {}}, "steps": {"load": step}})
    id = bench.call("POST", f"/workflows/{EXAMPLE}/runs").json["id"]
    assert id == EXAMPLE_RUN, id
    queued = bench.ports.executions.get(DEFAULT_TENANT, id)
    assert queued is not None
    assert queued.run is not None
    bench.ports.executions.swap(opened(queued, queued.run, NOW_MS, NOW_MS, None), queued.version)


def fuzzed(
    url: str, token: str, which: Sequence[str], folder: Path, *, examples: int, seed: int, printed: bool = True
) -> Fuzzed:
    """Drives an API.

    The same seed sends the same requests to an API that answers the same.

    Args:
        url: Its URL with its stage.
        token: An API key.
        which: Which operations, as options.
        folder: An empty one, for what the fuzzer writes.
        examples: Random cases of each operation, at most; beside them come those that the document suggests.
        seed: Of the randomness.
        printed: Whether the fuzzer prints as it goes; else what is returned has its text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "schemathesis.toml"
    config.write_text(_CONFIG)
    how = ["--url", url, "-H", f"Authorization: Bearer {token}", "--max-examples", str(examples), "--seed", str(seed)]
    how += ["--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure"]
    how += ["--request-timeout", "30", "--report-ndjson-path", str(folder / _REPORT), *which]
    command = [str(PROGRAM), "--config-file", str(config), "run", f"{url}/v1/openapi.json", *how]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=None if printed else subprocess.PIPE,
        stderr=None if printed else subprocess.STDOUT,
        text=True,
    )
    return Fuzzed(done.returncode, counted(folder / _REPORT), done.stdout or "")
