"""What ``make watch`` does with what has been saved: each function whose code is another now runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from localstack.errors import LocalCloudError
from localstack.show import report, say, tag
from localstack.watch.code import Code, Package, Unsound
from localstack.watch.files import Settling, snapshot
from localstack.watch.functions import UNHEARD_MS, Functions, Unanswered
from tidewheel.adapters.clock import SystemClock
from tidewheel.names import Function

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
    Function.DEAD_LETTER_HANDLER: "bright_black",
    Function.ECHO: "bright_cyan",
}


@dataclass(frozen=True)
class WatchContext:
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

    def __init__(self, context: WatchContext) -> None:
        self._context = context
        self._settling = Settling(snapshot(context.watched))
        self._running = context.functions.running()
        self._told = ""
        self._wake_again_ms: int | None = None
        self._shared_saved = True
        context.code.prepare(self._running)

    @property
    def roles(self) -> list[Function]:
        """The functions that are kept up to date."""
        return list(self._running)

    def catch_up(self) -> None:
        """Deploys what differs from the running functions, whenever it was saved.

        Raises:
            Unanswered: The engine does not answer; to be called again.
        """
        self._deploy(frozenset(), self._context.clock.monotonic_ms())

    def look(self) -> None:
        """Looks once, and deploys what was saved.

        Raises:
            Unanswered: The engine does not answer; ``catch_up`` is to be called.
        """
        now_ms = self._context.clock.monotonic_ms()
        if self._wake_again_ms is not None and now_ms >= self._wake_again_ms:
            self._wake_again_ms = None
            self._wake()
        saved, began_ms = self._settling.see(snapshot(self._context.watched), now_ms)
        if not saved:
            return
        for name in sorted(path.relative_to(self._context.root).as_posix() for path in saved):
            self._shared_saved = self._shared_saved or name.startswith("shared/")
            if name.startswith(NOT_CODE):
                say(f"{name} has changed: `make up` deploys that.")
        self._deploy(saved, began_ms)

    def _deploy(self, saved: frozenset[Path], began_ms: int) -> None:
        """Deploys each function whose code is another now."""
        try:
            packages = {one.role: one for one in self._context.code.read(self._running)}
        except FileNotFoundError:
            return  # it went meanwhile, which the next look sees
        except OSError as error:
            report(f"{error.filename} cannot be read ({error.strerror}): nothing is deployed until it can")
            return
        stale = [one for one in packages.values() if self._running[one.role] != one.key]
        stale.sort(key=lambda one: not self._own(one.role, saved))  # whose own folder was worked on comes first
        problems = self._put(stale, began_ms)
        if Function.SCHEDULER in packages:
            self._hand_over(packages[Function.SCHEDULER])
        if self._shared_saved and not problems:
            self._shared_saved = False
            self._context.renew()

    def _own(self, role: Function, saved: Iterable[Path]) -> bool:
        return any(path.is_relative_to(self._context.root / "functions" / role) for path in saved)

    def _put(self, packages: Sequence[Package], began_ms: int) -> set[str]:
        """Deploys packages, the first ones first, and tells how that went; the problems that it told."""
        problems = set[str]()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as executor:
            puts = {executor.submit(self._put_one, package): package for package in packages}
            for put in as_completed(puts):
                package, error = puts[put], put.exception()
                if error is None:
                    seconds = (self._context.clock.monotonic_ms() - began_ms) / 1_000
                    self._running[package.role] = package.key
                    tag(package.role, COLOURS[package.role], f"runs what was saved {seconds:.1f} s ago", "bold")
                elif isinstance(error, Unanswered) or not isinstance(error, Unsound | LocalCloudError):
                    raise error
                elif str(error) not in problems:  # a file that several functions ship is told once
                    problems.add(str(error))
                    report(str(error))
        return problems

    def _put_one(self, package: Package) -> None:
        archive = self._context.code.archive(package)
        self._running[package.role] = ""  # neither the old code nor the new, until the engine has taken it
        self._context.functions.put(package.role, package.digest, archive)

    def _wake(self) -> None:
        try:
            self._context.wake()
        except LocalCloudError as error:
            report(str(error))

    def _hand_over(self, package: Package) -> None:
        """Lets schedulers of the new code take the place of those that run, once the function is updated."""
        if self._running[package.role] != package.key or self._told == package.digest:
            return
        try:
            if self._context.functions.tell_version(package.digest):
                self._wake()
                self._wake_again_ms = self._context.clock.monotonic_ms() + UNHEARD_MS
            self._told = package.digest
        except Unanswered:
            raise
        except LocalCloudError as error:
            report(str(error))
