"""Workers of a pool as processes of the machine, which a test starts, ends and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from localstack.settings import CREDENTIALS, REGION, SAME_USER
from tests.support.guardian import Ward, guardian
from tidewheel.names import Env

_END_S = 60.0
_HAND_OVER_S = 5.0
"""After a session that was interrupted nobody waits for more."""


@dataclass
class PoolWorkers:
    """Starts ``tidewheel worker`` for one pool against one local stack.

    Args:
        endpoint: The local cloud.
        pool: Whose messages they take.
        log: Where all of them write.
    """

    endpoint: str
    pool: str
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, concurrency: int = 4, drain_s: int = 100, tasks: Path | None = None) -> subprocess.Popen[bytes]:
        """One more worker, in a process group of its own; it imports a file of tasks, if there is one."""
        command = [str(Path(sys.executable).with_name("tidewheel")), "worker", "--pool", self.pool]
        command += ["--concurrency", str(concurrency), "--drain", str(drain_s)]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        environ = {**kept, **CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint}
        environ[Env.PROGRAM_USER] = SAME_USER
        if tasks is not None:
            command += ["--import", tasks.stem]
            environ["PYTHONPATH"] = os.pathsep.join([*filter(None, [kept.get("PYTHONPATH")]), str(tasks.parent)])
        with self.log.open("ab") as log:
            worker = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
        guardian().look_after(Ward(worker.pid, (" ".join(command[1:]),), _HAND_OVER_S))
        self.started.append(worker)
        return worker

    @property
    def alive(self) -> list[subprocess.Popen[bytes]]:
        """Those that have not ended."""
        return [worker for worker in self.started if worker.poll() is None]

    @staticmethod
    def kill(worker: subprocess.Popen[bytes]) -> None:
        """Kills one without a warning, as the kernel does when memory is short."""
        worker.send_signal(signal.SIGKILL)
        worker.wait()


@contextmanager
def pool_workers(endpoint: str, pool: str, folder: Path) -> Iterator[PoolWorkers]:
    """Workers that end with the block."""
    workers = PoolWorkers(endpoint, pool, folder / f"workers-{pool}.log")
    try:
        yield workers
    finally:
        for worker in workers.alive:
            worker.terminate()
        for worker in workers.started:
            try:
                worker.wait(_END_S)
            except subprocess.TimeoutExpired:
                PoolWorkers.kill(worker)
