"""A private engine for a test session: its own port, process group and folder.

    @pytest.fixture(scope="session")
    def endpoint() -> Iterator[str]:
        with ministack() as url:
            yield url

Under pytest-xdist each worker is a session of its own and gets its own.
"""

from __future__ import annotations

import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from localstack import deploy
from localstack.cloud import ENGINES
from localstack.engines.base import HOST, Engine
from localstack.engines.ministack import MiniStack
from localstack.engines.process import ProcessEngine
from localstack.places import Places
from tests.support.guardian import Ward, guardian
from tidewheel.adapters.clock import SystemClock

_FORGETFUL: Mapping[str, Callable[[int, Places], Engine]] = {**ENGINES, "ministack": partial(MiniStack, lasting=False)}


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def private_engine(name: str, places: Places) -> Iterator[Engine]:
    """Yields an engine that ends, with its functions, when the block does: see ``private_process``."""
    with private_process(name, places) as (engine, _):
        yield engine


@contextmanager
def private_process(name: str, places: Places) -> Iterator[tuple[Engine, int]]:
    """Yields an engine and its process (0 for a container). Both end, with its functions, when the block does.

    It keeps nothing.

    Clients need any credentials and the region us-east-1.

    Raises:
        LocalCloudError: It is not installed, or does not come up.
    """
    engine = _FORGETFUL[name](free_port(), places)
    engine.require()
    if engine.running(0):
        raise RuntimeError(f"{name} runs already, and there can be one alone: run `make down`.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its process is meant to go on, known by its id alone
        guardian().look_after(Ward(0, (), 0, str(places.local)))  # before the start, which takes its time
        pid = engine.start()
    if isinstance(engine, ProcessEngine):
        guardian().look_after(Ward(pid, engine.marks(), engine.stop_seconds, str(places.local)))
    try:
        yield engine, pid
    finally:
        engine.stop(pid)


@contextmanager
def ministack() -> Iterator[str]:
    """Yields the endpoint URL of a MiniStack that ends, with its Lambdas, when the block does."""
    with (
        tempfile.TemporaryDirectory(prefix="tidewheel-", ignore_cleanup_errors=True) as name,
        private_engine("ministack", Places(own=Path(name))) as engine,
    ):
        yield engine.endpoint


def engine_calls(many: int = 30) -> float:
    """How many calls a second a MiniStack answers now, one after another."""
    clock = SystemClock()
    with ministack() as url:
        tables = deploy.client("dynamodb", url)
        tables.list_tables()  # the first one loads the service
        began_ms = clock.monotonic_ms()
        for _ in range(many):
            tables.list_tables()
        return many * 1_000 / max(clock.monotonic_ms() - began_ms, 1)
