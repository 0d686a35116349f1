"""What engines have in common that are a process of this machine, with its functions as processes beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from localstack import processes
from localstack.engines.base import HOST, LOOPBACK, Reach, await_answer
from localstack.places import Places


@dataclass(frozen=True)
class ProcessEngine(ABC):
    """An engine that is started by a command.

    Args:
        port: Where it listens.
        places: Its files.
    """

    port: int
    places: Places = field(default_factory=Places)

    product: ClassVar[str]
    ready_path: ClassVar[str]
    ready_seconds: ClassVar[float]
    stop_seconds: ClassVar[float]

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{HOST}:{self.port}"

    @property
    def reach(self) -> Reach:
        """Its functions are processes of this machine."""
        return LOOPBACK

    @property
    def context(self) -> Sequence[str]:
        """It is what the CDK app takes a local cloud for."""
        return ()

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What becomes the engine."""

    @abstractmethod
    def marks(self) -> processes.Marks:
        """What the command lines of all its processes show."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What it is started with, once its folder is ready for it."""

    def start(self) -> int:
        """Starts it and waits until it answers."""
        environ, log = self.environment(), self.places.engine_log
        child = processes.start_detached(self.command(), environ, log, self.places.engine)
        try:
            await_answer(self.product, child, self.port, self.ready_path, self.ready_seconds, log)
        except BaseException:
            self.stop(child.pid)
            raise
        return child.pid

    def running(self, pid: int) -> bool:
        """Whether the process with this id is ours."""
        return processes.is_ours(processes.process_table(), pid, self.marks())

    def stop(self, pid: int) -> None:
        """Stops it with its functions: a busy one does not end with its parent."""
        processes.stop_group(pid, self.marks(), self.stop_seconds)
