"""Two clients side by side, one carried by the SDK and one by the lean transport, and what each makes of an answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.retries.standard import ExponentialBackoff

from tidewheel.adapters.aws import clients

MAKERS: Mapping[str, Callable[..., Any]] = {
    "dynamodb": clients.dynamodb,
    "sqs": clients.sqs,
    "receiving": clients.receiving,
}
WAYS = {"sdk": False, "lean": True}
_HALVES = (20, lambda: 0.5, None, None)
"""The SDK's defaults for its pauses, with half in the place of a random share."""


@dataclass(frozen=True)
class Canned:
    """An answer of a service, or an error in its place."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


@dataclass
class Outcome:
    """What a call came to.

    Args:
        value: What it answered.
        error: What it raised: the class's name, and what a service's error holds.
        sent: The requests, as handlers of ``before-send`` see them: method, URL, headers by name in lower case, body.
        pauses: Between tries, in whole ms.
    """

    value: Any = None
    error: Any = None
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)


class Staged:
    """A client of which each try gets the next canned answer; nothing goes over a network.

    Args:
        client: As the adapters make it.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._left: list[Canned] = []
        self._found = Outcome()
        client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", self._play)

    def outcome(self, call: Callable[[Any], Any], canned: Sequence[Canned]) -> Outcome:
        """Makes a call; no pause is waited for."""
        found, self._left = Outcome(), list(canned)
        self._found = found
        try:
            with patch("time.sleep", lambda pause_s: found.pauses.append(int(pause_s * 1_000 + 1e-6))):
                found.value = call(self.client)
        except ClientError as error:
            found.error = (type(error).__name__, str(error), error.operation_name, error.response)
        except Exception as error:  # noqa: BLE001 - whatever it raises is compared
            found.error = (type(error).__name__, str(error))
        return found

    def _play(self, request: Any, **_: Any) -> AWSResponse:
        headers = {name.lower(): _text(request.headers[name]) for name in request.headers}
        headers.pop("content-length", None)  # the lean transport counts when it sends
        headers.pop("host", None)  # the SDK adds it when it sends
        self._found.sent.append((request.method, request.url, headers, request.body))
        one = self._left.pop(0)
        if one.error:
            raise one.error
        raw = io.BytesIO(one.body)
        raw.stream = lambda: iter([raw.read()])  # type: ignore[attr-defined]
        return AWSResponse(request.url, one.status, dict(one.headers), raw)


def made(maker: str) -> dict[str, Staged]:
    """A client of each way, whose pauses are not random."""
    with patch.object(ExponentialBackoff.__init__, "__defaults__", _HALVES):
        return {way: Staged(MAKERS[maker](lean=lean)) for way, lean in WAYS.items()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
