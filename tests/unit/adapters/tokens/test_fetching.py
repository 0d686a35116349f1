"""An issuer's keys are read from where they are published, and an issuer gone bad holds nobody up."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.support.authorities import Issued, issued
from tests.support.issuing import ISSUER, NOW_S, jwk, rsa_key, token
from tests.support.spoken import HOST, Spoken, speaking
from tidewheel.adapters.memory import MemoryApiKeys, SettableClock, World
from tidewheel.adapters.tokens import fetching
from tidewheel.adapters.tokens.fetching import BOUND_MS, MAX_BYTES, fetch
from tidewheel.adapters.tokens.key_sets import FETCH_EVERY_MS, KeySet
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.domain.errors import Unauthenticated
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.ports import PortError

pytestmark = pytest.mark.allow_hosts([HOST])

KEYS = json.dumps({"keys": [jwk("one", rsa_key())]}).encode()
OK = b"HTTP/1.1 200 OK\r\n"


def told(body: bytes, head: bytes = OK) -> list[bytes]:
    return [head + b"Content-Length: %d\r\n\r\n" % len(body), body]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW_S * 1_000)


def read(says: Callable[[], Iterable[bytes]], clock: SettableClock) -> bytes:
    with speaking(says) as server:
        return fetch(server.url("/keys"), clock)


def refused(says: Callable[[], Iterable[bytes]], clock: SettableClock) -> str:
    with pytest.raises(PortError) as caught:
        read(says, clock)
    return caught.value.problem


def test_the_document_is_read_whatever_its_framing(clock: SettableClock) -> None:
    whole = [
        told(KEYS),
        [OK + b"\r\n", KEYS],  # its end is the connection's
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(KEYS), KEYS)],
        [bytes([one]) for one in b"".join(told(KEYS))],
        [b"HTTP/1.1 100 Continue\r\n\r\n", *told(KEYS)],
    ]
    assert [read(partial(iter, said), clock) for said in whole] == [KEYS] * len(whole)


def test_the_request_asks_for_the_path_and_sends_nothing_of_its_own(clock: SettableClock) -> None:
    with speaking(lambda: told(KEYS)) as server:
        fetch(server.url("/realm/keys?set=a"), clock)
        fetch(server.url(""), clock)
    first, second = (request.decode().split("\r\n") for request in server.requests)
    assert (first[0], second[0]) == ("GET /realm/keys?set=a HTTP/1.1", "GET / HTTP/1.1")
    names = sorted(line.partition(":")[0] for line in first[1:] if line)
    assert names == ["Accept", "Accept-Encoding", "Host"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(clock: SettableClock, status: int) -> None:
    with speaking(lambda: told(KEYS)) as elsewhere:
        head = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\n" % (status, elsewhere.url("/keys").encode())
        assert refused(lambda: told(b"", head), clock) == f"it answered {status}"
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 429, 500, 502, 503])
def test_any_other_answer_than_the_document_is_a_failure(clock: SettableClock, status: int) -> None:
    assert refused(lambda: told(KEYS, b"HTTP/1.1 %d Told\r\n" % status), clock) == f"it answered {status}"


@pytest.mark.parametrize(
    "said",
    [
        [],
        [b"\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b"HTTP/1.1 fine OK\r\n\r\n"],
        [OK, b"a: b\r\n" * 200, b"\r\n"],
        [OK + b"long: " + b"a" * 70_000 + b"\r\n\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"many\r\n"],
    ],
)
def test_what_is_no_answer_is_a_failure(clock: SettableClock, said: list[bytes]) -> None:
    assert refused(lambda: said, clock)


def test_a_document_without_end_is_read_up_to_its_bound(clock: SettableClock) -> None:
    said = itertools.count()

    def endless() -> Iterator[bytes]:
        yield OK + b"\r\n"
        for _ in said:
            yield b" " * 1_024

    assert refused(endless, clock) == f"it has more than {MAX_BYTES} bytes"
    assert read(lambda: told(b" " * MAX_BYTES), clock) == b" " * MAX_BYTES


@pytest.mark.parametrize(
    ("begins", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 ", b"O"),
        (OK + b"a: ", b"b"),
        (OK + b"\r\n", b" "),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_what_comes_drop_by_drop_is_not_waited_for(clock: SettableClock, begins: bytes, drop: bytes) -> None:
    """The server goes on until it is left: without a bound of the whole this test would have no end."""

    def dripping() -> Iterator[bytes]:
        yield begins
        while True:
            clock.advance(SECOND_MS)
            yield drop

    assert refused(dripping, clock) == f"TimeoutError: it took longer than {BOUND_MS} ms"


@pytest.mark.parametrize("begins", [b"", OK, OK + b"Content-Length: 9\r\n\r\n{"])
def test_silence_is_not_waited_for(clock: SettableClock, begins: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.05)
    over = threading.Event()

    def silent() -> Iterator[bytes]:
        yield begins
        over.wait()

    with speaking(silent) as server:
        with pytest.raises(PortError, match="TimeoutError"):
            fetch(server.url("/keys"), clock)
        over.set()


def test_nobody_there_is_a_failure(clock: SettableClock) -> None:
    with speaking(list) as server:
        pass
    with pytest.raises(PortError, match="ConnectionRefusedError"):
        fetch(server.url("/keys"), clock)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/keys",
        "http://10.0.0.1/keys",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1.example.com/keys",
        "http://127.0.0.1@example.com/keys",
        "http://localhost.example.com/keys",
        "http://2130706433/keys",
        "http://[::ffff:10.0.0.1]/keys",
        "file:///etc/passwd",
        "ftp://127.0.0.1/keys",
        "//127.0.0.1/keys",
        "https:///keys",
        "https://example.com:99999/keys",
        "https://[::1/keys",
        "",
    ],
)
def test_only_what_is_encrypted_or_of_this_machine_is_asked(url: str, clock: SettableClock) -> None:
    """Sockets are open to the loopback address alone, so that a request would fail otherwise."""
    with pytest.raises(PortError, match="it is no https URL"):
        fetch(url, clock)


def test_a_host_that_cannot_be_a_name_is_a_failure(clock: SettableClock) -> None:
    with pytest.raises(PortError, match="UnicodeError"):
        fetch("https://example..com/keys", clock)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Issued:
    made = issued("a test's authority", authority=True)
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(made.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return made


def shown(certificate: Issued, folder: Path) -> ssl.SSLContext:
    path = folder / "shown.pem"
    path.write_text(certificate.pem + certificate.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_tls_is_checked(authority: Issued, tmp_path: Path, clock: SettableClock) -> None:
    with speaking(lambda: told(KEYS), shown(issued(HOST, authority), tmp_path)) as server:
        assert fetch(server.url("/keys", "https"), clock) == KEYS
    for wrong in (issued("127.0.0.2", authority), issued(HOST, issued("another", authority=True)), issued(HOST)):
        context = shown(wrong, tmp_path)
        with (
            speaking(lambda: told(KEYS), context) as server,
            pytest.raises(PortError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            fetch(server.url("/keys", "https"), clock)
        assert server.requests == []


def key_set(server: Spoken, clock: SettableClock) -> KeySet:
    return KeySet(server.url("/keys"), partial(fetch, clock=clock), clock)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"\xff\xfe",
        KEYS[:-20],
        b"[]",
        b'{"keys": 7}',
        b"[" * 200_000,
        json.dumps({"keys": [{"kid": str(number)} for number in range(101)]}).encode(),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_set_of_keys_lets_nobody_in_and_displaces_none(clock: SettableClock, body: bytes) -> None:
    bodies = [KEYS, body, KEYS]
    with speaking(lambda: told(bodies.pop(0))) as server:
        keys = key_set(server, clock)
        assert keys.get("one") == jwk("one", rsa_key())
        clock.advance(FETCH_EVERY_MS)
        assert keys.get("two") is None  # has the set read, in vain
        assert keys.get("one") == jwk("one", rsa_key())
        clock.advance(FETCH_EVERY_MS)
        assert keys.get("two") is None
    assert (len(server.requests), bodies) == (3, [])


def signing_in(server: Spoken, clock: SettableClock) -> SignIn:
    issuer = replace(ISSUER, jwks_url=server.url("/keys"))
    return SignIn(MemoryApiKeys(World()), clock, JwtVerifier([issuer], partial(fetch, clock=clock), clock))


def test_a_flood_of_made_up_key_ids_asks_the_issuer_twice(clock: SettableClock) -> None:
    with speaking(lambda: told(KEYS)) as server:
        sign_in = signing_in(server, clock)
        for number in range(500):
            with pytest.raises(Unauthenticated):
                sign_in.grant(f"Bearer {token(kid=f'made up {number}')}")
        assert sign_in.grant(f"Bearer {token()}").principal.tenant == "acme"
        clock.advance(FETCH_EVERY_MS)
        with pytest.raises(Unauthenticated):
            sign_in.grant(f"Bearer {token(kid='another')}")
    assert len(server.requests) == 2
