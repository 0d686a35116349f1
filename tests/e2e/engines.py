"""The engines that this tier runs on, and the one table of what an engine cannot do."""

from __future__ import annotations

import os
from collections.abc import Mapping

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

PART = frozenset(
    {
        "test_aws_targets.py",
        "test_cli.py",
        "test_failures.py",
        "test_firing.py",
        "test_jobs_api.py",
        "test_logs.py",
        "test_schedulers.py",
        "test_sign_in.py",
        "test_targets.py",
        "test_watch.py",
    }
)
"""Files that are played on an engine of which a part is asked for.

Each thing that an engine does for us is in one of them: its gateway, functions, queues, tables, events, logs, the
services that jobs call, and what happens to a function whose code or process is replaced. The other files show what our
own code does with these, which one engine shows as well as two, and take most of the time.
"""
_SOME = ":part"


def chosen(environ: Mapping[str, str] = os.environ) -> dict[str, bool]:
    """The engines that ``ENGINE`` names, apart by commas, or MiniStack; and whether all tests are played on each.

    ``ministack,localstack-host:part`` is all of them on the one, and those of ``PART`` on the other.

    Raises:
        LocalCloudError: There is no such engine.
    """
    named = [name.strip() for name in environ.get("ENGINE", "").split(",")]
    return {choose_name({"ENGINE": name.removesuffix(_SOME)}, ENGINES): not name.endswith(_SOME) for name in named}


def plays(file: str, *, whole: bool) -> bool:
    """Whether a file is played on an engine, all of whose tests are asked for or a part."""
    return whole or file in PART


def of_node(nodeid: str) -> str:
    """The engine that a test runs on, from its id: ``file::test[engine]`` or ``file::test[engine-more]``."""
    parameters = f"{nodeid.partition('[')[2].removesuffix(']')}-"
    return max((name for name in LACKS if parameters.startswith(f"{name}-")), key=len, default="")


def stack_group(nodeid: str) -> str:
    """What tests share a deployed stack when several are worked side by side: an engine's long ones, or its others."""
    engine, file = of_node(nodeid), nodeid.partition("::")[0].rpartition("/")[2]
    return f"{engine} long" if file in LONG and engine not in _ALONE else engine


def stack_groups(engines: Mapping[str, bool]) -> int:
    """How many groups the tests of some engines have, as ``chosen`` answers them; a part has no long ones."""
    return sum(1 if engine in _ALONE or not whole else 2 for engine, whole in engines.items())


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
