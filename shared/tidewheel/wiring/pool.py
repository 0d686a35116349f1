"""A pool's worker as a process, which replaces the command ``tidewheel worker``, so that it gets the signals itself."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.deployed import environment
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.adapters.aws.task_protection import AGENT, EcsTaskProtection
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.lines import LineTelemetry
from tidewheel.adapters.targets.launch import hide
from tidewheel.adapters.targets.program_user import ProgramUser, UnknownUser, program_user
from tidewheel.domain.fleet.route import LAMBDA_POOL, PRIORITIES, Route
from tidewheel.domain.fleet.worker_slots import WorkerSlots
from tidewheel.domain.limits import DRAIN_MS, SECOND_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.worker.pool import Pool
from tidewheel.engine.worker.scale_in import ScaleInGuard
from tidewheel.names import DEFAULT_DEPLOYMENT, Env, Function, physical
from tidewheel.ports import PortError, Telemetry
from tidewheel.settings import SettingsError, WorkerSettings
from tidewheel.tasks import CannotImport, load
from tidewheel.wiring.worker import consumer_of

LEFT = 1
"""The exit status if an execution was not handed over: other workers take over when its lease ends."""
MISUSED = 2


class Misused(Exception):
    """The worker cannot start; the text says in one line what is missing and what to do."""


def modules_of(given: Sequence[str], environ: Mapping[str, str]) -> Sequence[str]:
    """The modules with tasks, from the command line and the environment."""
    named = (name.strip() for name in environ.get(Env.TASK_MODULES, "").split(","))
    return [*given, *(name for name in named if name)]


def settings_of(deployment: str, environ: Mapping[str, str]) -> WorkerSettings:
    """The worker's settings: from the environment if it has them, else from that of the deployed worker function.

    Raises:
        Misused: Neither can be read.
    """
    function = physical(deployment, Function.WORKER)
    try:
        return WorkerSettings.from_env(environ if Env.QUEUES in environ else environment(function))
    except SettingsError as error:
        raise Misused(f"The deployment {deployment} is of another version: {error}.") from error
    except PortError as error:
        remedy = "check --deployment, the region, the credentials, and AWS_ENDPOINT_URL for a local cloud"
        raise Misused(f"No deployment {deployment} can be seen ({error}): {remedy}.") from error


def pool_of(
    name: str,
    concurrency: int,
    drain_ms: int,
    settings: WorkerSettings,
    telemetry: Telemetry,
    program_user: ProgramUser | None = None,
) -> Pool:
    """Builds the pool with its clients, after a test request to each of its queues.

    Args:
        name: The name of the pool.
        concurrency: How many attempts run at once.
        drain_ms: How long (ms) running attempts may go on once the worker has to end.
        settings: The settings of the deployment's worker.
        telemetry: Counts and logs.
        program_user: Under whom programs run; None for the worker's own user.

    Raises:
        Misused: The deployment has no such pool, or one of its queues does not answer.
    """
    pools = sorted({route.pool for route in settings.queues} - {LAMBDA_POOL})
    if name not in pools:
        raise Misused(f"--pool {name}: the deployment's pools for workers are {', '.join(pools) or 'none'}.")
    try:
        with translated("clients", "AWS"):
            consumer = consumer_of(settings, telemetry, program_user)
            receiving = clients.receiving(lean=settings.lean_transport)
        for priority in PRIORITIES:
            consumer.queue.waiting(Route(name, priority))
    except PortError as error:
        raise Misused(f"The pool {name} cannot be worked: {error}.") from error
    return Pool(
        name,
        WorkerSlots(concurrency),
        consumer,
        SqsQueue(receiving, settings.queues),
        SystemClock(),
        Backoff(Random()),  # noqa: S311 - spreads tries, guards nothing
        ThreadPoolExecutor(concurrency, thread_name_prefix="slot"),
        ThreadPoolExecutor(len(PRIORITIES) + 1, thread_name_prefix="listener"),
        drain_ms=drain_ms,
        scale_in=_scale_in(os.environ, telemetry),
        alive=_alive(os.environ),
    )


def _scale_in(environ: Mapping[str, str], telemetry: Telemetry) -> ScaleInGuard | None:
    """What has the ECS task kept while it holds work, with its thread; None elsewhere."""
    if not environ.get(AGENT):
        return None
    guard = ScaleInGuard(EcsTaskProtection(environ[AGENT]), SystemClock(), telemetry)
    Thread(target=guard.watch, name="scale-in", daemon=True).start()
    return guard


def _alive(environ: Mapping[str, str]) -> Callable[[], None]:
    """Touches the file by whose age a health check tells that the worker goes on, if one is named."""
    named = environ.get(Env.ALIVE_FILE, "")

    def touch() -> None:
        with suppress(OSError):  # then the check fails, as it should
            Path(named).touch()

    return touch if named else lambda: None


def main(arguments: Sequence[str]) -> int:
    """Runs the worker until a signal ends it; returns the exit status."""
    hide()
    given = _read(arguments)
    try:
        load(modules_of(given.modules, os.environ))
        settings = settings_of(given.deployment, os.environ)
        telemetry = LineTelemetry(f"worker-{given.pool}", settings.deployment, SystemClock())
        user = program_user(os.environ.get(Env.PROGRAM_USER, ""), os.geteuid())
        pool = pool_of(given.pool, given.concurrency, given.drain * SECOND_MS, settings, telemetry, user)
    except (Misused, CannotImport, UnknownUser) as error:
        print(f"tidewheel worker: {error}", file=sys.stderr)  # noqa: T201 -- a command-line program
        return MISUSED
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pool.stop())
    telemetry.info("the worker begins", pool=given.pool, slots=given.concurrency, deployment=settings.deployment)
    return 0 if pool.run() else LEFT


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses arguments that the command line has checked and passed on."""
    parser = argparse.ArgumentParser("tidewheel worker")
    parser.add_argument("--pool", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--deployment", default=DEFAULT_DEPLOYMENT)
    parser.add_argument("--drain", type=int, default=DRAIN_MS // SECOND_MS)
    parser.add_argument("--import", dest="modules", action="append", default=[])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # a call that did not end when it was told to must not keep the process
