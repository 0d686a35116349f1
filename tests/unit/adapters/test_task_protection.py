"""Task protection as the ECS agent has it: the request of its documentation, and each way in which it says no."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest

from tidewheel.adapters.aws.task_protection import EcsTaskProtection
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.ports import PortError

SAID = {"protection": {"ProtectionEnabled": True, "ExpirationDate": "2026-12-01T00:00:00Z", "TaskArn": "arn"}}


class Agent:
    """Stands where ``urllib`` opens requests: notes them, and answers what it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, Any]] = []
        self.answer: tuple[int, str] | OSError = (200, json.dumps(SAID))

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout > 0
        assert isinstance(request.data, bytes)
        kind = request.get_header("Content-type")
        self.asked.append((request.get_method(), request.full_url, kind, json.loads(request.data)))
        if isinstance(self.answer, OSError):
            raise self.answer
        status, text = self.answer
        if status >= 400:
            raise urllib.error.HTTPError(request.full_url, status, "no", Message(), io.BytesIO(text.encode()))
        return io.BytesIO(text.encode())


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def protection(agent: Agent) -> EcsTaskProtection:
    made = EcsTaskProtection("http://169.254.170.2/api/task-1")
    made._opener = agent  # type: ignore[assignment]
    return made


def test_it_is_asked_for_and_given_back_as_the_agent_has_it(protection: EcsTaskProtection, agent: Agent) -> None:
    protection.protect(10 * MINUTE_MS)
    protection.release()
    place = ("PUT", "http://169.254.170.2/api/task-1/task-protection/v1/state", "application/json")
    assert agent.asked == [
        (*place, {"ProtectionEnabled": True, "ExpiresInMinutes": 10}),
        (*place, {"ProtectionEnabled": False}),
    ]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((200, '{"failure": {"Arn": "arn", "Reason": "DEPLOYMENT_BLOCKED"}}'), "DEPLOYMENT_BLOCKED"),
        ((400, '{"error": {"Code": "AccessDeniedException"}}'), "AccessDeniedException"),
        ((500, ""), "500"),
        ((200, "{"), "Expecting"),
        (ConnectionRefusedError("nobody listens"), "nobody listens"),
    ],
)
def test_whatever_is_not_protection_is_a_failure(
    protection: EcsTaskProtection, agent: Agent, answer: tuple[int, str] | OSError, problem: str
) -> None:
    agent.answer = answer
    with pytest.raises(PortError, match=problem):
        protection.protect(MINUTE_MS)


def test_no_proxy_is_asked_for_what_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    handlers = EcsTaskProtection("http://169.254.170.2/api/task-1")._opener.handlers  # type: ignore[attr-defined]
    assert not any(isinstance(one, urllib.request.ProxyHandler) and one.proxies for one in handlers)  # type: ignore[attr-defined]
