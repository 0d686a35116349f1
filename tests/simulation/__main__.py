"""``make sim``: plays random histories and prints their faults and outcomes; exit status 1 if any broke a promise."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.history import History
from tests.simulation.line_kinds import any_kind
from tests.simulation.lined import LineHistory
from tests.simulation.permitted import PermittedHistory
from tests.simulation.worked import WorkedHistory
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import GRACE_MS, SECOND_MS

_SHOWN = 5
_AT_ONCE = 10
_PROGRESS = 500
Kind = Callable[[int], History | LineHistory]
KINDS: Mapping[str, Kind] = {
    "wheel": History,
    "workers": WorkedHistory,
    "permits": PermittedHistory,
    "lines": any_kind,
}
"""Of the wheel, with its users and faults; of workers that are processes, whose calls last; of those, in a whole
deployment, when their tenant has a limit; and of the permits and lines alone, which cost least."""


@dataclass(frozen=True)
class Played:
    """One history: its seed, the promises that it broke, its faults and its outcome."""

    seed: int
    broken: list[str]
    faults: Counter[str]
    outcome: Counter[str]


@dataclass
class Tally:
    """The totals of many histories."""

    first: int
    histories: int = 0
    failed: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    outcome: Counter[str] = field(default_factory=Counter)

    def add(self, played: Played) -> None:
        self.histories += 1
        self.faults += played.faults
        self.outcome += played.outcome
        if played.broken:
            self.failed.append(played.seed)


def play(seed: int, kind: Kind = History) -> Played:
    """Plays the history of a seed."""
    history = kind(seed)
    history.play()
    return Played(seed, history.violations(), history.faults.counts, _outcome(history))


def _outcome(history: History | LineHistory) -> Counter[str]:
    world, calls = history.stack.world, history.stack.caller.calls
    counts = Counter(f"executions {execution.state}" for execution in world.executions.values())
    counts += Counter(
        f"attempts {each.result}" for execution in world.executions.values() for each in execution.attempts
    )
    counts += Counter(f"rows {row.reason}" for row in world.missed.values())
    lateness = [at - call.due_ms for at, call in calls if call.attempt == 1]
    counts["executions"] = len(world.executions)
    counts["rows"] = len(world.missed)
    counts["calls"] = len(calls)
    counts["first calls more than 1 s late"] = sum(late_ms > SECOND_MS for late_ms in lateness)
    counts["first calls overdue (more than 10 s)"] = sum(late_ms > GRACE_MS for late_ms in lateness)
    return counts


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def tell(seeds: Iterable[int], first: int, workers: int, kind: Kind = History) -> Tally:
    """Plays them side by side; prints progress and broken promises, and at the end the totals."""
    clock, tally = SystemClock(), Tally(first)
    began_ms = clock.monotonic_ms()
    with ProcessPoolExecutor(workers) as processes:
        for played in processes.map(partial(play, kind=kind), seeds, chunksize=_AT_ONCE):
            tally.add(played)
            if played.broken:
                some = played.broken[:_SHOWN]
                _say(f"SEED={played.seed} replays it: {len(played.broken)} broken promises, the first: {some}")
            if tally.histories % _PROGRESS == 0:
                elapsed_s = (clock.monotonic_ms() - began_ms) // SECOND_MS
                _say(f"{tally.histories} histories in {elapsed_s} s, {len(tally.failed)} with broken promises")
    _account(tally, (clock.monotonic_ms() - began_ms) // SECOND_MS)
    return tally


def _account(tally: Tally, elapsed_s: int) -> None:
    failed = tally.failed
    seeds = f": seeds {failed}" if failed else ""
    _say(f"{tally.histories} histories in {elapsed_s} s, {len(failed)} of them with broken promises{seeds}")
    for title, counts in (("faults", tally.faults), ("outcome", tally.outcome)):
        _say(title)
        for kind, count in counts.most_common():
            _say(f"{count:>10}  {kind}")
    account = {
        "first": tally.first,
        "histories": tally.histories,
        "elapsed_s": elapsed_s,
        "failed": failed,
        "faults": tally.faults,
        "outcome": tally.outcome,
    }
    _say(json.dumps(account, sort_keys=True))


def main() -> int:
    """Reads the command line and plays."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with, so that a long run can be split")
    parser.add_argument("--seed", type=int, help="replay this one alone")
    parser.add_argument("--kind", choices=KINDS, default="wheel", help="of what (default: %(default)s)")
    wanted = parser.parse_args()
    first, count = (wanted.first, wanted.histories) if wanted.seed is None else (wanted.seed, 1)
    tally = tell(range(first, first + count), first, os.cpu_count() or 1, KINDS[wanted.kind])
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
