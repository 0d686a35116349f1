"""A deployed stack of its own: a private engine, the real CDK, and nothing of a stack that a user runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from localstack_client.session import Session

from localstack import cloud, processes
from localstack.engines.base import SIGN_IN_BY_FUNCTION, Engine, Reach
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.settings import CONTEXT_VARIABLE, CREDENTIALS, REGION
from tests.support.engines import private_process
from tests.support.issuing import jwk, rsa_key
from tests.support.spoken import HOST, speaking

TOLERANT = "circuit_failures=50"
"""All targets of this tier are one receiver's: those that fail on purpose must not close it to the others."""

AUDIENCE = "tidewheel-e2e"
KEY_ID = "one"
"""What the stack's issuer signs for, and the id of its key, ``issuing.rsa_key``."""

_SHOWS = {"ministack": "-lambda-{}-", "localstack-host": "/{}-"}
"""What the command line of a function's process holds, where functions are processes of this machine."""


@dataclass(frozen=True)
class Stack:
    """What is deployed, and the processes that it is made of.

    Args:
        outputs: Where its parts are.
        folder: What its engine keeps.
        reach: How its functions reach a receiver.
        engine_pid: The engine's process, which heads the group of all; 0 for a container.
        issuer: The issuer whose tokens are accepted, by its name; empty where the gateway asks no authorizer.
    """

    outputs: Outputs
    folder: Path
    reach: Reach
    engine_pid: int
    issuer: str = ""

    def client(self, service: str) -> Any:
        """A client of the engine."""
        session = Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            localstack_host=urlsplit(self.outputs.endpoint).netloc,
        )
        return session.client(service, config=Config(read_timeout=60, retries={"total_max_attempts": 3}))

    def pids(self, function: str) -> list[int]:
        """The processes that run a function: their command lines name the private engine's folder."""
        return self.among(processes.process_table(), function)

    def among(self, table: Sequence[processes.Listed], function: str) -> list[int]:
        """The same, of a process table that was read before."""
        marks = (str(self.folder), _SHOWS[self.outputs.engine].format(function))
        return [row.pid for row in table if row.alive and all(mark in row.command for mark in marks)]


@contextmanager
def deployed(engine_name: str, folder: Path) -> Iterator[Stack]:
    """Deploys to an engine that ends, with its Lambdas, when the block does."""
    os.environ.setdefault(CONTEXT_VARIABLE, TOLERANT)
    places = Places(own=folder)
    with private_process(engine_name, places) as (engine, pid), _issuing(engine) as issuer:
        found = cloud.deployed(places, engine)
        yield Stack(found, folder, engine.reach, pid, issuer)


@contextmanager
def _issuing(engine: Engine) -> Iterator[str]:
    """An issuer of tokens on this machine, which what is deployed within the block trusts; the name of it."""
    if SIGN_IN_BY_FUNCTION in engine.context or engine.reach.host != HOST:
        yield ""
        return
    keys = json.dumps({"keys": [jwk(KEY_ID, rsa_key())]}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(keys)
    with speaking(lambda: [head, keys]) as server:
        issuer = {
            "issuer": server.url("/"),
            "audience": AUDIENCE,
            "jwks_url": server.url("/keys"),
            "tenant_claim": "org",
            "role_claim": "groups",
            "roles": {"readers": "viewer", "editors": "editor"},
        }
        former = os.environ[CONTEXT_VARIABLE]
        os.environ[CONTEXT_VARIABLE] = f"{former} issuers={json.dumps([issuer], separators=(',', ':'))}"
        try:
            yield server.url("/")
        finally:
            os.environ[CONTEXT_VARIABLE] = former
