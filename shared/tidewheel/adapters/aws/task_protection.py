"""Protection of an Amazon ECS task from scale-in, by the endpoint of the agent beside it.

Amazon ECS Developer Guide, "Task scale-in protection endpoint": a PUT with ``ProtectionEnabled`` and, to have it end by
itself, ``ExpiresInMinutes`` from 1 to 2,880, which each request sets anew. The agent calls ``ecs:UpdateTaskProtection``
with the task's role. It says ``protection`` if that worked, else ``failure`` or ``error``.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from tidewheel.domain.limits import MINUTE_MS
from tidewheel.ports import PortError

AGENT = "ECS_AGENT_URI"
"""The variable in which ECS tells every container where its agent is."""
PATH = "/task-protection/v1/state"
_TIMEOUT_S = 5.0


class EcsTaskProtection:
    """``ports.ScaleInProtection`` for a task of an ECS service.

    Args:
        agent: The agent's address, from the variable ``ECS_AGENT_URI``.
    """

    def __init__(self, agent: str) -> None:
        self._url = agent.rstrip("/") + PATH
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the agent is on this machine

    def protect(self, duration_ms: int) -> None:
        """See ``ports.ScaleInProtection``."""
        self._put("protect", {"ProtectionEnabled": True, "ExpiresInMinutes": max(1, duration_ms // MINUTE_MS)})

    def release(self) -> None:
        """See ``ports.ScaleInProtection``."""
        self._put("release", {"ProtectionEnabled": False})

    def _put(self, what: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - an address that ECS gave
            self._url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise PortError(f"task_protection.{what}", "the ECS agent", _problem(error.read(), str(error))) from error
        except (OSError, ValueError) as error:
            raise PortError(f"task_protection.{what}", "the ECS agent", str(error)) from error
        if "protection" not in said:
            raise PortError(f"task_protection.{what}", "the ECS agent", json.dumps(said))


def _problem(body: bytes, otherwise: str) -> str:
    return body.decode(errors="replace").strip() or otherwise
