"""A deployed stack of its own: a private MiniStack, the real CDK, and nothing of a stack that a user runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localstack import deploy, outputs, processes
from localstack.outputs import Outputs
from localstack.places import REPOSITORY, Places
from localstack.settings import CONTEXT_VARIABLE
from tests.support.ministack import ministack

TOLERANT = "circuit_failures=50"
"""All targets of this tier are one receiver's: those that fail on purpose must not close it to the others."""


@dataclass(frozen=True)
class PrivatePlaces(Places):
    """The checkout's tools, and a folder of one's own for everything that is written."""

    folder: Path = Path(os.devnull)

    @property
    def local(self) -> Path:
        return self.folder

    @property
    def ministack_python(self) -> Path:
        return Places(self.root).ministack_python


@dataclass(frozen=True)
class Stack:
    """What is deployed, and the processes that it is made of."""

    outputs: Outputs
    folder: Path

    def pids(self, function: str) -> list[int]:
        """The processes that run a function: their command lines name the private engine's folder."""
        marks = (str(self.folder), f"-lambda-{function}-")
        table = processes.process_table()
        return [row.pid for row in table if row.alive and all(mark in row.command for mark in marks)]


@contextmanager
def private_temporary(folder: Path) -> Iterator[None]:
    """Lets the engine's folder lie in ours, so that its processes can be told from those of others."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def deployed(folder: Path) -> Iterator[Stack]:
    """Deploys to an engine that ends, with its Lambdas, when the block does."""
    os.environ.setdefault(CONTEXT_VARIABLE, TOLERANT)
    places = PrivatePlaces(REPOSITORY, folder)
    places.engine.mkdir(parents=True)
    with private_temporary(folder), ministack() as endpoint:
        deploy.bootstrap(places, endpoint)
        deploy.deploy(places, endpoint)
        port = int(endpoint.rpartition(":")[2])
        found = outputs.collect(outputs.read_stack_outputs(places.cdk_outputs), "ministack", endpoint, port)
        deploy.wake(endpoint, found.minute_function)
        yield Stack(found, folder)
