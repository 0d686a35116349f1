"""Successful answers."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.event_handler import Response

from tidewheel.wire.model import Model


def answered(model: Model, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    """An answer whose body is a model, as JSON."""
    return Response(status, "application/json", model.model_dump_json(), headers=dict(headers or {}))
