"""A private MiniStack for a test session: its own port, process group and folder.

    @pytest.fixture(scope="session")
    def endpoint() -> Iterator[str]:
        with ministack() as url:
            yield url

Under pytest-xdist each worker is a session of its own and gets its own.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localstack import processes
from localstack.engine import HOST
from localstack.ministack_engine import STOP_SECONDS, await_ready, command, environment
from localstack.places import Places


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def ministack() -> Iterator[str]:
    """Yields the endpoint URL of a MiniStack that ends, with its Lambdas, when the block does.

    It keeps nothing. Clients need any credentials and the region us-east-1.
    """
    places = Places()
    if not places.ministack_python.exists():
        raise RuntimeError("MiniStack is not installed: run `make setup`.")
    with tempfile.TemporaryDirectory(prefix="tidewheel-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), _free_port()
        log = folder / "engine.log"
        environ = {**environment(folder, port, os.environ), "PERSIST_STATE": "0", "S3_PERSIST": "0"}
        child = processes.start_detached(command(places), environ, log, folder)
        try:
            await_ready(child, port, log)
            yield f"http://{HOST}:{port}"
        finally:
            processes.stop_group(child.pid, (str(places.launcher), name), STOP_SECONDS)
            child.wait(STOP_SECONDS)
