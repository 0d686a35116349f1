"""Answers calls of a boto3 client in the place of the SDK's endpoint, which takes several times the CPU.

botocore lets a handler of the event ``before-call`` answer a call; its own ``Stubber`` lives on that. So what it makes
of arguments stays, and of errors, and the events of each try: ``request-created``, which signs, ``before-send``,
``response-received``, and ``needs-retry``, which decides by the client's own configuration whether and when there is
another try. Replaced are request objects, dictionaries of headers, urllib3 and the parser of answers.

What comes back damaged counts as not having come: it is tried again, and raised in the end. The SDK takes an answer
that was cut off, or is no JSON, for an empty one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore import parsers
from botocore.exceptions import ConnectionClosedError
from botocore.hooks import first_non_none_response
from botocore.utils import get_environ_proxies

from tidewheel.adapters.aws.transport.connections import Bounds
from tidewheel.adapters.aws.transport.documents import Readers
from tidewheel.adapters.aws.transport.reply import Garbled, Reply
from tidewheel.adapters.aws.transport.request import Headers, Request, split
from tidewheel.adapters.aws.transport.sender import Sender
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock

if TYPE_CHECKING:
    from botocore.model import OperationModel

Document = dict[str, Any]
_PROTOCOL = "json"
_FAILED = 300
_UNREADABLE = (AttributeError, TypeError, ValueError, parsers.ResponseParserError)
_CLOCK: Clock = SystemClock()  # bounds of tries and pauses between them, below the engine's clock


def carry(client: Any) -> bool:
    """Has the lean transport answer a client's calls, where it can: else the SDK sends them as ever.

    It cannot where a proxy or a client certificate is configured, where the service speaks another protocol than JSON,
    and where an SDK of another version does not show which CAs it trusts.

    Args:
        client: As boto3 makes it, without endpoint discovery.

    Returns:
        Whether it does.
    """
    config, url, verify = client.meta.config, client.meta.endpoint_url, _verify(client)
    proxies = get_environ_proxies(url) if config.proxies is None else config.proxies
    if verify is None or proxies.get(url.partition(":")[0]) or config.client_cert:
        return False
    if client.meta.service_model.resolved_protocol != _PROTOCOL:
        return False
    bounds = Bounds(
        connect_ms=int(config.connect_timeout * SECOND_MS),
        read_ms=int(config.read_timeout * SECOND_MS),
        kept=config.max_pool_connections,
    )
    transport = LeanTransport(client, Sender(bounds, verify, _CLOCK), bounds, _CLOCK)
    client.meta.events.register_last("before-call", transport.answer)  # after the SDK's own, some of which add headers
    return True


def _verify(client: Any) -> bool | str | None:
    """The CAs that the SDK trusts for a client: by its configuration file, environment or default."""
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    return getattr(session, "_verify", None)


@dataclass(slots=True)
class _Tried:
    """What came of one try: what came back with what it says, or why nothing did."""

    reply: Reply | None = None
    parsed: Document | None = None
    problem: Exception | None = None

    @property
    def response(self) -> tuple[Reply, Document | None] | None:
        """As the handlers of ``needs-retry`` expect it."""
        return None if self.reply is None else (self.reply, self.parsed)


class LeanTransport:
    """Answers the calls of one client.

    Args:
        client: Whose calls are answered.
        sender: Sends requests.
        bounds: The sender's.
        clock: Waits between tries.
    """

    def __init__(self, client: Any, sender: Sender, bounds: Bounds, clock: Clock) -> None:
        self._events: Any = client.meta.events
        self._service = client.meta.service_model.service_id.hyphenize()
        self._parser: Any = parsers.create_parser(_PROTOCOL)
        self._readers = Readers()
        self._sender = sender
        self._bounds = bounds
        self._clock = clock
        self._carried: dict[str, bool] = {}

    def answer(
        self, model: OperationModel, params: Document, context: Document, **_: object
    ) -> tuple[Reply, Document] | None:
        """Answers a call: a handler of ``before-call``.

        Args:
            model: The operation.
            params: The request as the SDK serialised it.
            context: What handlers tell each other.

        Returns:
            What came back and what it says; None to leave the call to the SDK.

        Raises:
            BotoCoreError: Nothing came back, or not a whole answer.
        """
        if not self._carries(model):
            return None
        retries = context["retries"] = {"invocation-id": str(uuid.uuid4()), "attempt": 1}
        tried = self._tried(model, params, context)
        while (pause_s := self._pause_s(model, params, tried)) is not None:
            self._clock.sleep(int(pause_s * SECOND_MS))
            retries["attempt"] += 1
            if tried.reply is not None:
                retries |= self._ttl(tried.reply)
            tried = self._tried(model, params, context)
        if tried.problem is not None:
            self._emit("after-call-error", model, exception=tried.problem, context=context)
            raise tried.problem
        assert tried.reply is not None
        assert tried.parsed is not None
        tried.parsed.setdefault("ResponseMetadata", {})["RetryAttempts"] = retries["attempt"] - 1
        return tried.reply, tried.parsed

    def _carries(self, model: OperationModel) -> bool:
        """Whether an operation's requests and answers are plain documents."""
        name = model.name
        if name not in self._carried:
            streams = (model.has_streaming_input, model.has_streaming_output, model.has_event_stream_output)
            self._carried[name] = not (any(streams) or model.http_checksum or model.request_compression)
        return self._carried[name]

    def _tried(self, model: OperationModel, params: Document, context: Document) -> _Tried:
        """One try; its listeners hear of it."""
        headers = Headers(params["headers"])
        headers["host"] = split(params["url"])[0].authority  # else the signer looks for it in the URL, twice
        request = Request(params["method"], params["url"], headers, params["body"], context)
        self._emit("request-created", model, request=request, operation_name=model.name)
        tried, response = _Tried(), None
        try:
            reply = self._sender.send(request, partial(self._announce, model))
            response = {
                "headers": reply.headers,
                "status_code": reply.status_code,
                "body": reply.content,
                "context": {"operation_name": model.name},
            }
            tried.parsed = self._parsed(model, response)
            tried.reply = reply
        except Garbled as error:
            tried.problem = ConnectionClosedError(endpoint_url=request.url, error=error)
        except Exception as error:  # noqa: BLE001 - it is raised, unless there is another try
            tried.problem = error
        self._emit(
            "response-received",
            model,
            response_dict=response,
            parsed_response=tried.parsed,
            context=context,
            exception=tried.problem,
        )
        return tried

    def _announce(self, model: OperationModel, request: Request) -> Reply | None:
        given = first_non_none_response(self._emit("before-send", model, request=request))
        if given is None:
            return None
        return Reply(given.status_code, {name.lower(): given.headers[name] for name in given.headers}, given.content)

    def _pause_s(self, model: OperationModel, params: Document, tried: _Tried) -> float | None:
        """How long to wait for the next try; None if there is none. What succeeds at once asks nobody."""
        attempt: int = params["context"]["retries"]["attempt"]
        if attempt == 1 and tried.reply is not None and tried.reply.status_code < _FAILED:
            return None
        answers = self._emit(
            "needs-retry",
            model,
            response=tried.response,
            endpoint=None,
            operation=model,
            attempts=attempt,
            caught_exception=tried.problem,
            request_dict=params,
        )
        pause_s: float | bool | None = first_non_none_response(answers)
        return None if pause_s is None or pause_s is False else float(pause_s)

    def _ttl(self, reply: Reply) -> Mapping[str, str]:
        """Until when, by the service's clock, the next try's answer is waited for; the SDK tells the service."""
        try:
            date = parsedate_to_datetime(reply.headers["date"])
        except (KeyError, ValueError):
            return {}
        return {"ttl": (date + timedelta(milliseconds=self._bounds.read_ms)).strftime("%Y%m%dT%H%M%SZ")}

    def _parsed(self, model: OperationModel, response: Document) -> Document:
        """What an answer says.

        Raises:
            Garbled: It is not what the service would say.
        """
        if response["status_code"] >= _FAILED:
            return self._refusal(model, response)
        parsed: Document = {}
        if model.output_shape is not None:
            try:
                reader = self._readers.of(model.output_shape)
                document = json.loads(response["body"].decode() or "{}")
                parsed = document if reader is None else reader(document)
            except _UNREADABLE as error:
                raise Garbled(f"not what {model.name} answers ({error})") from error
            if not isinstance(parsed, dict):
                raise Garbled(f"not what {model.name} answers")
        parsed["ResponseMetadata"] = _metadata(response)
        return parsed

    def _refusal(self, model: OperationModel, response: Document) -> Document:
        """What the SDK makes of an error; if it can make nothing of it, the status is the code."""
        try:
            parsed: Document = self._parser.parse(response, model.output_shape)
            shape = model.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
            if shape is not None:
                parsed |= self._parser.parse(response, shape)
        except _UNREADABLE:
            text = response["body"].decode(errors="replace")
            error = {"Code": str(response["status_code"]), "Message": text}
            return {"Error": error, "ResponseMetadata": _metadata(response)}
        return parsed

    def _emit(self, event: str, model: OperationModel, **said: object) -> Sequence[Any]:
        heard: Sequence[Any] = self._events.emit(f"{event}.{self._service}.{model.name}", **said)
        return heard


def _metadata(response: Document) -> Document:
    headers = response["headers"]
    metadata = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(headers)}
    if "x-amzn-requestid" in headers:
        metadata["RequestId"] = headers["x-amzn-requestid"]
    return metadata
