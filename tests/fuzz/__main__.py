"""A long run of the fuzzer: ``python -m tests.fuzz [--url URL --token TOKEN] [--examples N] [--seed N]``.

Without a URL the API in memory is driven, on the loopback address. The exit status is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.counting import added, shown
from tests.fuzz.running import PASSES, driven, fuzzed
from tests.support.wsgi import TOKEN, application, served


def main() -> int:
    """Runs it; the status is 0 if the fuzzer found nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--url", help="a deployment's URL with its stage, as `make up` prints it")
    parser.add_argument("--token", default=TOKEN, help="an API key; one of a platform admin reaches all operations")
    parser.add_argument("--examples", type=int, default=100, help="random cases of each operation, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pass", dest="which", choices=PASSES, action="append", help="one group of operations alone")
    asked = parser.parse_args()
    found = []
    for which in asked.which or PASSES:
        with tempfile.TemporaryDirectory() as folder, served(application(driven())) as here:
            url = (asked.url or here).rstrip("/")
            how = {"examples": asked.examples, "seed": asked.seed}
            found.append(fuzzed(url, asked.token, PASSES[which], Path(folder), **how))
    sys.stdout.write(f"\n{shown(added(*(one.counts for one in found)))}\n")
    return int(any(one.status for one in found))


if __name__ == "__main__":
    sys.exit(main())
