"""The worker's process of ``run_cost``: the function's handler, whose invocations it gets on stdin, a round a line.

The answer to each line is the CPU time that this process used for it, ms.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    """Handles rounds until stdin ends; what the function logs is not kept."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from functions.worker.handler import handler  # noqa: PLC0415 - its logger takes the output that it finds

    for line in sys.stdin:
        events = json.loads(line)
        before_s = time.process_time()
        kept = [handler(event, None)["batchItemFailures"] for event in events]
        used_ms = (time.process_time() - before_s) * 1_000
        if any(kept):
            print(f"messages came back: {kept}", file=sys.stderr)  # noqa: T201
            return 1
        print(json.dumps(used_ms), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
