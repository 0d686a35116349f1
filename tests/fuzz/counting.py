"""Counts what a fuzzer sent, by operation and by status of the answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tidewheel.wire.endpoints import operations_at

Counts = Mapping[str, Counter[int]]
"""How many answers of each status there were, by the operation's id; requests of no operation are ``other``."""


def counted(report: Path) -> Counts:
    """The requests in a report of the fuzzer (NDJSON)."""
    found: dict[str, Counter[int]] = {}
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            for event in json.loads(line).values():
                for interaction in event.get("recorder", {}).get("interactions", {}).values():
                    status = (interaction.get("response") or {}).get("status_code", 0)
                    found.setdefault(_operation(interaction["request"]), Counter())[status] += 1
    return found


def _operation(request: Mapping[str, str]) -> str:
    path = "/v1/" + urlsplit(request["uri"]).path.partition("/v1/")[2]
    return next((one.id for one in operations_at(path) if one.method == request["method"]), "other")


def added(*parts: Counts) -> Counts:
    """Several counts as one."""
    found: dict[str, Counter[int]] = {}
    for part in parts:
        for operation, statuses in part.items():
            found.setdefault(operation, Counter()).update(statuses)
    return found


def shown(counts: Counts) -> str:
    """The counts as a table: a line for each operation."""
    lines = [
        f"{operation:20} {statuses.total():6}   "
        + " ".join(f"{status or 'none'}: {count}" for status, count in sorted(statuses.items()))
        for operation, statuses in sorted(counts.items())
    ]
    return "\n".join([*lines, f"{'all':20} {sum(one.total() for one in counts.values()):6}"])
