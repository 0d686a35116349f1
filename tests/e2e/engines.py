"""The engines that this tier runs on, and the one table of what an engine cannot do."""

from __future__ import annotations

import os
from collections.abc import Mapping

from localstack.cloud import ENGINES
from localstack.engine import choose_name

Lacks = Mapping[str, str]
"""The reason by test: ``file.py::function``, with all its parameters, or ``file.py`` for all of a file."""

_NO_PROCESSES = "a function's process is inside a container, where the suite does not kill it"

LACKS: Mapping[str, Lacks] = {
    "ministack": {},
    "localstack-host": {},
    "localstack": {
        "test_outage.py": _NO_PROCESSES,
        "test_schedulers.py::test_a_killed_schedulers_shards_are_turned_by_the_other": _NO_PROCESSES,
        "test_schedulers.py::test_the_watchdog_replaces_a_fleet_that_was_killed": _NO_PROCESSES,
    },
}


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


def reason(engine: str, file: str, function: str) -> str | None:
    """Why a test is left out on an engine, if it is."""
    lacks = LACKS[engine]
    return lacks.get(file) or lacks.get(f"{file}::{function}")
