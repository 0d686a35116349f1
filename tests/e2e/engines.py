"""The engines that this tier runs on, and the one table of what an engine cannot do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from localstack.cloud import ENGINES
from localstack.engines.base import choose_name

Lacks = Mapping[str, str]
"""The reason by test: ``file.py::function``, with all its parameters, or ``file.py`` for all of a file."""

_NO_PROCESSES = "a function's process is inside a container, where the suite does not kill it"
_NO_AUTHORIZER = "its gateway asks no authorizer, and the function that takes its place looks at keys alone"

LACKS: Mapping[str, Lacks] = {
    "ministack": {},
    "localstack-host": {"test_tokens.py": _NO_AUTHORIZER},
    "localstack": {
        "test_tokens.py": _NO_AUTHORIZER,
        "test_outage.py": _NO_PROCESSES,
        "test_schedulers.py::test_a_killed_schedulers_shards_are_turned_by_the_other": _NO_PROCESSES,
        "test_schedulers.py::test_the_watchdog_replaces_a_fleet_that_was_killed": _NO_PROCESSES,
    },
}

QUICK_CALLS = 150.0
"""What an engine answers in a second, one call after another, where little holds it up; idle ones do twice as much."""

LONG = ("test_long_work.py", "test_outage.py", "test_storm.py")
"""Files whose tests mostly wait: beside the others, on a stack of their own, they take no time of theirs."""
_ALONE = ("localstack",)
"""Engines of which a machine has one."""


def chosen(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The engines that ``ENGINE`` names, apart by commas, or MiniStack.

    Raises:
        LocalCloudError: There is no such engine.
    """
    named = environ.get("ENGINE", "").split(",")
    return [choose_name({"ENGINE": name}, ENGINES) for name in named]


def of_node(nodeid: str) -> str:
    """The engine that a test runs on, from its id: ``file::test[engine]`` or ``file::test[engine-more]``."""
    parameters = f"{nodeid.partition('[')[2].removesuffix(']')}-"
    return max((name for name in LACKS if parameters.startswith(f"{name}-")), key=len, default="")


def stack_group(nodeid: str) -> str:
    """What tests share a deployed stack when several are worked side by side: an engine's long ones, or its others."""
    engine, file = of_node(nodeid), nodeid.partition("::")[0].rpartition("/")[2]
    return f"{engine} long" if file in LONG and engine not in _ALONE else engine


def stack_groups(engines: Sequence[str]) -> int:
    """How many groups the tests of some engines have."""
    return sum(1 if engine in _ALONE else 2 for engine in engines)


def side_by_side(groups: int, slow: float, calls: float) -> int:
    """How many groups are worked side by side.

    On a slow machine, or with a slow engine, fewer: what is left over is worked afterwards, one engine after the other.

    Args:
        groups: How many there are.
        slow: How many times slower than a quick one the machine is, 1 or more.
        calls: What an engine answers in a second.
    """
    slowest = max(slow, QUICK_CALLS / max(calls, 1.0), 1.0)
    return max(1, int(groups / slowest))


def reason(engine: str, file: str, function: str) -> str | None:
    """Why a test is left out on an engine, if it is."""
    lacks = LACKS[engine]
    return lacks.get(file) or lacks.get(f"{file}::{function}")
