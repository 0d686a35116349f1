"""The rules of the house are kept, and would be missed: each is broken on purpose in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("functions", "infra", "localstack", "shared")
TOOLS = Path(sys.executable).parent


@dataclass(frozen=True)
class Violation:
    """A module that breaks a rule.

    Args:
        contract: The rule's name in pyproject.toml.
        path: Where the module is written, or what it is appended to.
        imports: What it must not import.
    """

    contract: str
    path: str
    imports: str

    @property
    def module(self) -> str:
        return self.path.removeprefix("shared/").removesuffix(".py").replace("/", ".")


T = "shared/tidewheel"
VIOLATIONS_BY_RULE = {
    "functions, wiring, adapters or engine, ports, domain": [
        (f"{T}/engine/violation_a.py", "tidewheel.adapters.clock"),
        (f"{T}/adapters/violation_b.py", "tidewheel.engine.scheduler.dispatch.dispatcher"),
        (f"{T}/adapters/violation_c.py", "tidewheel.wiring.stores"),
        (f"{T}/wiring/violation_d.py", "functions.echo.handler"),
        (f"{T}/domain/violation_e.py", "tidewheel.ports"),
    ],
    "cli, client, wire, domain": [
        (f"{T}/client/violation_f.py", "tidewheel.cli.show"),
        (f"{T}/wire/violation_g.py", "tidewheel.client"),
    ],
    "the domain stands on the standard library and croniter": [
        (f"{T}/domain/violation_h.py", "boto3"),
        (f"{T}/domain/violation_i.py", "pydantic"),
    ],
    "tasks stand on the standard library": [(f"{T}/tasks.py", "pydantic")],
    "workflows are built with the standard library and tasks": [(f"{T}/workflows.py", "tidewheel.wire")],
    "ports and wire know the domain alone": [(f"{T}/wire/violation_j.py", "tidewheel.names")],
    "the engine knows ports and domain alone": [
        (f"{T}/engine/violation_k.py", "tidewheel.wiring.stores"),
        (f"{T}/engine/violation_l.py", "tidewheel.wire.message"),
    ],
    "client and command line stand on wire alone": [
        (f"{T}/cli/violation_m.py", "tidewheel.ports"),
        (f"{T}/client/violation_n.py", "tidewheel.engine.api.jobs"),
    ],
    "importers know wire, domain and the reading of YAML": [
        (f"{T}/cli/importing/violation_za.py", "tidewheel.cli.session"),
        (f"{T}/cli/importing/formats/violation_zb.py", "tidewheel.client"),
        (f"{T}/cli/importing/violation_zc.py", "rich"),
    ],
    "names and settings know the routes of the domain, and nothing else": [(f"{T}/names.py", "tidewheel.ports")],
    "the table of telemetry stands on the standard library": [(f"{T}/telemetry/violation_x.py", "tidewheel.names")],
    "a process's room in the engine imports no other process's": [
        (f"{T}/engine/api/violation_y.py", "tidewheel.engine.worker.pool"),
        (f"{T}/engine/worker/violation_z.py", "tidewheel.engine.recovery.reconciler"),
        (f"{T}/engine/recovery/violation_aa.py", "tidewheel.engine.scheduler.loop"),
        (f"{T}/engine/scheduler/shard/violation_ab.py", "tidewheel.engine.api.jobs"),
    ],
    "processes' rooms, runs of workflows, ends, common": [
        (f"{T}/engine/ends/violation_ac.py", "tidewheel.engine.worker.runner"),
        (f"{T}/engine/common/violation_ad.py", "tidewheel.engine.ends.overlap_lock"),
        (f"{T}/engine/common/violation_ae.py", "tidewheel.engine.scheduler.context"),
    ],
    "boto3 is imported in adapters.aws alone": [
        (f"{T}/wiring/violation_o.py", "boto3"),
        (f"{T}/adapters/targets/violation_p.py", "botocore"),
        ("functions/worker/violation_q.py", "boto3"),
    ],
    "httpx is imported in cli and client alone": [(f"{T}/adapters/targets/violation_ba.py", "httpx")],
    "memory and targets do without AWS": [
        (f"{T}/adapters/memory/violation_r.py", "tidewheel.adapters.aws.dynamodb.wheel")
    ],
    "functions never import each other": [("functions/api/violation_s.py", "functions.worker.handler")],
    "the API's handlers call services, never ports": [
        ("functions/api/routes/violation_x.py", "tidewheel.ports"),
        ("functions/api/routes/violation_y.py", "tidewheel.wiring.api.app"),
    ],
    "infra knows names, settings, telemetry and what target kinds declare": [
        ("infra/violation_t.py", "tidewheel.domain.limits"),
        ("infra/violation_z.py", "tidewheel.wire.bodies.job"),
        ("infra/violation_u.py", "functions.worker.handler"),
    ],
    "the local cloud, its demo and its bench are users: client, wire and the clock": [
        ("localstack/violation_v.py", "tidewheel.ports"),
    ],
    "what is deployed knows nothing of how": [(f"{T}/wiring/violation_w.py", "infra.config")],
}
"""By rule: modules that break it, and what they import."""

VIOLATIONS = [
    Violation(contract, *violation) for contract, violations in VIOLATIONS_BY_RULE.items() for violation in violations
]


def copied(folder: Path) -> Path:
    """The tree's code and rules."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def linted(tree: Path) -> subprocess.CompletedProcess[str]:
    """The rules, checked in a tree, whose own modules come first."""
    environ = {**os.environ, "PYTHONPATH": f"{tree / 'shared'}{os.pathsep}{tree}", "COLUMNS": "200"}
    return subprocess.run(
        [TOOLS / "lint-imports", "--no-cache", "--no-logo"],
        cwd=tree,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a tree with every violation in it."""
    tree = copied(tmp_path_factory.mktemp("violations"))
    for violation in VIOLATIONS:
        with (tree / violation.path).open("a") as module:
            module.write(f"\nimport {violation.imports}\n")
    run = linted(tree)
    assert run.returncode == 1, run.stdout + run.stderr
    return re.sub(r"\s+", " ", run.stdout)


def test_the_rules_are_kept(tmp_path: Path) -> None:
    run = linted(copied(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "violation", VIOLATIONS, ids=lambda violation: f"{violation.module} imports {violation.imports}"
)
def test_a_violation_is_found_and_named(told: str, violation: Violation) -> None:
    assert f"{violation.contract} BROKEN" in told
    of_contract = told.split(f"{violation.contract} ---", 1)[1].split(" ---", 1)[0]
    assert violation.module in of_contract
    assert violation.imports in of_contract


def test_every_rule_has_its_violation() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == VIOLATIONS_BY_RULE.keys()


CLOCKS = {
    "time.time": "import time\n\nT = time.time()\n",
    "time.time_ns": "from time import time_ns as ticks\n\nT = ticks()\n",
    "time.monotonic": "import time as t\n\nT = t.monotonic()\n",
    "time.sleep": "from time import sleep\n\nsleep(1)\n",
    "datetime.datetime.now": "from datetime import UTC, datetime\n\nT = datetime.now(UTC)\n",
    "datetime.datetime.utcnow": "import datetime\n\nT = datetime.datetime.utcnow()\n",
    "datetime.datetime.today": "from datetime import datetime\n\nT = datetime.today()\n",
    "datetime.date.today": "from datetime import date\n\nT = date.today()\n",
}


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ruff, by the project's own rules, says of modules of the engine that read the clock."""
    tree = tmp_path_factory.mktemp("clocks")
    shutil.copy(ROOT / "pyproject.toml", tree)
    room = tree / "shared" / "tidewheel" / "engine"
    room.mkdir(parents=True)
    for name in ("common/__init__.py", "common/clock_guard.py"):
        (room / "common").mkdir(exist_ok=True)
        shutil.copy(ROOT / "shared" / "tidewheel" / "engine" / name, room / name)
    for name, text in CLOCKS.items():
        (room / f"violation_{name.replace('.', '_')}.py").write_text(text)
    command = [TOOLS / "ruff", "check", "--no-cache", "--output-format", "concise", "."]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_in_the_engine_is_found_and_named(clocks: str, name: str) -> None:
    file = f"violation_{name.replace('.', '_')}.py"
    assert any(file in line and "TID251" in line and f"`{name}`" in line for line in clocks.splitlines())


def test_a_module_of_the_engine_without_a_clock_is_left_alone(clocks: str) -> None:
    assert "common/clock_guard.py" not in clocks
