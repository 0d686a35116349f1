"""What is repaired in the head of an answer, and what is left alone."""

from __future__ import annotations

import pytest

from tidewheel.adapters.targets.web.heads import repaired

SOUND = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200\nA: b\n\n",
    b"HTTP/1.1 200 OK: fine\r\nA:b\r\nb-c:  d  e \r\nX:\r\nX: \xe9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
]
MENDED = {
    b"X Bad: 1\r\nA: b": b"A: b\r\nConnection: close",
    b"A: b\r\nno colon": b"A: b\r\nConnection: close",
    b": no name\r\n folded": b"Connection: close",
    b" folded first\r\nA: b": b"A: b\r\nConnection: close",
    b"A: b\r\nX Bad: 1\r\n of it\r\nC: d": b"A: b\r\nC: d\r\nConnection: close",
    b"A: x\x00y\r\nB: x\ry": b"Connection: close",
    b"A : b": b"A: b",
    b"Content-Length : 2": b"Content-Length: 2",
}
FRAMING = [b"Content-Length: 2\x00\r\nX Bad: 1", b"Transfer-Encoding", b": Content-Length: 2", b"content-length 2"]


@pytest.mark.parametrize("head", SOUND)
def test_a_sound_head_stays_as_it_is(head: bytes) -> None:
    assert repaired(head) is head


@pytest.mark.parametrize(("lines", "left"), MENDED.items())
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Hints: more\r\nLink: x\r\n\r\n"])
def test_a_line_that_is_no_field_goes_alone(lines: bytes, left: bytes, before: bytes) -> None:
    status = b"HTTP/1.1 200 OK: fine\r\n"
    assert repaired(before + status + lines + b"\r\n\r\n") == before + status + left + b"\r\n\r\n"


@pytest.mark.parametrize("lines", FRAMING)
def test_what_may_say_where_the_body_ends_is_not_guessed_at(lines: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n"
    assert repaired(head) is head
