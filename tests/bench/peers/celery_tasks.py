"""A burst on Celery: this file is the worker's app, and the program that sends the tasks, each with its ``eta``.

Runs in the peers' venv, so it imports nothing of this project. Everything is as Celery has it by default, but results
are not stored: there is no result backend unless one is set.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from call import post
from celery import Celery

app = Celery("burst", broker=os.environ["BURST_BROKER"])


@app.task(name="burst.post")
def run(url: str, key: str, due_ms: int) -> int:
    """One run."""
    return post(url, key, due_ms)


def main() -> None:
    """Sends the bursts that are asked for on stdin, one a line, and says when each has been sent."""
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        wanted = json.loads(line)
        due = datetime.fromtimestamp(wanted["due_ms"] / 1_000, UTC)
        for n in range(wanted["count"]):
            run.apply_async((wanted["url"], f"{wanted['tag']}-{n}", wanted["due_ms"]), eta=due)
        print("created", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
