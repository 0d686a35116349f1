"""Starts MiniStack with its idle waits shortened, and with changed code in force at once.

Run by the interpreter of MiniStack's own venv, so it imports nothing of this project. As shipped, an idle
queue mapping looks once a second, a handler that logs nothing costs 50 ms, and schedules are looked at
every 10 s. And a function may go on with the code it had: an invocation that began just before a change, or is
repeated after it, starts a process of the old code, which is kept for others. Each process unpacks its code anew. No
setting changes that; module-level values do. Each is checked before it is touched: when another version of MiniStack
has moved one, a line on stderr says so and everything runs at its own pace. Requests are served by another server, and
standard queues share between message groups, or again as shipped where that cannot be.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

POLL_SECONDS = 0.02
"""How long an idle event source mapping waits before it looks again."""
IDLE_GAP_SECONDS = 0.005
"""The pause after a wake that found nothing to do."""
TICK_SECONDS = 1
"""How often schedules are looked at."""
DRAIN_DEFAULTS = {"first_line_wait": 0.002, "idle_confirm": 0.002, "hard_cap": 0.25}
"""How long an invocation waits for its handler's log: for the first line, after the last, at most."""

TUNED_AGAINST = "1.5.33"
CLEAN_END = "clean-end"
"""The file in the state folder that says that the state there is whole."""


class CannotTune(Exception):
    """MiniStack is not made as this module expects; the message names the part."""


LATEST = "$LATEST"


class Worker(Protocol):
    """MiniStack's process of a function; it starts when it is first invoked."""

    code_zip: bytes


class Wake(Protocol):
    """What MiniStack's poller does with its wake event."""

    def wait(self, timeout: float | None = None) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...


class PromptWake:
    """A wake event that never makes the poller wait longer than ``longest`` seconds.

    A message that becomes visible after a delay sets no event, so the poller must look by itself.
    """

    def __init__(self, event: Wake, longest: float) -> None:
        self.set = event.set
        self.clear = event.clear
        self._wait = event.wait
        self._longest = longest

    def wait(self, timeout: float | None = None) -> bool:
        return self._wait(self._longest if timeout is None else min(timeout, self._longest))


def _has(module: ModuleType, name: str) -> Any:
    if not hasattr(module, name):
        raise CannotTune(f"{module.__name__}.{name} is gone")
    return getattr(module, name)


def _number(module: ModuleType, name: str, value: float) -> Callable[[], None]:
    if not isinstance(_has(module, name), int | float):
        raise CannotTune(f"{module.__name__}.{name} is no longer a number")
    return lambda: setattr(module, name, value)


def _wake(module: ModuleType) -> Callable[[], None]:
    event = _has(module, "_esm_wake")
    if not all(callable(getattr(event, name, None)) for name in ("wait", "set", "clear")):
        raise CannotTune(f"{module.__name__}._esm_wake is no longer an event")
    if "_esm_wake" not in getattr(getattr(_has(module, "_poll_loop"), "__code__", None), "co_names", ()):
        raise CannotTune(f"{module.__name__}._poll_loop does not wait for _esm_wake")
    return lambda: setattr(module, "_esm_wake", PromptWake(event, POLL_SECONDS))


def _drain(module: ModuleType) -> Callable[[], None]:
    function = getattr(_has(module, "Worker"), "_drain_stderr_bounded", None)
    defaults = getattr(function, "__defaults__", None)
    code = getattr(function, "__code__", None)
    if function is None or code is None or code.co_varnames[1 : code.co_argcount] != tuple(DRAIN_DEFAULTS):
        raise CannotTune(f"{module.__name__}.Worker._drain_stderr_bounded has other parameters")
    if defaults is None or len(defaults) != len(DRAIN_DEFAULTS):
        raise CannotTune(f"{module.__name__}.Worker._drain_stderr_bounded has other defaults")
    return lambda: setattr(function, "__defaults__", tuple(DRAIN_DEFAULTS.values()))


