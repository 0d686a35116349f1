"""A burst on APScheduler: one process that keeps the jobs, and runs them on its pool of threads.

Runs in the peers' venv, so it imports nothing of this project. Everything is as APScheduler has it by default (ten
threads), but that a job which is late is run however late it is, as Tidewheel and Celery do.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from call import post


def main(store: str) -> None:
    """Adds the bursts that are asked for on stdin, one a line, and says when each has been added.

    Args:
        store: The path of a SQLite file, or nothing for a store in memory.
    """
    kept = SQLAlchemyJobStore(url=f"sqlite:///{store}") if store else MemoryJobStore()
    scheduler = BackgroundScheduler(jobstores={"default": kept}, timezone=UTC)
    scheduler.start()
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        wanted = json.loads(line)
        due = datetime.fromtimestamp(wanted["due_ms"] / 1_000, UTC)
        for n in range(wanted["count"]):
            arguments = (wanted["url"], f"{wanted['tag']}-{n}", wanted["due_ms"])
            scheduler.add_job(post, "date", run_date=due, args=arguments, misfire_grace_time=None)
        print("created", flush=True)  # noqa: T201
    scheduler.shutdown()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
