"""URLs as they are sent, and where redirects lead."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.adapters.targets.web.errors import InvalidUrl, Unsendable
from tidewheel.adapters.targets.web.url import Origin, Url, parsed, sendable

SENT = {
    "https://example.com": ("https", "example.com", 443, "/"),
    "HTTP://Example.COM:80/A?B": ("http", "example.com", 80, "/A?B"),
    "http://example.com:8080?q": ("http", "example.com", 8080, "/?q"),
    "http://example.com/?": ("http", "example.com", 80, "/?"),
    "http://example.com/a/./b/../c#part": ("http", "example.com", 80, "/a/c"),
    "http://example.com/../..": ("http", "example.com", 80, "/"),
    "http://example.com/%zz%/%C3%A4?%": ("http", "example.com", 80, "/%zz%/%C3%A4?%"),
    'http://example.com/a b"{}`<>?a b"{}`': ("http", "example.com", 80, "/a%20b%22%7B%7D%60%3C%3E?a%20b%22{}`"),
    "http://example.com/ü?ö": ("http", "example.com", 80, "/%C3%BC?%C3%B6"),
    "http://bücher.example/": ("http", "xn--bcher-kva.example", 80, "/"),
    "http://[2001:db8::1]:8080/": ("http", "2001:db8::1", 8080, "/"),
    "http://user:word@example.com/": ("http", "example.com", 80, "/"),
    "http://a\\@b.example/": ("http", "b.example", 80, "/"),
    "http://a%0d%0ab/": ("http", "a%0d%0ab", 80, "/"),
    "http://a b/": ("http", "a%20b", 80, "/"),
}


@pytest.mark.parametrize(("text", "expected"), SENT.items())
def test_a_url_is_sent_so(text: str, expected: tuple[str, str, int, str]) -> None:
    url = parsed(text)
    scheme, host, port, target = expected
    assert (url.origin, url.target) == (Origin(scheme, host, port), target)
    assert parsed(str(url)) == url


@pytest.mark.parametrize(
    ("text", "netloc"),
    [("http://a:80/", "a"), ("https://a:80/", "a:80"), ("http://[::1]:8/", "[::1]:8"), ("http://u:p@a/", "a")],
)
def test_host_and_port_as_a_server_is_told(text: str, netloc: str) -> None:
    assert parsed(text).netloc == netloc


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "//a/", "/a", "ftp://a/", "http://", "http:///a", "http:a", "http://:80/", "mailto:a@b"),
        *("http://a\r\nb/", "http://a/\x00", "http://a/\tb", "http://[::1", "http://[::1]x/", "http://[a]/"),
        *("http://a:b/", "http://a:-1/", "http://a:65536/", "http://a:8_0/", "http://a:\u0663/", "http://a:1:2/"),
        *("http://1.2.3.256/", "http://01.2.3.4/", "http://ü\u202e.example/", "http://-ü/"),
    ],
)
def test_what_cannot_be_called(text: str) -> None:
    with pytest.raises(Unsendable):
        parsed(text)


LOCATIONS = {
    "/b": "https://a.example:8443/b",
    "b?c": "https://a.example:8443/x/b?c",
    "../b": "https://a.example:8443/b",
    "?c": "https://a.example:8443/x/y?c",
    "": "https://a.example:8443/x/y?z",
    "#part": "https://a.example:8443/x/y?z",
    "//b.example/c": "https://b.example/c",
    "http://b.example": "http://b.example",
    "https:/c": "https://a.example/c",
    "/ü/../b": "https://a.example:8443/b",
    "ftp://b.example/": "ftp://b.example/",
}


@pytest.mark.parametrize(("location", "leads_to"), LOCATIONS.items())
def test_where_a_redirect_leads(location: str, leads_to: str) -> None:
    assert str(parsed("https://a.example:8443/x/y?z").joined(location)) == leads_to


@pytest.mark.parametrize("location", ["https:c", "mailto:a@b", "http://[::1", "http://a:b/", "/a\r\nb", ":a"])
def test_a_redirect_that_leads_nowhere(location: str) -> None:
    with pytest.raises(InvalidUrl):
        parsed("https://a.example/").joined(location)


def test_what_is_neither_http_nor_https_is_not_called() -> None:
    with pytest.raises(Unsendable, match=r"^ftp://b"):
        sendable(parsed("https://a.example/").joined("ftp://b.example/"))


PIECES = st.text("aZ09.-_~:/?#[]@!$&'()*+,;=% ü☂\\\"<>{}|^`", max_size=12)


def read_by_httpx(text: str) -> httpx.URL | None:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL:
        return None


@given(PIECES, PIECES, PIECES)
def test_a_url_is_what_the_command_lines_library_reads(host: str, path: str, query: str) -> None:
    """Two readers that disagree about a host would let one of them be led somewhere else."""
    text = f"http://{host}/{path}?{query}"
    theirs = read_by_httpx(text)
    try:
        ours: Url | None = parsed(text)
    except Unsendable:
        ours = None
    if ours is not None and theirs is not None:
        assert (ours.host, ours.target) == (theirs.raw_host.decode(), theirs.raw_path.decode())
        assert ours.netloc == theirs.netloc.decode()
    if ours is not None:
        assert theirs is not None
        assert ours.target.isascii()
        assert ours.target.isprintable()
        assert " " not in ours.netloc + ours.target
