"""A request's bytes, and that nothing a job or a server names gets into them as something else."""

from __future__ import annotations

import pytest

from tidewheel.adapters.targets.web.errors import Unsendable
from tidewheel.adapters.targets.web.request import Headers, Request
from tidewheel.adapters.targets.web.url import parsed

URL = parsed("http://a.example:81/x?y")


def test_head_and_body_go_in_one_piece() -> None:
    sent = Request("POST", URL, Headers({"X-A": "b", "accept": "c"}), b"body").encoded()
    assert sent == (
        b"POST /x?y HTTP/1.1\r\nHost: a.example:81\r\naccept: c\r\nAccept-Encoding: gzip, deflate\r\n"
        b"Connection: keep-alive\r\nUser-Agent: tidewheel\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody"
    )


@pytest.mark.parametrize("body", [None, b""])
@pytest.mark.parametrize(
    ("method", "told"),
    [("POST", True), ("PUT", True), ("PATCH", True)] + [(name, False) for name in ("GET", "HEAD", "DELETE", "OPTIONS")],
)
def test_who_may_have_a_body_says_that_there_is_none(method: str, told: bool, body: bytes | None) -> None:
    assert (b"Content-Length: 0\r\n" in Request(method, URL, Headers(), body).encoded()) is told


def test_the_length_is_the_bodys_whatever_a_header_says() -> None:
    sent = Request("POST", URL, Headers({"content-length": "3"}), b"body").encoded()
    assert sent.count(b"ontent-") + sent.count(b"ontent-".upper()) == 1
    assert b"Content-Length: 4\r\n" in sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-B: c"),
        ("X-A", "b\nX-B: c"),
        ("X-A", "b\rX-B: c"),
        ("X-A", "b\x00"),
        ("X-A", " b"),
        ("X-A", "b "),
        ("X-A", "\u2028"),
        ("X-A", "ü"),
        ("X-A\r\nX-B", "c"),
        ("X-A: b\r\nX-B", "c"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
        ("X-Ü", "b"),
    ],
)
def test_what_no_header_can_hold_is_not_sent(name: str, value: str) -> None:
    with pytest.raises(Unsendable):
        Request("GET", URL, Headers({name: value}), None).encoded()


def test_a_value_that_cannot_be_sent_is_not_shown() -> None:
    with pytest.raises(Unsendable, match=r"^the header 'X-A' cannot be sent$"):
        Request("GET", URL, Headers({"X-A": "s3cret\n"}), None).encoded()


def test_a_name_in_another_case_is_the_same_name() -> None:
    headers = Headers({"X-A": "b"})
    headers.update({"x-a": "c"})
    assert list(headers) == [("x-a", "c")]
    assert "X-a" in headers
    assert list(headers.without(["X-A"])) == []


def test_credentials_of_a_redirects_url_are_sent_as_such() -> None:
    for url, sent in {"http://u:p%40@a/": b"Basic dTpwQA==", "http://u@a/": b"Basic dTo="}.items():
        assert b"Authorization: " + sent in Request("GET", parsed(url), Headers(), None).encoded()


@pytest.mark.parametrize(
    ("method", "status", "follows"),
    [
        *((method, 307, method) for method in ("GET", "POST", "PUT", "DELETE", "HEAD")),
        *((method, 303, "GET") for method in ("GET", "POST", "PUT", "DELETE")),
        *(("POST", 301, "GET"), ("PUT", 301, "PUT"), ("HEAD", 301, "HEAD"), ("HEAD", 302, "HEAD"), ("PUT", 302, "GET")),
    ],
)
def test_the_method_that_a_redirect_asks_for(method: str, status: int, follows: str) -> None:
    following = Request(method, URL, Headers(), b"body").redirected(status, "/z")
    assert following is not None
    assert (following.method, str(following.url)) == (follows, "http://a.example:81/z")
    assert following.body == (b"body" if method == follows else None)


@pytest.mark.parametrize(("status", "location"), [(300, "/z"), (304, "/z"), (200, "/z"), (302, None)])
def test_what_is_no_redirect(status: int, location: str | None) -> None:
    assert Request("GET", URL, Headers(), None).redirected(status, location) is None
