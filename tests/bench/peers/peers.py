"""Others that do what Tidewheel does, each as its own documentation has it run, for the same burst on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from localstack import processes
from localstack.engines.base import HOST, port_in_use
from localstack.errors import LocalCloudError
from localstack.places import Places
from tests.bench.cpu_time import Roles
from tests.bench.peers.install import HERE, broker, program
from tests.bench.systems import Wanted
from tests.support.engines import free_port
from tests.support.guardian import Ward, guardian
from tests.support.polling import until
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import SECOND_MS

_END_S = 10.0


@dataclass
class Peer:
    """One that runs.

    Args:
        name: In the figures.
        leaders: The heads of its process groups, with their roles.
        asked: The process that is told of a burst on its stdin, and says when it has created it.
        each_ms: How long it took lately to create a run.
    """

    _clock: ClassVar = SystemClock()

    name: str
    leaders: Mapping[int, str]
    asked: subprocess.Popen[str]
    each_ms: float = 50.0

    def lead_ms(self, count: int) -> int:
        """Twice what it takes at the pace of lately, and a rest."""
        return round(2 * count * self.each_ms) + 5 * SECOND_MS

    def create(self, wanted: Wanted) -> None:
        """Has it create the runs.

        Raises:
            LocalCloudError: It did not.
        """
        assert self.asked.stdin is not None
        began_ms = self._clock.monotonic_ms()
        self.asked.stdin.write(json.dumps(asdict(wanted)) + "\n")
        self.asked.stdin.flush()
        self.hear("created")
        self.each_ms = (self._clock.monotonic_ms() - began_ms) / wanted.count

    def hear(self, word: str) -> None:
        """Waits until it says this.

        Raises:
            LocalCloudError: It says something else, or has ended.
        """
        assert self.asked.stdout is not None
        if (said := self.asked.stdout.readline()) != f"{word}\n":
            raise LocalCloudError(f"{self.name} is not {word}, but says {said!r}.")

    def roles(self) -> Roles:
        """The living processes of its groups."""
        return {row.pid: self.leaders[row.group] for row in processes.process_table() if row.group in self.leaders}

    def clear(self) -> None:
        """What has run is gone by itself."""


@dataclass
class Started:
    """Processes of a peer, which end with the block.

    Args:
        folder: For what they write.
        until_then: Ends them.
    """

    folder: Path
    until_then: ExitStack

    def __post_init__(self) -> None:
        self.leaders: dict[int, str] = {}

    def start(self, role: str, command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
        """Starts one, as the head of a group."""
        log = self.until_then.enter_context((self.folder / f"{role}.log").open("ab"))
        child = subprocess.Popen(
            command,
            env={**_inherited(), **environ},
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if role == CREATOR else log,
            stderr=log,
            start_new_session=True,
            text=True,
        )
        guardian().look_after(Ward(child.pid, (str(command[0]),), _END_S))
        self.until_then.callback(self._end, child)
        self.leaders[child.pid] = role
        return child

    @staticmethod
    def _end(child: subprocess.Popen[str]) -> None:
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        processes.end_child(child, _END_S)


CREATOR, WORKER, BROKER = "creator", "workers", "broker"


def _inherited() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}


def celery(pool: str, concurrency: int, name: str, run: Started) -> Peer:
    """Valkey as the broker, one worker, and the program that sends. Who sends need not wait for the worker."""
    places, port = Places(), free_port()
    sender, worker = program("python", places), program("celery", places)
    listens = ["--port", str(port), "--bind", HOST]
    run.start(BROKER, [str(broker(places)), *listens, "--dir", str(run.folder), "--save", "", "--appendonly", "no"], {})
    environ = {"BURST_BROKER": f"redis://{HOST}:{port}/0"}
    until(lambda: port_in_use(port), f"{name}'s broker", within_s=30)
    options = ["--pool", pool, "--concurrency", str(concurrency)]
    run.start(WORKER, [str(worker), "-A", "celery_tasks", "worker", *options], environ)
    asked = run.start(CREATOR, [str(sender), "celery_tasks.py"], environ)
    return Peer(name, run.leaders, asked)


def apscheduler(store: str, name: str, run: Started) -> Peer:
    """One process, which schedules and runs."""
    file = [str(run.folder / "jobs.sqlite")] if store == "sqlite" else []
    asked = run.start(CREATOR, [str(program("python", Places())), "apscheduler_jobs.py", *file], {})
    return Peer(name, {asked.pid: WORKER}, asked)


PEERS: Mapping[str, Callable[[str, Started], Peer]] = {
    "celery": partial(celery, "prefork", 2),
    "celery-threads": partial(celery, "threads", 10),
    "apscheduler": partial(apscheduler, "memory"),
    "apscheduler-sqlite": partial(apscheduler, "sqlite"),
}
"""By the names that are asked for."""


@contextmanager
def started(name: str, folder: Path) -> Iterator[Peer]:
    """One of them, which ends with the block."""
    own = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    with ExitStack() as until_then:
        peer = PEERS[name](name, Started(own, until_then))
        peer.hear("ready")
        yield peer