def _latest_code(module: ModuleType) -> Callable[[], None]:
    """Whoever gets a process has it start with the code that the function has now, not with what it had for the caller.

    A change sets the code before it forgets the processes: of those that are known after it, none has the old code.
    """
    acquire, functions = _has(module, "acquire_worker"), _has(module, "_functions")
    if "acquire_worker" not in getattr(
        getattr(_has(module, "_execute_function_warm"), "__code__", None), "co_names", ()
    ):
        raise CannotTune(f"{module.__name__}._execute_function_warm does not call acquire_worker")

    def acquire_latest(
        name: str, config: dict[str, Any], code: bytes, qualifier: str = LATEST
    ) -> tuple[Worker | None, str]:
        worker, reason = acquire(name, config, code, qualifier=qualifier)
        function = functions.get(name) if qualifier == LATEST else None
        if worker is not None and function and function.get("code_zip"):
            worker.code_zip = function["code_zip"]
        return worker, reason

    return lambda: setattr(module, "acquire_worker", acquire_latest)


def _linked(module: ModuleType) -> Callable[[], None]:
    zipfile, spawn = _has(module, "zipfile"), getattr(_has(module, "Worker"), "_spawn", None)
    if not {"zipfile", "extractall"} <= set(getattr(getattr(spawn, "__code__", None), "co_names", ())):
        raise CannotTune(f"{module.__name__}.Worker._spawn does not unpack by zipfile")
    kept = runpy.run_path(str(Path(__file__).with_name("unpacked.py")))["of_this_engine"]()

    class ZipFile(zipfile.ZipFile):  # type: ignore[misc, name-defined]
        """Unpacks by links."""

        def extractall(self, path: str) -> None:
            kept.unpack(self, Path(path))

    return lambda: setattr(module, "zipfile", SimpleNamespace(**{**vars(zipfile), "ZipFile": ZipFile}))


def tune(load: Callable[[str], ModuleType] = importlib.import_module) -> None:
    """Shortens the waits: all of them or, when one cannot be found, none.

    Raises:
        CannotTune: This MiniStack is made differently.
    """
    try:
        functions, runtime = load("ministack.services.lambda_svc"), load("ministack.core.lambda_runtime")
        changes = [
            _drain(runtime),
            _linked(runtime),
            _wake(functions),
            _latest_code(functions),
            _number(functions, "_ESM_IDLE_WAKE_GAP_SECONDS", IDLE_GAP_SECONDS),
            _number(load("ministack.services.eventbridge"), "_SCHEDULER_TICK_INTERVAL", TICK_SECONDS),
            _number(load("ministack.services.scheduler"), "_SCHEDULE_TICK_INTERVAL", TICK_SECONDS),
        ]
    except ImportError as error:
        raise CannotTune(str(error)) from error
    for change in changes:
        change()


def serve_faster(begins: Callable[[], object], load: Callable[[str], ModuleType] = importlib.import_module) -> None:
    """Has MiniStack's requests served as ``ministack_http.py`` says.

    Args:
        begins: Called before MiniStack loads its state, once nothing can keep it from its port any more.
        load: Imports a module.

    Raises:
        CannotTune: This MiniStack, or a server, is made differently.
    """
    part = runpy.run_path(str(Path(__file__).with_name("ministack_http.py")))
    try:
        part["faster"](load, begins)()
    except part["CannotServe"] as problem:
        raise CannotTune(str(problem)) from problem


def share_fairly(load: Callable[[str], ModuleType] = importlib.import_module) -> None:
    """Has MiniStack's standard queues share between message groups as ``ministack_fair.py`` says.

    Raises:
        CannotTune: This MiniStack is made differently.
    """
    part = runpy.run_path(str(Path(__file__).with_name("ministack_fair.py")))
    try:
        part["share"](load)
    except part["CannotShare"] as problem:
        raise CannotTune(str(problem)) from problem


def main() -> None:
    """Tunes what can be tuned, becomes MiniStack, and leaves a mark when its state was saved at the end.

    The mark of the end before goes when MiniStack begins to change what lies there.
    """
    clean_end = Path(os.environ["STATE_DIR"]) / CLEAN_END
    begins = partial(clean_end.unlink, missing_ok=True)
    try:
        tune()
    except CannotTune as problem:
        _say(f"MiniStack runs untuned (made for {TUNED_AGAINST}): {problem}")
    try:
        share_fairly()
    except CannotTune as problem:
        _say(f"MiniStack's queues do not share between tenants (made for {TUNED_AGAINST}): {problem}")
    try:
        serve_faster(begins)
    except CannotTune as problem:
        _say(f"MiniStack is served as shipped (made for {TUNED_AGAINST}): {problem}")
        begins()
    importlib.import_module("ministack.app").main()
    if clean_end.parent.is_dir():  # not there when nothing is to be kept
        clean_end.touch()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
