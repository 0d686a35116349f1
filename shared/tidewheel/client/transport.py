"""Carries flows over a connection that blocks, or one that does not. Neither knows what a flow is about."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import httpx

from tidewheel.client.flow import Flow, Item, Now, Pause, Send, Step, Stream
from tidewheel.client.moment import Moment
from tidewheel.client.requests import header_text
from tidewheel.wire import VERSION
from tidewheel.wire.parameters import TENANT_HEADER

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")


class _Ended(Exception):
    """A flow has come to its end.

    Args:
        value: What it ends with.
    """

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def _advanced(flow: Flow[Any] | Stream[Any], answer: Any, error: Exception | None) -> Step | Item[Any]:
    """The next step of a flow, which gets the answer to its last one or the error that it met.

    Raises:
        _Ended: There is none.
    """
    try:
        return flow.send(answer) if error is None else flow.throw(error)
    except StopIteration as stop:
        raise _Ended(stop.value) from None


def headers(token: str | None, tenant: str | None = None) -> Mapping[str, str]:
    """What every request says of whoever sends it, and of the tenant in which it is to act.

    Raises:
        Unsendable: A header cannot hold the tenant.
    """
    signed = {"Authorization": f"Bearer {token}"} if token else {}
    acting = {TENANT_HEADER: header_text(TENANT_HEADER, tenant)} if tenant is not None else {}
    return {"User-Agent": f"tidewheel-client/{VERSION}", **signed, **acting}


def unheard(_text: str) -> None:
    """What a client does with an answer's text unless it is told otherwise: nothing."""


class Blocking:
    """Carries flows over an ``httpx.Client``.

    Args:
        http: The HTTP client, with the base URL.
        wait: Waits so many seconds.
        now: Reads the clocks.
        heard: Called with the text of every successful answer.
    """

    def __init__(
        self,
        http: httpx.Client,
        wait: Callable[[float], None],
        now: Callable[[], Moment],
        heard: Callable[[str], None],
    ) -> None:
        self.http, self._wait, self._now, self._heard = http, wait, now, heard

    def run(self, flow: Flow[T]) -> T:
        """The value that a flow ends with."""
        steps = self._steps(flow)
        try:
            for _ in steps:
                raise TypeError("a flow gives no items")
        except _Ended as end:
            value: T = end.value
            return value
        raise AssertionError("a flow ends with a value")

    def iterate(self, stream: Stream[T]) -> Iterator[T]:
        """The items of a stream, fetched as they are asked for."""
        try:
            yield from self._steps(stream)
        except _Ended:
            return

    def _steps(self, flow: Flow[Any] | Stream[Any]) -> Iterator[Any]:
        answer: Any = None
        error: Exception | None = None
        while True:
            step = _advanced(flow, answer, error)
            answer = error = None
            match step:
                case Item(value=value):
                    yield value
                case Send():
                    try:
                        answer = self._sent(step)
                    except httpx.TransportError as met:
                        error = met
                case Pause(seconds=seconds):
                    self._wait(seconds)
                case Now():
                    answer = self._now()

    def _sent(self, step: Send) -> httpx.Response:
        response = self.http.request(**_request(step))
        if response.is_success:
            self._heard(response.text)
        return response


class Asynchronous:
    """Carries flows over an ``httpx.AsyncClient``; its arguments are those of ``Blocking``, and waiting is awaited."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        wait: Callable[[float], Awaitable[None]],
        now: Callable[[], Moment],
        heard: Callable[[str], None],
    ) -> None:
        self.http, self._wait, self._now, self._heard = http, wait, now, heard

    async def run(self, flow: Flow[T]) -> T:
        """The value that a flow ends with."""
        try:
            async for _ in self._steps(flow):
                raise TypeError("a flow gives no items")
        except _Ended as end:
            value: T = end.value
            return value
        raise AssertionError("a flow ends with a value")

    async def iterate(self, stream: Stream[T]) -> AsyncIterator[T]:
        """The items of a stream, fetched as they are asked for."""
        try:
            async for item in self._steps(stream):
                yield item
        except _Ended:
            return

    async def _steps(self, flow: Flow[Any] | Stream[Any]) -> AsyncIterator[Any]:
        answer: Any = None
        error: Exception | None = None
        while True:
            step = _advanced(flow, answer, error)
            answer = error = None
            match step:
                case Item(value=value):
                    yield value
                case Send():
                    try:
                        answer = await self._sent(step)
                    except httpx.TransportError as met:
                        error = met
                case Pause(seconds=seconds):
                    await self._wait(seconds)
                case Now():
                    answer = self._now()

    async def _sent(self, step: Send) -> httpx.Response:
        response = await self.http.request(**_request(step))
        if response.is_success:
            self._heard(response.text)
        return response


def _request(step: Send) -> dict[str, Any]:
    return {
        "method": step.method,
        "url": step.path,
        "params": step.query or None,
        "headers": step.headers,
        "content": step.content,
    }


class _Blocks(Protocol):
    @property
    def carrier(self) -> Blocking:
        """Carries its calls."""


class _Awaits(Protocol):
    @property
    def carrier(self) -> Asynchronous:
        """Carries its calls."""


def blocking(make: Callable[P, Flow[T]]) -> Callable[Concatenate[_Blocks, P], T]:
    """A method that makes a flow, carries it and returns its value."""

    def method(self: _Blocks, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.carrier.run(make(*args, **kwargs))

    return _like(make, method)


def iterating(make: Callable[P, Stream[T]]) -> Callable[Concatenate[_Blocks, P], Iterator[T]]:
    """A method that returns an iterator over a stream's items."""

    def method(self: _Blocks, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self.carrier.iterate(make(*args, **kwargs))

    return _like(make, method)


def awaiting(make: Callable[P, Flow[T]]) -> Callable[Concatenate[_Awaits, P], Coroutine[Any, Any, T]]:
    """A method to await: it makes a flow, carries it and returns its value."""

    async def method(self: _Awaits, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.carrier.run(make(*args, **kwargs))

    return _like(make, method)


def iterating_async(make: Callable[P, Stream[T]]) -> Callable[Concatenate[_Awaits, P], AsyncIterator[T]]:
    """A method that returns an asynchronous iterator over a stream's items."""

    def method(self: _Awaits, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self.carrier.iterate(make(*args, **kwargs))

    return _like(make, method)


_M = TypeVar("_M", bound=Callable[..., Any])


def _like(make: Callable[..., Any], method: _M) -> _M:
    """The method under the name, the description and the parameters of what makes its flow."""
    named = wraps(make)(method)
    signature = inspect.signature(make)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    named.__signature__ = signature.replace(  # type: ignore[attr-defined] # what `help` shows
        parameters=[this, *signature.parameters.values()], return_annotation=inspect.Signature.empty
    )
    return named  # type: ignore[return-value] # wraps keeps the callable's type as it is called
