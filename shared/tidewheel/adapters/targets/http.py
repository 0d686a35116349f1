"""The ``http`` target: one request, with the redirects that its job wants followed; any 2xx is a success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tidewheel.adapters.targets.answers import excerpt, timed_out, told_to_end
from tidewheel.adapters.targets.secret_resolver import SecretResolver, SecretUnavailable, refers
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.adapters.targets.web.answer import Answering
from tidewheel.adapters.targets.web.countdown import Countdown, Stopped, TimedOut
from tidewheel.adapters.targets.web.errors import RemoteProtocolError, TransportError, Unsendable
from tidewheel.adapters.targets.web.guard import AddressRefused, GuardedNetwork, check_spelling
from tidewheel.adapters.targets.web.inflating import pieces
from tidewheel.adapters.targets.web.request import Headers, Request, is_sendable
from tidewheel.adapters.targets.web.side_threads import SideThreads
from tidewheel.adapters.targets.web.transport import GuardedTransport, Sending
from tidewheel.adapters.targets.web.trust import problem_of
from tidewheel.adapters.targets.web.url import parsed, sendable
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.secret import reference_of
from tidewheel.domain.limits import LOG_BYTES, SECOND_MS
from tidewheel.ports import Call, Caller, CallProgress

KIND = "http"
_RETRYABLE = {408, 425, 429}
_ASKS_TO_WAIT = {429, 503}
_SUCCESS, _REDIRECTION, _SERVER_ERROR = 200, 300, 500
"""The least status of each class (RFC 9110, 15)."""
_CREDENTIALS = ("Authorization", "Cookie", "Proxy-Authorization")


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    threads = SideThreads()
    network = GuardedNetwork(surroundings.allowed_networks, threads)
    return HttpTarget(surroundings, GuardedTransport(network, surroundings.clock), threads)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The request of a job, with its secrets filled in.

    Args:
        request: It.
        credentials: The names of headers that must not go to another origin.
        confidential: Whether the body must not go there either.
        ca: The bundle of the CAs that it trusts, in PEM; None: the public ones.
    """

    request: Request
    credentials: tuple[str, ...]
    confidential: bool
    ca: str | None


@dataclass(slots=True)
class _Received:
    """How much of an answer has arrived.

    Args:
        sending: The requests of the call, and what was read of the last one's answer.
        most: How many bytes of the answer its record keeps.
        fields: Its header fields, once its head was read and understood; None before.
        beginning: What its record keeps.
        taken: The length of its body so far (bytes).
    """

    sending: Sending
    most: int
    fields: Mapping[str, str] | None = None
    beginning: bytearray = field(default_factory=bytearray)
    taken: int = 0

    @property
    def status(self) -> int:
        """Its status; 0 until that was read."""
        return self.sending.exchange.status

    def is_known(self, error: BaseException | None) -> bool:
        """Whether the answer is known although the rest never arrives: that is needed for the log alone.

        A success is, once its status is read: a call that the target has carried out must not be repeated. So is any
        status whose head is malformed, since it would be malformed again.

        Args:
            error: What ended the call before its answer was read; None if nothing did.
        """
        if error is None or _is_success(self.status):
            return True
        if self.fields is not None:
            return len(self.beginning) >= self.most
        return self.status != 0 and isinstance(error, RemoteProtocolError)

    def read(self, answering: Answering, progress: CallProgress) -> None:
        """Reads the body into the attempt's log, up to the log's limit: an endless body is cut there."""
        self.fields = answering.fields
        for piece in pieces(answering.parts(), answering.fields.get("content-encoding", "")):
            self.beginning += piece.replace(b"\x00", b"")[: self.most - len(self.beginning)]
            progress.write(piece)
            self.taken += len(piece)
            if self.taken > LOG_BYTES:
                return

    def answer(self, now_ms: int) -> Answer:
        """The answer, as far as it is known."""
        status, output = self.status, excerpt(bytes(self.beginning), self.most)
        if _is_success(status):
            return Answer(Result.SUCCEEDED, status, output)
        retryable = status >= _SERVER_ERROR or status in _RETRYABLE
        asked_ms = retry_after_ms(self.fields or {}, now_ms) if status in _ASKS_TO_WAIT else None
        return Answer(Result.FAILED, status, output, f"HTTP {status}", retryable, asked_ms)


