"""Where an answer ends, and that nothing behind its end is taken for another."""

from __future__ import annotations

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.connections import END, OK, SILENCE, Lines, Said, answered, http_call, target_over
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.targets.web.answer import Answering
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.adapters.targets.web.errors import RemoteProtocolError
from tidewheel.adapters.targets.web.exchange import Exchange
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result

SUCCESS = Answer(Result.SUCCEEDED, 200, "ok")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Heard:
    """A connection on which these pieces come, and then its end."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def receive(self, _: Countdown) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def answering(*pieces: bytes, method: str = "GET") -> Answering:
    return answering_on(Heard(*pieces), method)


def answering_on(connection: Heard, method: str) -> Answering:
    return Answering(connection, Exchange(), method, Countdown(SystemClock(), 60_000))  # type: ignore[arg-type]


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


WHOLE = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "length said twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"1\r\no\r\n1;name=value\r\nk\r\n0\r\n\r\n",
    "chunks in capitals": CHUNKED.replace(b"chunked", b"Chunked") + b"0002 \r\nok\r\n000\r\n\r\n",
    "trailer": CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    "length beside chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n") + b"2\r\nok\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("size", [1, 3, 1_000])
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_read_to_its_end_and_no_further(data: bytes, size: int) -> None:
    answer = answering(*split(data, size))
    assert b"".join(answer.parts()) == b"ok"
    assert answer.is_complete


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_what_comes_behind_its_end_spoils_the_connection(data: bytes) -> None:
    answer = answering(data + OK)
    assert b"".join(answer.parts()) == b"ok"
    assert not answer.is_complete


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        ("HEAD", CHUNKED),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_what_has_no_body_waits_for_none(method: str, head: bytes) -> None:
    answer = answering(head, method=method)
    assert list(answer.parts()) == []
    assert answer.is_complete


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    answer = answering(b"HTTP/1.1 200 OK\r\n\r\no", b"k")
    assert b"".join(answer.parts()) == b"ok"
    assert not answer.is_complete


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive",
    ],
)
def test_a_connection_that_its_server_closes_is_not_used_again(head: bytes) -> None:
    answer = answering(head + b"\r\nContent-Length: 2\r\n\r\nok")
    assert b"".join(answer.parts()) == b"ok"
    assert not answer.is_complete


BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
    *(
        CHUNKED + rest
        for rest in (b"", b"2", b"2\r\no", b"2\r\nok", b"2\r\nok\r\n", b"2\r\nok\r\n0\r\n", b"0\r\nX: y\r\n")
    ),
    *(
        CHUNKED + size + b"\r\nok\r\n0\r\n\r\n"
        for size in (b"-2", b"+2", b"0x2", b"2_0", b"", b" 2", b"g", b"2 x", b"1" * 17)
    ),
    CHUNKED + b"2\nok\n0\n\n",
    CHUNKED + b"2\r\noks\r\n0\r\n\r\n",
    CHUNKED + b"1" * 20_000,
    CHUNKED + b"0\r\n" + b"X-More: yes\r\n" * 2_000 + b"\r\n",
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_a_body_that_does_not_end_as_it_says_is_broken(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(answering(*split(data, 5_000)).parts())


@pytest.mark.parametrize(
    "head",
    [
        *(b"Content-Length: " + length for length in (b"-1", b"+1", b"1_0", b"0x1", b"1 1", b"", b"9" * 21, b"1, 2")),
        b"Content-Length: 1\r\nContent-Length: 2",
        *(
            b"Transfer-Encoding: " + coding
            for coding in (b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"")
        ),
        b"HTTP/1.1 200 OK",
    ],
)
def test_a_head_that_does_not_say_plainly_where_the_body_ends_is_refused(head: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nok")


@pytest.mark.parametrize(
    "said",
    [
        b"220 mail.example ready\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"\r\n",
        b"HTTP/1.1 +20 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nwhat?\r\n",
    ],
)
def test_what_is_not_http_is_not_waited_for(said: bytes) -> None:
    answer = answered(said, SILENCE)
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, True)
    assert answer.reason.startswith("RemoteProtocolError: ")


def test_interim_answers_without_end_are_no_answer() -> None:
    def interim() -> Iterator[Said]:
        while True:
            yield b"HTTP/1.1 102 Processing\r\n\r\n" * 100

    with target_over(Lines([interim()])) as target:
        assert target.call(http_call()).reason.startswith("RemoteProtocolError: no head of an answer")


def test_fields_are_read_as_most_servers_mean_them() -> None:
    head = "HTTP/1.1 200 OK\r\nA: b\r\n  c\r\na:d\r\nB: ü\r\nE:\r\n\r\n".encode()
    assert answering(head).fields == {"a": "b c, d", "b": "ü", "e": ""}
    assert answering(b"HTTP/1.1 200 OK\r\nB: \xfc\r\n\r\n").fields == {"b": "ü"}


def test_an_answer_out_of_turn_is_nobodys() -> None:
    """A server that says more than it was asked must not answer the next job's request."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    lines = Lines([OK + forged], [OK])
    with target_over(lines) as target:
        assert [target.call(http_call()) for _ in range(2)] == [SUCCESS] * 2
    assert [line.requests for line in lines.made] == [1, 1]


def test_nor_is_one_that_comes_while_nobody_asks() -> None:
    lines = Lines([OK, OK, END], [OK])
    with target_over(lines) as target:
        assert target.call(http_call()) == SUCCESS
        lines.made[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        assert target.call(http_call()) == SUCCESS
    assert [line.requests for line in lines.made] == [1, 1]


# --- against another reader -------------------------------------------------------------------------------------------

HEADS = st.lists(
    st.sampled_from(
        [
            *(
                b"Content-Length: 0",
                b"Content-Length: 2",
                b"Content-Length: 5",
                b"content-length: 2",
                b"Content-Length: x",
            ),
            *(b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: gzip"),
            *(b"Connection: close", b"Connection: keep-alive", b"A: b", b"A: c", b"X-Folded: d\r\n e"),
        ]
    ),
    max_size=4,
)
BODIES = st.lists(
    st.sampled_from([b"ok", b"0\r\n\r\n", b"2\r\nok\r\n", b"5;x=y\r\nhello\r\n", b"A: b\r\n", b"\r\n", b"f\r\n", b"1"]),
    max_size=5,
).map(b"".join)
STATUSES = st.sampled_from([b"200 OK", b"204 No", b"304 Not", b"404", b"500 "])


def by_h11(data: bytes, method: str) -> tuple[int, bytes, bool] | None:
    """Status, body and whether the connection is good for another request; None: it refuses the answer."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    status, body, ended = 0, b"", False
    try:
        while True:
            event = reader.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body, reader.their_state is h11.DONE and not ended and not reader.trailing_data[0]
            elif event is h11.NEED_DATA:
                if ended:
                    return None
                ended = True
                reader.receive_data(b"")
            else:
                return None
    except h11.RemoteProtocolError:
        return None


@given(STATUSES, HEADS, BODIES, st.sampled_from(["GET", "HEAD"]), st.integers(1, 40))
def test_h11_reads_the_same(status: bytes, lines: list[bytes], body: bytes, method: str, size: int) -> None:
    data = b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]) + body
    connection = Heard(*split(data, size))
    try:
        answer = answering_on(connection, method)
        ours = (answer.status, b"".join(answer.parts()), answer.is_complete and not connection.pieces)
    except RemoteProtocolError:
        assert by_h11(data, method) is None
        return
    theirs = by_h11(data, method)
    assert ours == theirs
