"""The launcher against the MiniStack that is installed: a raised version must not run untuned, or forget, unnoticed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from localstack import deploy, processes
from localstack.engines import ministack as ministack_engine
from localstack.engines import ministack_tuned
from localstack.engines.base import HOST, await_answer
from localstack.engines.ministack import MiniStack
from localstack.places import Places
from tests.support import machine

pytestmark = pytest.mark.ministack

PROBE = """
import importlib.metadata, runpy, sys
launcher = runpy.run_path(sys.argv[1])
launcher["tune"]()
launcher["share_fairly"]()
launcher["serve_faster"](lambda: None)
print(importlib.metadata.version("ministack"))
"""
BUCKET, TABLE = "kept-objects", "kept-items"


def test_the_pinned_version_can_be_tuned(tmp_path):
    places = Places()
    done = subprocess.run(
        [str(places.ministack_python), "-c", PROBE, str(ministack_engine.launcher())],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ministack_tuned.TUNED_AGAINST


@pytest.fixture
def engine(tmp_path) -> MiniStack:
    """One that keeps its state."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    return MiniStack(port, Places(own=tmp_path))


@pytest.fixture
def mark(engine):
    return engine.places.engine / "state" / ministack_tuned.CLEAN_END


@contextmanager
def _running(engine: MiniStack) -> Iterator[subprocess.Popen[bytes]]:
    places = engine.places
    child = processes.start_detached(engine.command(), engine.environment(), places.engine_log, places.engine)
    try:
        await_answer(engine.product, child, engine.port, engine.ready_path, 30 * machine.slowness(), places.engine_log)
        yield child
    finally:
        processes.end_child(child)


def _kept(engine: MiniStack) -> tuple[Sequence[str], Sequence[str]]:
    tables = deploy.client("dynamodb", engine.endpoint).list_tables()["TableNames"]
    buckets = deploy.client("s3", engine.endpoint).list_buckets()["Buckets"]
    return tables, [bucket["Name"] for bucket in buckets]


@contextmanager
def _under_way(engine: MiniStack) -> Iterator[socket.socket]:
    """A request whose body is awaited; the connection is there to send it."""
    head = f"PUT /{BUCKET}/late HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((HOST, engine.port), 30 * machine.slowness()) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 Continue\r\n")
        yield connection


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)], ids=["term", "int-int"])
def test_a_signal_ends_it_when_it_has_answered_and_saved_its_state(engine, mark, signals):
    with _running(engine) as child:
        assert not mark.exists()
        deploy.client("s3", engine.endpoint).create_bucket(Bucket=BUCKET)
        deploy.client("dynamodb", engine.endpoint).create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        before = _kept(engine)
        with socket.create_connection((HOST, engine.port)), _under_way(engine) as connection:  # the first is idle
            for number in signals:
                child.send_signal(number)
            connection.sendall(b"late")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 OK\r\n")
            assert child.wait(30 * machine.slowness()) == 0
    assert mark.exists()
    with _running(engine) as child:
        assert _kept(engine) == before == ([TABLE], [BUCKET])
        child.kill()
    assert not mark.exists()


def test_a_port_that_is_taken_leaves_the_state_as_it_was(engine, mark):
    mark.parent.mkdir(parents=True)
    mark.touch()
    with socket.create_server((HOST, engine.port)):
        done = subprocess.run(engine.command(), check=False, capture_output=True, env=engine.environment())
    assert done.returncode == 1
    assert b"already in use" in done.stdout + done.stderr
    assert mark.exists()
