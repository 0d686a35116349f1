"""Both clients of the SDK over the same scripts and the same API, called in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from tidewheel.client import AsyncClient, Client
from tidewheel.client.moment import Moment

URL = "https://api.example/prod"
KINDS = ("blocking", "asyncio")


class FakeTime:
    """Clocks that stand still but for what is waited for, and what requests are said to take."""

    def __init__(self, wall_s: float = 1_795_000_000.0) -> None:
        self.waits: list[float] = []
        self.passed_s = 0.0
        self._wall_s = wall_s

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.passed_s += seconds

    async def wait_async(self, seconds: float) -> None:
        self.wait(seconds)

    def now(self) -> Moment:
        return Moment(self.passed_s, self._wall_s + self.passed_s)


class Awaited:
    """An ``AsyncClient`` whose methods return when they are done, and whose lists are lists."""

    def __init__(self, client: AsyncClient) -> None:
        self._client, self._runner = client, asyncio.Runner()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            made = getattr(self._client, name)(*args, **kwargs)
            return self._runner.run(_gathered(made) if hasattr(made, "__aiter__") else made)

        return called

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


async def _gathered(items: Any) -> list[Any]:
    return [item async for item in items]


def a_client(kind: str, transport: httpx.MockTransport, time: FakeTime | None = None, **rest: Any) -> Any:
    """A client of a kind; close it."""
    time = time or FakeTime()
    if kind == "asyncio":
        return Awaited(AsyncClient(URL, transport=transport, wait=time.wait_async, now=time.now, **rest))
    return Client(URL, transport=transport, wait=time.wait, now=time.now, **rest)
