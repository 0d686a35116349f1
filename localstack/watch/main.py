"""``make watch``: saved code runs on the local stack a moment later, and what the functions log is shown."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from infra.assets import CONTAINER, HOST, AssetBuilder, AssetError, uv_runner
from localstack import cloud, deploy, outputs, pool
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.settings import cdk_environ
from localstack.show import complain, say, step, tag
from localstack.watch.code import Code, Package, Unsound
from localstack.watch.files import LOOK_MS, Settling, snapshot
from localstack.watch.functions import Functions, Record, Unanswered, deployment_of
from localstack.watch.logs import Follower, Shown
from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Function, log_group

CODE = ("functions", "shared/tidewheel")
"""What functions ship lies here."""
NOT_CODE = ("infra/stacks", "infra/constructs", "infra/config.py", "uv.lock")
"""What takes a deployment to come into force."""
SIDE_BY_SIDE = 2
"""Functions updated at once: one is packed while the engine takes in the other."""
COLOURS = {
    Function.API: "cyan",
    Function.SCHEDULER: "green",
    Function.WORKER: "blue",
    Function.WATCHDOG: "magenta",
    Function.RECONCILER: "yellow",
    Function.UNDERTAKER: "bright_black",
    Function.ECHO: "bright_cyan",
}
WAKE_AGAIN_MS = 3_000
"""LocalStack may lose what is sent to a function within 2 s of its update: who polled for the old code takes it."""
_INTERRUPTED = 130
_ENDED = "The local cloud has ended: `make up` starts it, then run `make watch` again."


@dataclass(frozen=True)
class Means:
    """What the watcher works with.

    Args:
        root: The folder with ``functions`` and ``shared``.
        code: Reads it.
        functions: The functions of the running stack.
        clock: For the looks and the seconds that are shown.
        wake: Starts schedulers, if those that run have another version.
        renew: Starts the pool's worker anew if its code has changed; called for what is saved in ``shared``.
    """

    root: Path
    code: Code
    functions: Functions
    clock: SystemClock
    wake: Callable[[], None]
    renew: Callable[[], None]

    @property
    def watched(self) -> list[Path]:
        """The files and folders that are looked at."""
        return [self.root / name for name in (*CODE, *NOT_CODE)]


class Watcher:
    """Deploys what has been saved."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._settling = Settling(snapshot(means.watched))
        self._running = means.functions.running()
        self._told = ""
        self._wake_again_ms: int | None = None
        self._shared_saved = True
        means.code.prepare(self._running)

    @property
    def roles(self) -> list[Function]:
        """The functions that are kept up to date."""
        return list(self._running)

    def catch_up(self) -> None:
        """Deploys what differs from the running functions, whenever it was saved.

        Raises:
            Unanswered: The engine does not answer; to be called again.
        """
        self._deploy(frozenset(), self._means.clock.monotonic_ms())

    def look(self) -> None:
        """Looks once, and deploys what was saved.

        Raises:
            Unanswered: The engine does not answer; ``catch_up`` is to be called.
        """
        now_ms = self._means.clock.monotonic_ms()
        if self._wake_again_ms is not None and now_ms >= self._wake_again_ms:
            self._wake_again_ms = None
            self._wake()
        saved, began_ms = self._settling.see(snapshot(self._means.watched), now_ms)
        if not saved:
            return
        for name in sorted(path.relative_to(self._means.root).as_posix() for path in saved):
            self._shared_saved = self._shared_saved or name.startswith("shared/")
            if name.startswith(NOT_CODE):
                say(f"{name} has changed: `make up` deploys that.")
        self._deploy(saved, began_ms)

    def _deploy(self, saved: frozenset[Path], began_ms: int) -> None:
        """Deploys each function whose code is another now."""
        try:
            packages = {one.role: one for one in self._means.code.read(self._running)}
        except FileNotFoundError:
            return  # it went meanwhile, which the next look sees
        except OSError as error:
            complain(f"{error.filename} cannot be read ({error.strerror}): nothing is deployed until it can")
            return
        stale = [one for one in packages.values() if self._running[one.role] != one.key]
        stale.sort(key=lambda one: not self._own(one.role, saved))  # whose own folder was worked on comes first
        problems = self._put(stale, began_ms)
        if Function.SCHEDULER in packages:
            self._hand_over(packages[Function.SCHEDULER])
        if self._shared_saved and not problems:
            self._shared_saved = False
            self._means.renew()

    def _own(self, role: Function, saved: Iterable[Path]) -> bool:
        return any(path.is_relative_to(self._means.root / "functions" / role) for path in saved)

    def _put(self, packages: Sequence[Package], began_ms: int) -> set[str]:
        """Deploys packages, the first ones first, and tells how that went; the problems that it told."""
        problems = set[str]()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as executor:
            puts = {executor.submit(self._put_one, package): package for package in packages}
            for put in as_completed(puts):
                package, error = puts[put], put.exception()
                if error is None:
                    seconds = (self._means.clock.monotonic_ms() - began_ms) / 1_000
                    self._running[package.role] = package.key
                    tag(package.role, COLOURS[package.role], f"runs what was saved {seconds:.1f} s ago", "bold")
                elif isinstance(error, Unanswered) or not isinstance(error, Unsound | LocalCloudError):
                    raise error
                elif str(error) not in problems:  # a file that several functions ship is told once
                    problems.add(str(error))
                    complain(str(error))
        return problems

    def _put_one(self, package: Package) -> None:
        archive = self._means.code.archive(package)
        self._running[package.role] = ""  # neither the old code nor the new, until the engine has taken it
        self._means.functions.put(package.role, package.digest, archive)

    def _wake(self) -> None:
        try:
            self._means.wake()
        except LocalCloudError as error:
            complain(str(error))

    def _hand_over(self, package: Package) -> None:
        """Lets schedulers of the new code take the place of those that run, once the function is updated."""
        if self._running[package.role] != package.key or self._told == package.digest:
            return
        try:
            if self._means.functions.tell_version(package.digest):
                self._wake()
                self._wake_again_ms = self._means.clock.monotonic_ms() + WAKE_AGAIN_MS
            self._told = package.digest
        except Unanswered:
            raise
        except LocalCloudError as error:
            complain(str(error))


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
                    complain(str(error), error.detail)


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
            complain(f"The local cloud does not answer as it should ({error}): tried again.")


def _builder(places: Places, found: Outputs) -> AssetBuilder:
    """As the CDK app would build for this engine."""
    port = int(found.endpoint.rpartition(":")[2])
    platform = CONTAINER if "containers=true" in cloud.ENGINES[found.engine](port, places).context else HOST
    return AssetBuilder(places.root, platform, uv_runner(places.root, cdk_environ(os.environ, places, found.endpoint)))


def means_of(places: Places, found: Outputs, root: Path, renew: Callable[[], None]) -> Means:
    """What it takes to keep a running stack at the code below ``root``."""
    clock = SystemClock()
    record = Record(places.watch_record)
    return Means(
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
            return Watcher(means_of(places, found, places.root, renewal))
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
