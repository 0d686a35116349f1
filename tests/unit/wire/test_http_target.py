"""The URL and the CAs of an HTTP target on the wire."""

from __future__ import annotations

import pytest

from tidewheel.adapters.targets.web.url import parsed
from tidewheel.wire.bodies.target import MAX_URL
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused

URLS = {
    "https://example.com/straße/☕?q=größe&x=%C3%A4%20+": "https://example.com/stra%C3%9Fe/%E2%98%95?q=gr%C3%B6%C3%9Fe&x=%C3%A4%20+",
    "https://bücher.example/": "https://xn--bcher-kva.example/",
    "https://BÜCHER.example:8443/A?B": "https://xn--bcher-kva.example:8443/A?B",
    "https://bu\u0308cher.example": "https://xn--bcher-kva.example",
    "https://straße.example/": "https://xn--strae-oqa.example/",
    "https://例え。テスト/": "https://xn--r8jz45g.xn--zckzah/",
    "https://правда.рф?ключ=да": "https://xn--80aafi6cg.xn--p1ai?%D0%BA%D0%BB%D1%8E%D1%87=%D0%B4%D0%B0",
    "https://xn--bcher-kva.example/ä": "https://xn--bcher-kva.example/%C3%A4",
    "https://[2001:db8::1]:8443/ä": "https://[2001:db8::1]:8443/%C3%A4",
    "https://example.com/%zz%": "https://example.com/%zz%",
    "https://example.com/%E4%?ä": "https://example.com/%E4%?%C3%A4",
    "https://Example.com/a:b@c;d='e'?": "https://Example.com/a:b@c;d='e'?",
}


def target(url="https://a.example/", **fields):
    return {"kind": "http", "url": url} | fields


def read(spec):
    return read_job({"name": "a", "target": spec}).target


def refused(spec):
    with pytest.raises(Refused) as found:
        read(spec)
    (one,) = found.value.errors
    return one


@pytest.mark.parametrize(("written", "kept"), URLS.items())
def test_a_url_in_any_language_is_kept_as_it_is_sent(written, kept):
    assert read(target(written)).url == kept
    assert read(target(kept)).url == kept, "what was answered may be written back"


@pytest.mark.parametrize("kept", [url for url in URLS.values() if "%zz" not in url and "%?" not in url])
def test_nothing_is_encoded_once_more_when_it_is_sent(kept):
    sent = parsed(kept)
    assert kept.lower() in {
        str(sent).lower(),
        str(sent).lower().removesuffix("/"),
        str(sent).lower().replace("/?", "?", 1),
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://exa\u202emple.com/",
        "https://example.com/a\u2028b",
        "https://example.com/a\u00a0b",
        "https://example.com/\ud800",
        "https://-ü.example/",
        "https://ü..example/",
        "https://ü%2f.example/",
        "https://exa\u2100mple.com/",
        "https://ü.example:port/",
        "https://zoë@ü.example/",
        f"https://{'ü' * 80}.example/",
        f"https://example.com/{'☕' * 300}",
    ],
)
def test_what_is_no_url_in_any_language(url):
    assert refused(target(url)).field == "target.url"


def test_a_url_that_grows_too_long_says_how_long_it_is():
    assert f"has {20 + 9 * 300} characters" in refused(target(f"https://example.com/{'☕' * 300}")).problem
    assert len(read(target(f"https://example.com/{'☕' * 225}")).url) == MAX_URL - 3


@pytest.mark.parametrize("ca", [{"secret": "corp-ca"}, {"secret": "corp", "key": "ca"}])
def test_a_private_ca_is_a_secret(ca):
    found = read(target(ca=ca))
    assert found.model_dump(mode="json")["ca"] == {"key": "", "prefix": ""} | ca
    assert "ca" not in read(target()).model_dump(mode="json")


@pytest.mark.parametrize(
    ("ca", "field"),
    [
        ("-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----", "target.ca"),
        ("corp-ca", "target.ca"),
        (7, "target.ca"),
        ({}, "target.ca.secret"),
        ({"secret": "a/b"}, "target.ca.secret"),
        ({"secret": "a", "prefix": "Bearer "}, "target.ca"),
    ],
)
def test_what_is_no_private_ca(ca, field):
    one = refused(target(ca=ca))
    assert one.field == field
    assert one.remedy
    assert "MII" not in one.problem


def test_a_private_ca_is_of_no_use_without_tls():
    assert refused(target("http://a.example/", ca={"secret": "corp"})).field == "target.ca"
    assert refused(target("HTTPS://:x", ca={"secret": "corp"})).field == "target.url"
