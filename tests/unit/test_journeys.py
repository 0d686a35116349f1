"""The programs that trace journeys and measure sizes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support import sizes
from tests.support.journeys import CREATE, EXECUTE, FIRE, lines
from tests.support.passages import Passage, around_target, parted, returns
from tests.support.tracing import Step, Tracer

ROOT = Path(__file__).parents[2]
MODULE = """
def outer(inside):
    def never():
        return 0
    if inside == 1:
        return [inner(one) for one in range(inside)]
    return inside()

def inner(number):
    return number
"""


JOURNEYS = {
    CREATE: ("functions.api.handler", "dynamodb.TransactWriteItems"),
    FIRE: ("functions.scheduler.handler", "sqs.SendMessageBatch"),
    EXECUTE: ("functions.worker.handler", "dynamodb.PutItem"),
}
"""Where each begins, and what it comes to."""


def test_the_journeys_lead_from_the_handlers_to_aws(tmp_path: Path) -> None:
    """In a process of its own: it needs an environment, threads and a profiler to itself."""
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.support.journeys", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    told = [line for line in done.stdout.splitlines() if not line.startswith("{")]  # but for the functions' own log
    assert told == list(lines(found))
    assert found.keys() == JOURNEYS.keys()
    for name, (handler, call) in JOURNEYS.items():
        check_way(found[name], handler, call)
        check_totals(found[name])
    check_worker(found[EXECUTE])


def check_way(journey: dict[str, Any], handler: str, call: str) -> None:
    """It begins in the handler, and an adapter makes the call at its end."""
    passed = journey["passed"]
    assert (passed[0]["module"], passed[0]["name"], passed[0]["depth"]) == (handler, "handler", 0)
    (asked,) = [number for number, one in enumerate(passed) if one["name"] == call]
    assert passed[asked]["module"] == ""
    caller = [one["module"] for one in passed[:asked] if one["depth"] < passed[asked]["depth"]][-1]
    assert caller.startswith("tidewheel.adapters.aws.")
    assert {"adapters", "domain", "engine", "functions"} <= journey["layers"].keys()


def check_totals(journey: dict[str, Any]) -> None:
    """They are those of the list."""
    functions = [one for one in journey["passed"] if one["module"]]
    assert journey["totals"] == {
        "functions": len(functions),
        "calls": sum(one["calls"] for one in functions),
        "modules": len({one["module"] for one in functions}),
        "rooms": len({one["module"].rpartition(".")[0] for one in functions}),
        "aws_calls": sum(one["calls"] for one in journey["passed"] if not one["module"]),
    }


def check_worker(journey: dict[str, Any]) -> None:
    """Its part before the target and that after make up the whole, and the target's own is in neither."""
    before, after, both = (journey["around_the_target"][part] for part in ("before", "after", "both"))
    for part in (before, after):
        assert part["totals"]["returns_in_engine"] > 0
        assert part["layers"]["engine"] > 0
        assert part["totals"]["functions"] < both["totals"]["functions"]
    assert both["totals"]["calls"] == before["totals"]["calls"] + after["totals"]["calls"]
    assert "lambda.Invoke" in {one["name"] for one in journey["passed"]}
    assert both["totals"]["aws_calls"] == journey["totals"]["aws_calls"] - 1


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """A module as if it were one of the engine's."""
    file = tmp_path / "planted.py"
    file.write_text(MODULE)
    made = ModuleType("tidewheel.engine.planted")
    exec(compile(MODULE, file, "exec"), made.__dict__)
    return made


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    tracer = Tracer()
    with tracer.installed():
        yield tracer


def names(steps: list[Step]) -> list[tuple[str, int]]:
    return [(step.name, step.depth) for step in steps]


def test_functions_are_noted_with_their_depth_on_all_threads(tracer: Tracer, module: ModuleType) -> None:
    with ThreadPoolExecutor(1) as threads, tracer.recording() as steps:
        module.outer(lambda: threads.submit(module.inner, 1).result())
        module.outer(1)
    assert names(steps) == [("outer", 0), ("inner", 0), ("outer", 0), ("inner", 1)]
    assert Passage(steps).totals() == {"functions": 2, "calls": 4, "modules": 1, "rooms": 1, "aws_calls": 0}
    assert returns(steps) == 3  # that of the function which was not passed does not count


def test_a_loop_that_was_started_earlier_is_left_out(tracer: Tracer, module: ModuleType) -> None:
    go, come = threading.Event(), threading.Event()

    def work() -> None:
        come.set()
        assert go.wait(10)
        module.inner(1)

    with tracer.recording() as first:
        loop = threading.Thread(target=module.outer, args=(work,))
        loop.start()
        assert come.wait(10)
    with tracer.recording() as second:
        go.set()
        loop.join()
        with tracer.unnoticed():
            module.inner(2)
        module.inner(3)
    assert (names(first), names(second)) == ([("outer", 0)], [("inner", 0)])


def test_a_trace_without_its_end_is_refused() -> None:
    code = names.__code__
    steps = [
        Step("tidewheel.engine.a", "f", 0, code),
        Step("", "sqs.Send", 1),
        Step("tidewheel.adapters.b", "g", 1, code),
    ]
    way, rest = parted(steps, "sqs.")
    assert (way.steps, rest.steps) == (steps[:2], steps[2:])
    with pytest.raises(ValueError, match=r"dynamodb\.\*"):
        parted(steps, "dynamodb.")
    with pytest.raises(ValueError, match="3 steps"):
        around_target(steps)


def test_sizes_are_those_of_a_tree(tmp_path: Path) -> None:
    room = tmp_path / "layer" / "room"
    room.mkdir(parents=True)
    (tmp_path / "layer" / "node_modules").mkdir()
    (tmp_path / "layer" / "node_modules" / "theirs.py").write_text("1\n")
    (room / "__init__.py").write_text('"""Only a marker."""\n')
    (room / "a.py").write_text("@decorated\ndef f():\n    pass\n\nasync def g(): ...\n")
    (tmp_path / "layer" / "b.py").write_text("x = 1\n")
    found = sizes.modules(tmp_path / "layer")
    assert [(one.path.name, one.length, list(one.functions())) for one in found] == [
        ("b.py", 1, []),
        ("a.py", 5, [2, 1]),
    ]
    assert sizes.longest_room(tmp_path / "layer") == "layer/room 1 files, 5 lines (of 2 rooms)"
    assert sizes.described(range(1, 21)).split() == ["20", "10.5", "18", "20"]


def test_sizes_are_reported_for_every_tree_and_layer() -> None:
    first = [line.split()[0] for line in sizes.report() if line]
    assert {*sizes.TREES, *sizes.LAYERS, "functions", "all"} <= set(first)
