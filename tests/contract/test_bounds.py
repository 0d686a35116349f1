"""How long a call can last at worst, from the clients' own settings: the wheel's margins rest on it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.retries.standard import ExponentialBackoff

from tidewheel.adapters.aws import clients
from tidewheel.domain.limits import SECOND_MS, WRITE_BOUND_MS
from tidewheel.ports import Throttled


class Answers:
    """Stands in for the connections: the service asks to slow down, and for as long a pause as it may."""

    def __init__(self) -> None:
        self.tries = 0

    def send(self, request: Any) -> AWSResponse:
        self.tries += 1
        headers = HeadersDict({"x-amz-retry-after": "60000", "content-type": "application/json"})
        body = io.BytesIO(json.dumps({"__type": "ThrottlingException", "message": "slow down"}).encode())
        body.stream = lambda: iter([body.read()])  # type: ignore[attr-defined]
        return AWSResponse(request.url, 400, headers, body)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The SDK's pauses between tries, at their longest, and none of them waited for."""
    found: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", found.append)
    return found


def throttled(client: Any) -> int:
    """How often a client tries a call that is throttled without end."""
    answers = Answers()
    client.meta.events.register("before-send", lambda request, **_: answers.send(request))
    with pytest.raises(Throttled), clients.translated("test", "busy"):
        client.list_tables() if hasattr(client, "list_tables") else client.list_queues()
    return answers.tries


@pytest.mark.parametrize("lean", [False, True], ids=["sdk", "lean"])
@pytest.mark.parametrize("make", [clients.dynamodb, clients.sqs])
def test_a_call_ends_within_the_write_bound(
    make: Any, lean: bool, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """Every try connects and answers at the last moment, and every pause is the longest that the SDK makes."""
    monkeypatch.setattr(ExponentialBackoff.__init__, "__defaults__", (20, lambda: 1.0, None, None))
    client = make(lean=lean)
    config = client.meta.config
    tries = throttled(client)
    assert tries == config.retries["total_max_attempts"] == 2
    assert len(pauses) == tries - 1
    worst_ms = (tries * (config.connect_timeout + config.read_timeout) + sum(pauses)) * SECOND_MS
    assert worst_ms <= clients.CALL_BOUND_MS < WRITE_BOUND_MS


def test_a_function_is_invoked_once_and_waited_for() -> None:
    config = clients.functions(90_500).meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout == 90.5
    assert config.connect_timeout == 1


def test_workers_and_background_find_connections_enough() -> None:
    assert clients.dynamodb().meta.config.max_pool_connections >= 32
