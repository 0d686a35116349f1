"""HTTP answers, cut into pieces in every way, and what is no answer."""

from __future__ import annotations

import pytest

from tidewheel.adapters.aws.transport.reply import Ended, Garbled, Reply, read


class Pieces:
    """The bytes of a connection as they arrive."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = list(pieces)

    def __call__(self, most: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > most:
            self.pieces.insert(0, piece[most:])
        return piece[:most]


def one_by_one(data: bytes) -> Pieces:
    return Pieces(*(data[at : at + 1] for at in range(len(data))))


WHOLE = {
    "a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Amzn-RequestId:  r \r\n\r\nhello",
        Reply(200, {"content-length": "5", "x-amzn-requestid": "r"}, b"hello"),
    ),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reply(200, {"content-length": "0"}, b"")),
    "no reason": (b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", Reply(503, {"content-length": "0"}, b"")),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n",
        Reply(200, {"transfer-encoding": "chunked"}, b"hello"),
    ),
    "chunks and trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00\r\nA: b\r\nC: d\r\n\r\n",
        Reply(200, {"transfer-encoding": "Chunked"}, b"hello"),
    ),
    "up to the end": (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", Reply(200, {"a": "b"}, b"hello", last=True)),
    "the older version": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        Reply(200, {"content-length": "5"}, b"hello", last=True),
    ),
    "the last one": (
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello",
        Reply(200, {"connection": "x, Close", "content-length": "5"}, b"hello", last=True),
    ),
    "after a provisional one": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        Reply(200, {"content-length": "5"}, b"hello"),
    ),
    "a header twice": (
        b"HTTP/1.1 200 OK\r\nA: b\r\na: c\r\nContent-Length: 0\r\n\r\n",
        Reply(200, {"a": "b, c", "content-length": "0"}, b""),
    ),
    "nothing by its status": (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, {}, b"")),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_answer(case: str) -> None:
    data, reply = WHOLE[case]
    assert read(Pieces(data)) == reply
    assert read(one_by_one(data)) == reply


@pytest.mark.parametrize("case", [case for case in WHOLE if case != "up to the end"])
def test_what_follows_an_answer_ends_the_connections_use(case: str) -> None:
    data, reply = WHOLE[case]
    assert read(Pieces(data + b"H")).content == reply.content
    assert read(Pieces(data + b"H")).last


GARBLED = {
    "no status": b"hello\r\n\r\n",
    "another protocol": b"HTTP/2 200 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "no header": b"HTTP/1.1 200 OK\r\nhello\r\n\r\n",
    "a header that goes on": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "a length below nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "digits of another script": "HTTP/1.1 200 OK\r\nContent-Length: \u0665\r\n\r\nhello".encode(),
    "a length beyond bounds": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "a coding and a length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "a size beyond bounds": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    "a size of too many digits": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000000001\r\n",
    "a chunk that is longer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
    "bare line ends": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
}


@pytest.mark.parametrize("case", GARBLED)
def test_what_is_no_answer(case: str) -> None:
    with pytest.raises(Garbled):
        read(Pieces(GARBLED[case]))


@pytest.mark.parametrize("case", [case for case in WHOLE if case != "up to the end"])
def test_an_answer_that_is_cut_off_anywhere_is_none(case: str) -> None:
    data, _ = WHOLE[case]
    for length in range(1, len(data)):
        with pytest.raises(Garbled):
            read(Pieces(data[:length]))
        with pytest.raises(ConnectionResetError):
            read(Pieces(data[:length], ConnectionResetError()))


def test_nothing_at_all_is_told_apart_from_part_of_an_answer() -> None:
    for nothing in (Pieces(), Pieces(ConnectionResetError()), Pieces(BrokenPipeError())):
        with pytest.raises(Ended):
            read(nothing)


def test_time_that_is_up_is_no_end() -> None:
    with pytest.raises(TimeoutError):
        read(Pieces(TimeoutError()))


def test_a_body_up_to_the_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewheel.adapters.aws.transport.reply._MOST_BODY_BYTES", 100)
    with pytest.raises(Garbled):
        read(Pieces(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 60] * 2))


def test_chunks_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewheel.adapters.aws.transport.reply._MOST_BODY_BYTES", 100)
    chunk = b"3c\r\n" + b"x" * 60 + b"\r\n"
    with pytest.raises(Garbled):
        read(Pieces(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk, b"0\r\n\r\n"))
