"""``make watch``: saved code runs on the local stack a moment later, and what the functions log is shown."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.assets import CONTAINER, HOST, AssetBuilder, AssetError, uv_runner
from localstack import cloud, deploy, outputs, pool
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.settings import cdk_environ
from localstack.show import report, say, step, tag
from localstack.watch.code import Code
from localstack.watch.files import LOOK_MS
from localstack.watch.functions import Functions, Record, Unanswered, deployment_of
from localstack.watch.logs import Follower, Shown
from localstack.watch.watcher import CODE, COLOURS, WatchContext, Watcher
from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Function, log_group

_INTERRUPTED = 130
_ENDED = "The local cloud has ended: `make up` starts it, then run `make watch` again."


class Renewal:
    """Has something done in the background, once more if it was asked for again meanwhile."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._asked = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Asks for it."""
        self._asked.set()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self._lock:
            while self._asked.is_set():
                self._asked.clear()
                try:
                    self._work()
                except LocalCloudError as error:
                    report(str(error), error.detail)


class _Life:
    """Whether the engine lives, and what to do when it does not answer."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.ended = threading.Event()

    def going(self) -> bool:
        return not self.ended.is_set()

    def doubt(self, error: Exception) -> None:
        """It did not answer, or refused: it may have ended."""
        if cloud.current(self._places) is None:
            self.ended.set()
        else:
            report(f"The local cloud does not answer as it should ({error}): tried again.")


def _builder(places: Places, found: Outputs) -> AssetBuilder:
    """As the CDK app would build for this engine."""
    engine = cloud.ENGINES[found.engine](outputs.port_of(found.endpoint), places)
    platform = CONTAINER if "containers=true" in engine.context else HOST
    return AssetBuilder(places.root, platform, uv_runner(places.root, cdk_environ(os.environ, places, found.endpoint)))


def context_of(places: Places, found: Outputs, root: Path, renew: Callable[[], None]) -> WatchContext:
    """What a watcher needs to keep a running stack at the code below ``root``."""
    clock = SystemClock()
    record = Record(places.watch_record)
    return WatchContext(
        root=root,
        code=Code(root, _builder(places, found).dependencies),
        functions=Functions.at(found.endpoint, deployment_of(found.minute_function), record, clock),
        clock=clock,
        wake=lambda: deploy.wake(found.endpoint, found.minute_function),
        renew=renew,
    )


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m localstack watch", description=__doc__)
    parser.add_argument("--no-logs", action="store_true", help="show the deployments alone")
    return parser.parse_args(arguments)


def _begin(places: Places, found: Outputs) -> Watcher:
    renewal = Renewal(lambda: pool.ensure(places, found.endpoint))
    try:
        with step("Packing what the functions stand on"):
            return Watcher(context_of(places, found, places.root, renewal))
    except AssetError as error:
        raise LocalCloudError(f"{error} (`make setup` may help)") from error


def _show(role: Function, line: Shown) -> None:
    tag(role, COLOURS[role], line.text, line.style)


def _follow(found: Outputs, watcher: Watcher, life: _Life) -> None:
    deployment = deployment_of(found.minute_function)
    groups = {role: log_group(f"{deployment}-{role}") for role in watcher.roles}
    follower = Follower(deploy.client("logs", found.endpoint), groups, _show, SystemClock())
    threading.Thread(target=follower.follow, args=(life.going, life.doubt), daemon=True).start()


def _watch(places: Places, found: Outputs, *, logs: bool) -> None:
    life, clock = _Life(places), SystemClock()
    watcher = _begin(places, found)
    if logs:
        _follow(found, watcher, life)
    say(f"Watching {' and '.join(CODE)}: save a file, and it runs on {found.engine}. Ctrl-C stops the watching.")
    look = watcher.catch_up
    while life.going():
        try:
            look()
            look = watcher.look
        except Unanswered as error:
            life.doubt(error)
            look = watcher.catch_up
        clock.sleep(LOOK_MS)
    raise LocalCloudError(_ENDED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Watches until it is interrupted or the local cloud ends."""
    wanted = options(sys.argv[2:] if arguments is None else arguments)
    places = Places()
    if cloud.current(places) is None:
        raise LocalCloudError("The local cloud is not running: `make up` starts it, then run `make watch` again.")
    try:
        _watch(places, outputs.read(places.outputs), logs=not wanted.no_logs)
    except KeyboardInterrupt:
        say("Stopped watching; the local cloud runs on.")
    return _INTERRUPTED
