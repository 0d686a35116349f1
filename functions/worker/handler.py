"""The worker on Lambda: one batch of a queue, its messages handled in parallel."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from tidewheel.engine.worker.consumer import Consumer
from tidewheel.names import Env, Route
from tidewheel.ports import Received
from tidewheel.settings import SettingsError, WorkerSettings
from tidewheel.wiring.worker import consumer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _settings() -> WorkerSettings:
    return WorkerSettings.from_env(os.environ)


@cache
def _consumer() -> Consumer:
    return consumer(_settings())


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Reports the messages that must come back (``ReportBatchItemFailures``); Lambda deletes the others."""
    kept = _consumer().handle([_received(record) for record in event["Records"]])
    _consumer().telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": id} for id in kept]}


def _received(record: dict[str, Any]) -> Received:
    return Received(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        route=_route(record["eventSourceARN"].rpartition(":")[2]),
        times=int(record["attributes"]["ApproximateReceiveCount"]),
        sent_ms=int(record["attributes"]["SentTimestamp"]),
    )


def _route(queue: str) -> Route:
    """The route whose queue has this name."""
    for route, url in _settings().queues.items():
        if url.rpartition("/")[2] == queue:
            return route
    raise SettingsError(Env.QUEUES, f"names no queue {queue!r}, yet messages of it arrive")
