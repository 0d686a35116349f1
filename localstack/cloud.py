"""Up, down and status."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace

from localstack import deploy, outputs, pool, sign_in
from localstack.engines.base import (
    Engine,
    Running,
    choose_name,
    port_in_use,
    read_note,
    refuse_foreign_port,
    write_note,
)
from localstack.engines.docker import LocalStack
from localstack.engines.host import LocalStackHost
from localstack.engines.ministack import MiniStack
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import DEFAULT_PORT, PORT_VARIABLE, chosen_port
from localstack.show import say, step
from localstack.watch import functions
from tidewheel.names import FARGATE_POOL

ENGINES: Mapping[str, Callable[[int, Places], Engine]] = {
    "ministack": MiniStack,
    "localstack": LocalStack,
    "localstack-host": LocalStackHost,
}


def current(places: Places) -> tuple[Running, Engine] | None:
    """The engine that runs, with its note."""
    note = read_note(places.record)
    if note is None or note.engine not in ENGINES:
        return None
    engine = ENGINES[note.engine](note.port, places)
    return (note, engine) if engine.running(note.pid) else None


def check_same(note: Running, engine: str, port: int | None) -> None:
    """Stops when the engine whose state is kept is not the one asked for: queue URLs hold its port.

    Raises:
        LocalCloudError: It has another name or another port.
    """
    if note.engine != engine or (port is not None and note.port != port):
        raise LocalCloudError(
            f"The local cloud was started as {note.engine} on port {note.port}, "
            f"not {engine} on port {port or note.port}: run `make down` first."
        )


def _ensure_engine(places: Places) -> Engine:
    name, asked = choose_name(os.environ, ENGINES), chosen_port(os.environ)
    note = read_note(places.record)
    if note is not None:
        check_same(note, name, asked)
    port = asked or (note.port if note else DEFAULT_PORT)
    engine = ENGINES[name](port, places)
    if note is not None and engine.running(note.pid):
        say(f"{name} already runs on port {port}.")
        return engine
    engine.require()
    if note is not None:
        engine.stop(note.pid)  # it died without `down`; a busy Lambda that it left must not go on
        pool.stop(places)  # nor may the worker, whose note goes with a state that was not saved
    refuse_foreign_port(port, in_use=port_in_use(port))
    places.engine.mkdir(parents=True, exist_ok=True)
    with step(f"Starting {name} on port {port}"):
        write_note(places.record, Running(name, port, engine.start()))
    return engine


def deployed(places: Places, engine: Engine) -> outputs.Outputs:
    """Deploys to an engine that runs what has changed, and wakes what works there."""
    if not deploy.bootstrapped(engine.endpoint):
        with step("Preparing the account for the CDK"):
            deploy.bootstrap(places, engine.endpoint)
    with step("Deploying the stacks"):
        deploy.deploy(places, engine.endpoint, engine.context)
    found = outputs.read_stack_outputs(places.cdk_outputs)
    key = sign_in.key(places, engine.endpoint, outputs.former_key(places.outputs))
    result = replace(outputs.collect(found, engine.name, engine.endpoint), api_key=key)
    outputs.write(places.outputs, result)
    for function in functions.put_right(places, engine.endpoint, result.minute_function):
        say(f"{function} runs what was deployed again, no longer what `make watch` put there.")
    deploy.wake(engine.endpoint, result.minute_function)
    return result


def up(places: Places) -> outputs.Outputs:
    """Starts an engine when none runs, deploys what has changed, and starts what works there."""
    if not places.cdk.exists():
        raise LocalCloudError("The CDK command line is not installed: run `make setup`.")
    engine = _ensure_engine(places)
    result = deployed(places, engine)
    pool.ensure(places, engine.endpoint)
    return result


def tell(result: outputs.Outputs) -> None:
    """The few lines that a newcomer needs."""
    say()
    say(f"API       {result.api_url}")
    say("Try       .venv/bin/tidewheel --help")
    say("Stop      make down")


def down(places: Places) -> None:
    """Stops the engine that runs and forgets everything it kept."""
    note, found = read_note(places.record), current(places)
    if pool.running(places):
        with step("Stopping the pool of long-running workers"):
            pool.stop(places)
    if note is not None and note.engine in ENGINES:
        with step(f"Stopping {note.engine}"):
            ENGINES[note.engine](note.port, places).stop(note.pid)
    if found is None:
        say("The local cloud is not running.")
    for folder in (places.engine, places.local / "cdk.out"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (places.outputs, places.cdk_outputs):
        file.unlink(missing_ok=True)


def status(places: Places) -> bool:
    """Says what runs."""
    found = current(places)
    if found is None:
        say(f"The local cloud is not running: `make up` starts it (port {DEFAULT_PORT} or {PORT_VARIABLE}).")
        return False
    note, engine = found
    say(f"{note.engine} runs at {engine.endpoint} (process {note.pid or 'in a container'}).")
    working = pool.running(places)
    if working is None:
        say(f"No worker runs for the pool {FARGATE_POOL}: `make up` starts it.")
    else:
        say(f"A worker of {pool.SLOTS} slots runs for the pool {FARGATE_POOL} (process {working.pid}).")
    return True
