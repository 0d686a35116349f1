"""When the runs of a burst started: from what a receiver noted. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from localstack.receiver import Arrival


def figures(arrivals: Sequence[Arrival], count: int, due_ms: int) -> dict[str, Any]:
    """The figures of a burst.

    Args:
        arrivals: Its requests; what repeats an idempotency key is counted as doubled, and else passed over.
        count: How many runs were wanted.
        due_ms: When all of them were due.
    """
    first: dict[str, int] = {}
    for one in arrivals:
        first[one.key] = min(one.arrived_ms, first.get(one.key, one.arrived_ms))
    starts = sorted(at_ms - due_ms for at_ms in first.values())
    return {
        "samples": len(starts),
        "missing": count - len(starts),
        "early": sum(start < 0 for start in starts),
        "doubled": len(arrivals) - len(starts),
        "starts_ms": _starts(starts),
        "runs_a_second": round(len(starts) * 1_000 / max(starts[-1], 1)) if starts else None,
    }


def _starts(starts: Sequence[int]) -> dict[str, float | None]:
    if not starts:
        return dict.fromkeys(("first", "median", "last"))
    return {"first": starts[0], "median": statistics.median(starts), "last": starts[-1]}


def sound(found: Mapping[str, Any]) -> bool:
    """Whether every run started, once, and none early."""
    return not (found["missing"] or found["early"] or found["doubled"])


def spread(values: Iterable[float]) -> dict[str, float]:
    """The median of some rounds, the least and the most."""
    known = sorted(values)
    return {"median": round(statistics.median(known), 3), "least": known[0], "most": known[-1], "rounds": len(known)}


def summary(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rounds of each kind of burst in one row: medians, least and most."""
    kinds = dict.fromkeys((one["system"], one["precision"], one["burst"]) for one in rounds)
    return [_row([one for one in rounds if _kind(one) == kind]) for kind in kinds]


def _kind(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["system"], one["precision"], one["burst"]


def _row(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One kind's rounds; those in which nothing came have no start."""
    system, precision, burst = _kind(rounds[0])
    came = [one for one in rounds if one["samples"]]
    moments, roles = ("first", "median", "last") if came else (), came[0]["cpu_ms_a_run"] if came else ()
    return {
        "system": system,
        "precision": precision,
        "burst": burst,
        **{name: sum(one[name] for one in rounds) for name in ("samples", "missing", "early", "doubled")},
        **{f"{name}_ms": spread(one["starts_ms"][name] for one in came) for name in moments},
        "cpu_ms_a_run": {role: spread(one["cpu_ms_a_run"][role] for one in came) for role in roles},
    }
