"""``make sim``: plays random histories and says what befell them; exit status 1 if any broke a promise."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.history import History

_SHOWN = 5
_AT_ONCE = 10


def play(seed: int) -> tuple[int, Counter[str], list[str]]:
    """One history: its seed, what befell it, and the promises that it broke."""
    history = History(seed)
    history.play()
    return seed, history.weather.counts + Counter(call=len(history.stack.caller.calls)), history.faults()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def tell(seeds: Iterable[int], workers: int) -> int:
    """Plays them side by side and prints the account; the answer is how many broke a promise."""
    befell: Counter[str] = Counter()
    failed: list[int] = []
    played = 0
    with ProcessPoolExecutor(workers) as processes:
        for seed, counts, faults in processes.map(play, seeds, chunksize=_AT_ONCE):
            played += 1
            befell += counts
            if faults:
                failed.append(seed)
                _say(f"SEED={seed} replays it: {len(faults)} broken promises, the first: {faults[:_SHOWN]}")
    _say(f"{played} histories, {len(failed)} of them with broken promises{': seeds ' if failed else ''}{failed or ''}")
    for kind, count in befell.most_common():
        _say(f"{count:>10}  {kind}")
    return len(failed)


def main() -> int:
    """Reads the command line and plays."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="replay this one alone")
    wanted = parser.parse_args()
    seeds = range(wanted.histories) if wanted.seed is None else [wanted.seed]
    return 1 if tell(seeds, os.cpu_count() or 1) else 0


if __name__ == "__main__":
    sys.exit(main())
