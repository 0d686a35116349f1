"""Shortens LocalStack's idle waits.

As shipped, a queue mapping looks twice a second at the most and works one batch after another, what was sent with a
delay is looked at once a second, and so is a resource that CloudFormation waits for. And code is unpacked by links to
what was unpacked before. No setting changes that. What is touched is checked before: when another version of LocalStack
has moved a part, nothing is touched. Run inside LocalStack, so it imports nothing of this project.
"""

from __future__ import annotations

import importlib
import runpy
import threading
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

LONG_POLL_SECONDS = 2
"""How long a queue mapping waits for a message; no longer, because one that is deleted waits to the end."""
BATCHES = 5
"""What a mapping works side by side where it names no other number: as many as AWS begins with."""
TICK_SECONDS = 0.05
"""How often delayed messages, and resources that are being made, are looked at."""

TUNED_AGAINST = "4.13.1"


class CannotTune(Exception):
    """LocalStack is not made as this module expects; the message names the part."""


class Prompt:
    """Has the poller of a queue mapping wait for messages, and work several batches side by side.

    Args:
        poller: LocalStack's.
        most: How many batches.
        empty: What the poller raises when there was no message; its worker would then pause.
        report: Told of a batch that failed; its messages become visible again.
    """

    def __init__(
        self, poller: Any, most: int, empty: type[Exception], report: Callable[[str, Exception], object]
    ) -> None:
        self._poll, self._handle = poller.poll_events, poller.handle_messages
        self._poller, self._empty, self._report = poller, empty, report
        self._free = threading.Semaphore(most)
        poller.maximum_batching_window = poller.maximum_batching_window or LONG_POLL_SECONDS
        poller.poll_events, poller.handle_messages = self.poll, self.handle

    def poll(self) -> None:
        """Receives messages once a batch more may be worked; only this thread begins one, so that stays so."""
        with self._free:
            pass
        with suppress(self._empty):
            self._poll()

    def handle(self, messages: Any) -> None:
        """Works a batch beside others, or by itself where its order counts."""
        if self._poller.is_fifo_queue:
            self._handle(messages)
            return
        self._free.acquire()
        threading.Thread(target=self._work, args=(messages,), daemon=True).start()

    def _work(self, messages: Any) -> None:
        try:
            self._handle(messages)
        except Exception as error:  # noqa: BLE001 - as the poller does with those that it works itself
            self._report("A batch of a queue mapping failed: %s", error)
        finally:
            self._free.release()


def _part(owner: Any, name: str) -> Any:
    if not hasattr(owner, name):
        raise CannotTune(f"{owner.__name__}.{name} is gone")
    return getattr(owner, name)


def _names(function: Any) -> set[str]:
    """What a function's code reads and takes."""
    code = getattr(function, "__code__", None)
    return {*code.co_names, *code.co_varnames} if code else set()


def _mappings(factories: ModuleType, pollers: ModuleType) -> Callable[[], None]:
    factory, poller = _part(factories, "EsmWorkerFactory"), _part(pollers, "SqsPoller")
    empty, log = _part(pollers, "EmptyPollResultsException"), _part(pollers, "LOG")
    create = _part(factory, "get_esm_worker")
    if not {"maximum_batching_window", "receive_message", "handle_messages"} <= _names(_part(poller, "poll_events")):
        raise CannotTune("SqsPoller.poll_events is made differently")
    for name in ("handle_messages", "is_fifo_queue"):
        _part(poller, name)

    def get_esm_worker(self: Any) -> Any:
        worker = create(self)
        if isinstance(worker.poller, poller):
            scaling = self.esm_config.get("ScalingConfig") or {}
            Prompt(worker.poller, scaling.get("MaximumConcurrency") or BATCHES, empty, log.warning)
        return worker

    return lambda: setattr(factory, "get_esm_worker", get_esm_worker)


def _delayed(queues: ModuleType) -> Callable[[], None]:
    start = _part(_part(queues, "QueueUpdateWorker"), "start")
    scheduler = _part(queues, "Scheduler")
    if "Scheduler" not in _names(start) or 1 not in start.__code__.co_consts:
        raise CannotTune("QueueUpdateWorker.start no longer schedules once a second")

    class Quick(scheduler):  # type: ignore[misc, valid-type]
        """Does more often what was to be done once a second."""

        def schedule(self, func: Any, period: float | None = None, **how: Any) -> Any:
            return super().schedule(func, TICK_SECONDS if period == 1 else period, **how)

    return lambda: setattr(queues, "Scheduler", Quick)


def _resources(providers: ModuleType) -> Callable[[], None]:
    loop = _part(_part(providers, "ResourceProviderExecutor"), "deploy_loop")
    defaults, code = loop.__defaults__, loop.__code__
    if code.co_varnames[: code.co_argcount][-1:] != ("sleep_time",) or not defaults or defaults[-1] != 1:
        raise CannotTune("ResourceProviderExecutor.deploy_loop has other parameters")
    return lambda: setattr(loop, "__defaults__", (*defaults[:-1], TICK_SECONDS))


def _unpacked(models: ModuleType) -> Callable[[], None]:
    _part(models, "unzip")
    if not {"unzip", "chmod_r"} <= _names(_part(_part(models, "S3Code"), "prepare_for_execution")):
        raise CannotTune("S3Code.prepare_for_execution is made differently")
    kept = runpy.run_path(str(Path(__file__).with_name("unpacked.py")))["of_this_engine"]()

    def unzip(path: str, target: str) -> None:
        with zipfile.ZipFile(path) as archive:
            kept.unpack(archive, Path(target))

    return lambda: setattr(models, "unzip", unzip)


def tune(load: Callable[[str], ModuleType] = importlib.import_module) -> None:
    """Shortens the waits: all of them or, when one cannot be found, none.

    Raises:
        CannotTune: This LocalStack is made differently.
    """
    mapping = "localstack.services.lambda_.event_source_mapping"
    try:
        changes = [
            _mappings(load(f"{mapping}.esm_worker_factory"), load(f"{mapping}.pollers.sqs_poller")),
            _delayed(load("localstack.services.sqs.provider")),
            _resources(load("localstack.services.cloudformation.resource_provider")),
            _unpacked(load("localstack.services.lambda_.invocation.lambda_models")),
        ]
    except ImportError as error:
        raise CannotTune(str(error)) from error
    for change in changes:
        change()
