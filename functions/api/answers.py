"""Answers, and those that need no flow."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_lambda_powertools.event_handler import Response

from functions.api.request import Request
from tidewheel.wire import VERSION
from tidewheel.wire.job import Health
from tidewheel.wire.model import Model


def answered(model: Model, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    """A model as the answer's JSON."""
    return Response(status, "application/json", model.model_dump_json(), headers=dict(headers or {}))


def health(_request: Request) -> Response[str]:
    """That the function runs; it touches no store, so that a probe costs nothing."""
    return answered(Health(status="ok", version=VERSION))


def openapi(_request: Request) -> Response[str]:
    """The document."""
    from tidewheel.wire.openapi import document  # noqa: PLC0415 -- schemas cost 30 ms, and few requests need them

    return Response(200, "application/json", json.dumps(document()))