class HttpTarget:
    """``ports.Caller`` for the kind ``http``.

    A call runs on the thread that makes it. One time-out bounds all of it, also if an answer arrives slowly; and when
    it is told to end, what it waits for is ended under it. A redirect that is not followed is a failure.

    Args:
        surroundings: Of the worker.
        transport: Sends requests, and to no address that a job must not reach.
        threads: Where secrets are read, so that the time-out bounds that too.
    """

    def __init__(self, surroundings: Surroundings, transport: GuardedTransport, threads: SideThreads) -> None:
        self._surroundings = surroundings
        self._transport = transport
        self._threads = threads

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        countdown = Countdown(self._surroundings.clock, call.timeout_ms)
        call.progress.on_stop(countdown.stop)
        received, failure = _Received(Sending(call.repeatable), call.output_bytes), None
        try:
            self._exchange(call, received, countdown)
        except _FAILURES as error:
            failure = error
        known = received.is_known(failure)
        answer = received.answer(self._surroundings.clock.now_ms())
        if failure is None:
            return answer
        problem = _problem_of(failure, call)
        if not known:
            return problem
        call.progress.write(f"\n[the rest of the answer is missing: {problem.reason}]\n".encode())
        understood = received.fields is not None or answer.result is Result.SUCCEEDED
        return answer if understood else replace(answer, reason=f"{answer.reason}; {problem.reason}")

    def _exchange(self, call: Call, received: _Received, countdown: Countdown) -> None:
        wanted = self._wanted(call, countdown)
        received.sending.ca, request = wanted.ca, wanted.request
        for left in range(int(call.target.spec.get("redirects", 0)), -1, -1):
            with self._transport.answering(request, received.sending, countdown) as answering:
                following = _following(request, answering, wanted) if left else None
                if following is None:
                    received.read(answering, call.progress)
                    return
            request = following

    def _wanted(self, call: Call, countdown: Countdown) -> _Wanted:
        """The request. Secrets are read on another thread, so that the time-out bounds that too."""
        spec, resolver = call.target.spec, SecretResolver(self._surroundings.secrets, call)
        if refers([*spec.get("headers", {}).values(), spec.get("body"), spec.get("ca")]):
            return self._threads.result(countdown, _prepared, call, resolver)
        return _prepared(call, resolver)

    def close(self) -> None:
        """Closes the idle connections, and lets the threads end."""
        self._transport.close()
        self._threads.close()


_FAILURES = (Stopped, TimedOut, SecretUnavailable, AddressRefused, TransportError, Unsendable, UnicodeError)
"""What a call may end with."""


def _is_success(status: int) -> bool:
    return _SUCCESS <= status < _REDIRECTION


def _problem_of(failure: BaseException, call: Call) -> Answer:
    """The answer of a call that ended before its answer was read."""
    reason, retryable = f"{type(failure).__name__}: {failure}", True
    match failure:
        case Stopped():
            return told_to_end()
        case TimedOut():
            return timed_out(call.timeout_ms)
        case SecretUnavailable():
            return failure.answer()
        case AddressRefused():
            reason, retryable = str(failure), False
        case Unsendable() | UnicodeError():
            reason, retryable = f"the request cannot be made: {failure}", False
    return Answer(Result.FAILED, reason=call.progress.concealed(reason), retryable=retryable)


def _prepared(call: Call, resolver: SecretResolver) -> _Wanted:
    spec = call.target.spec
    check_spelling(_host(spec["url"]))
    url = parsed(spec["url"])
    body, kind = _content(resolver.resolved(spec.get("body")))
    headers, credentials = Headers(kind), list(_CREDENTIALS)
    for name, value in spec.get("headers", {}).items():
        reference = reference_of(value)
        if reference is None:
            headers.update({name: value})
            continue
        headers.update({name: resolver.text(reference, is_sendable)})
        credentials.append(name)
    headers.update(_identity(call))
    authorities = reference_of(spec.get("ca"))
    ca = None if authorities is None else resolver.certificates(authorities, problem_of)
    request = Request(spec["method"], url, headers, body)
    return _Wanted(request, tuple(credentials), refers(spec.get("body")), ca)


def _host(url: str) -> str:
    """The host as it is written in the URL, which may be none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # ``parsed`` refuses it


def _following(request: Request, answering: Answering, wanted: _Wanted) -> Request | None:
    """The request that a redirect asks for; to another origin it goes without credentials and confidential body.

    None if the answer is no redirect, or one (301 to 303) that would drop the body: it asks for another page, instead
    of doing what the job wants.

    Raises:
        RemoteProtocolError: It leads nowhere.
        SecretUnavailable: The body must not go there.
        Unsendable: It leads to what is neither http nor https.
    """
    following = request.redirected(answering.status, answering.fields.get("location"))
    if following is None or (request.body and following.body is None):
        return None
    if sendable(following.url).origin == request.url.origin:
        return following
    if wanted.confidential and following.method == request.method:
        reason = f"the redirect to {following.url.host} was not followed: the body holds a secret"
        raise SecretUnavailable(reason)
    return replace(following, headers=following.headers.without((*wanted.credentials, "Host")))


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """The delay (ms) that a response asks for by Retry-After (RFC 9110, section 10.2.3), or None.

    Args:
        headers: Of the response.
        now_ms: The time (ms), used if Retry-After is a date and the response has no Date header.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return int(text[:_DIGITS]) * SECOND_MS
    until_ms, sent_ms = _date_ms(text), _date_ms(headers.get("date", ""))
    if until_ms is None:
        return None
    return max(0, until_ms - (now_ms if sent_ms is None else sent_ms))


_DIGITS = 9
"""The most digits of a number of seconds that are read; it is some thirty years."""


def _date_ms(text: str) -> int | None:
    """An HTTP-date (RFC 9110, section 5.6.7), or None."""
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware: datetime = date if date.tzinfo else date.replace(tzinfo=UTC)
    return int(aware.timestamp()) * SECOND_MS


def _identity(call: Call) -> Mapping[str, str]:
    """The headers by which a receiver recognises a repeat; a job cannot override them."""
    return {
        "Idempotency-Key": call.execution,
        "Tidewheel-Nominal-Time": str(call.nominal_ms),
        "Tidewheel-Due-Time": str(call.due_ms),
        "Tidewheel-Attempt": str(call.attempt),
        "Tidewheel-Fencing-Token": str(call.attempt),
    }


def _content(body: Any) -> tuple[bytes | None, Mapping[str, str]]:
    if body is None:
        return None, {}
    if isinstance(body, str):
        return body.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}
