"""Serves MiniStack by uvicorn with httptools, a parser in C.

As shipped it is served by hypercorn over h11, which costs it about half of what it spends on a request. Run by the
interpreter of MiniStack's own venv, so it imports nothing of this project. What it replaces is checked before it is
touched. WebSockets are off: nothing of ours uses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from types import ModuleType
from typing import Any

STARTED, SAVED = "lifespan.startup.complete", "lifespan.shutdown.complete"
"""What MiniStack says when it is ready for requests, and when it has saved its state."""

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


SETTINGS: dict[str, Any] = {
    "http": "httptools",
    "ws": "none",
    "interface": "asgi3",
    "lifespan": "on",
    "proxy_headers": False,
    "date_header": False,
    "server_header": False,
    "access_log": False,
    "reset_contextvars": True,
    "log_config": None,
    "log_level": "warning",
}
"""What uvicorn is told, so that it adds nothing to what MiniStack answers."""
PASSED_ON = {
    "backlog": "backlog",
    "timeout_keep_alive": "keep_alive_timeout",
    "timeout_graceful_shutdown": "graceful_timeout",
}
"""Settings of uvicorn, and those of hypercorn that they follow."""


class CannotServe(Exception):
    """MiniStack or a server is not made as this module expects; the message names the part."""


def _names(function: object) -> frozenset[str]:
    """The names that a function's code uses."""
    return frozenset(getattr(getattr(function, "__code__", None), "co_names", ()))


def _parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters) if callable(function) else []


def faster(load: Callable[[str], ModuleType], begins: Callable[[], object]) -> Callable[[], None]:
    """Checks everything that is needed, and gives what puts it in force.

    Args:
        load: Imports a module.
        begins: Called when the port is MiniStack's own, before it loads its state.

    Raises:
        CannotServe: MiniStack, hypercorn or uvicorn is made differently, or is missing.
    """
    try:
        app, hypercorn, config = load("ministack.app"), load("hypercorn.asyncio"), load("hypercorn.config")
        uvicorn, _ = load("uvicorn"), load("httptools")
    except ImportError as error:
        raise CannotServe(str(error)) from error
    if not {"hypercorn.asyncio", "serve"} <= _names(getattr(app, "main", None)):
        raise CannotServe("ministack.app.main does not serve by hypercorn.asyncio")
    shipped = getattr(hypercorn, "serve", None)
    if not inspect.iscoroutinefunction(shipped) or _parameters(shipped)[:2] != ["app", "config"]:
        raise CannotServe("hypercorn.asyncio.serve has other parameters")
    needed = {*PASSED_ON.values(), "ssl_enabled", "create_sockets"}
    if gone := needed - set(dir(getattr(config, "Config", None))):
        raise CannotServe(f"hypercorn.config.Config has no {', '.join(sorted(gone))}")
    if gone := {*SETTINGS, *PASSED_ON} - set(_parameters(getattr(uvicorn, "Config", None))):
        raise CannotServe(f"uvicorn.Config has no {', '.join(sorted(gone))}")
    server = getattr(uvicorn, "Server", None)
    if "capture_signals" not in _names(getattr(server, "serve", None)):
        raise CannotServe("uvicorn.Server.serve does not call capture_signals")

    async def serve(app: Any, config: Any, **more: Any) -> None:
        if config.ssl_enabled:
            begins()
            await shipped(app, config, **more)
        else:
            await _serve(uvicorn, app, config, begins)

    return lambda: setattr(hypercorn, "serve", serve)


async def _serve(uvicorn: Any, app: Any, config: Any, begins: Callable[[], object]) -> None:
    """Serves until a signal comes, and returns when the state has been saved.

    uvicorn's own handlers of signals end the process by that signal once more, and leave the state unsaved at the
    second Ctrl-C. Here each signal asks for the same end, however many come.

    Raises:
        OSError: The port is taken.
        RuntimeError: MiniStack did not start, or has not saved its state.
    """
    said: set[str] = set()
    passed_on = {name: getattr(config, theirs) for name, theirs in PASSED_ON.items()}
    server = uvicorn.Server(uvicorn.Config(_heard(app, said), **SETTINGS, **passed_on))
    server.capture_signals = contextlib.nullcontext
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, partial(setattr, server, "should_exit", True))
    sockets = config.create_sockets().insecure_sockets
    begins()
    await server.serve(sockets=sockets)
    if SAVED not in said:
        raise RuntimeError("MiniStack has not saved its state" if STARTED in said else "MiniStack did not start")


def _heard(app: Any, said: set[str]) -> Any:
    """The app; what it says of its own start and end is noted."""

    def called(scope: Message, receive: Any, send: Send) -> Awaitable[None]:
        async def noted(message: Message) -> None:
            await send(message)
            said.add(message["type"])

        answer: Awaitable[None] = app(scope, receive, noted if scope["type"] == "lifespan" else send)
        return answer

    return called
