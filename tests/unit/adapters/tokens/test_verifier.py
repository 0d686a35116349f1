"""Tokens that a stranger could make up are refused, each for its own reason; and good ones are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.issuing import ISSUER, NOW_S, Published, claims, ec_key, jwk, public_pem, rsa_key, token
from tidewheel.adapters.memory import MemoryApiKeys, SettableClock, World
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.issuer import LEEWAY_S
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Unauthenticated
from tidewheel.engine.access.sign_in import SignIn


class Desk:
    """Signing in with tokens of ``ISSUER``."""

    def __init__(self, *keys: dict[str, Any], issuers: Any = (ISSUER,)) -> None:
        self.published, self.clock = Published(*keys), SettableClock(NOW_S * 1_000)
        verifier = JwtVerifier(issuers, self.published.fetch, self.clock)
        self.sign_in = SignIn(MemoryApiKeys(World()), self.clock, verifier)

    def grant(self, text: str) -> Grant:
        return self.sign_in.grant(f"Bearer {text}")

    def refuses(self, text: str) -> None:
        with pytest.raises(Unauthenticated):
            self.grant(text)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("key", "alg", "kid"), [(None, "RS256", "one"), (ec_key(), "ES256", "two")])
def test_a_good_token_says_who_and_what(key: Any, alg: str, kid: str) -> None:
    grant = Desk().grant(token(key, alg=alg, kid=kid))
    who = grant.principal
    assert (who.tenant, who.name, who.role) == ("acme", f"{ISSUER.issuer}|ada", Role.EDITOR)
    assert (who.kinds, who.key, grant.until_ms) == (frozenset({"python"}), "", (NOW_S + 600 + LEEWAY_S) * 1_000)


def test_a_token_without_a_signature_is_refused() -> None:
    for alg in ("none", "None", "NONE", ""):
        Desk().refuses(f"{encoded({'alg': alg, 'kid': 'one', 'typ': 'JWT'})}.{encoded(claims())}.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    for secret in (public_pem(rsa_key()), json.dumps(jwk("one", rsa_key())).encode()):
        signed = f"{encoded({'alg': 'HS256', 'kid': 'one', 'typ': 'JWT'})}.{encoded(claims())}"
        mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
        Desk().refuses(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


def test_a_secret_key_in_the_set_signs_nothing() -> None:
    key = {"kty": "oct", "kid": "one", "k": base64.urlsafe_b64encode(b"k" * 32).decode(), "alg": "HS256"}
    signed = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{encoded(claims())}"
    mac = hmac.digest(b"k" * 32, signed.encode(), hashlib.sha256)
    Desk(key).refuses(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example.com/"},
        {"iss": None},
        {"iss": [ISSUER.issuer]},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another"]},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"exp": NOW_S - LEEWAY_S},
        {"exp": "later"},
        {"nbf": NOW_S + LEEWAY_S + 1},
        {"iat": NOW_S + LEEWAY_S + 1},
        {"org": None},
        {"org": "Not a tenant"},
        {"org": ["acme"]},
        {"groups": None},
        {"groups": ["staff"]},
        {"groups": {"editors": True}},
    ],
    ids=str,
)
def test_claims_that_are_missing_or_wrong_are_refused(changes: dict[str, Any]) -> None:
    desk = Desk()
    try:
        made = token(**changes)
    except TypeError:  # the library does not even sign it
        made = f"{encoded({'alg': 'RS256', 'kid': 'one'})}.{encoded(claims(**changes))}.AAAA"
    desk.refuses(made)


def test_clocks_may_be_a_minute_apart() -> None:
    desk = Desk()
    for changes in ({"exp": NOW_S - LEEWAY_S + 1}, {"nbf": NOW_S + LEEWAY_S}, {"iat": NOW_S + LEEWAY_S}):
        assert desk.grant(token(**changes)).principal.tenant == "acme"


def test_another_key_or_a_changed_claim_is_refused() -> None:
    desk = Desk()
    desk.refuses(token(rsa_key(2048, 1)))
    head, _, signature = token().split(".")
    desk.refuses(f"{head}.{encoded(claims(org='other'))}.{signature}")
    desk.refuses(token(kid="made up"))
    desk.refuses(token(kid=None))
    desk.refuses(token(kid="two"))  # a key of another type
    desk.refuses(token(header={"crit": ["x"], "x": 1}))


def test_an_algorithm_that_is_not_listed_is_refused_whatever_the_key() -> None:
    Desk().refuses(token(alg="RS512"))
    Desk(jwk("one", rsa_key(), alg="RS512")).refuses(token())
    assert Desk(jwk("one", rsa_key(), alg="RS256")).grant(token())


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_short_key_is_refused() -> None:
    Desk(jwk("one", rsa_key(1024))).refuses(token(rsa_key(1024)))


def test_what_a_header_says_of_keys_and_urls_is_not_followed() -> None:
    own = rsa_key(2048, 1)
    desk = Desk()
    desk.refuses(
        token(own, header={"jwk": jwk("one", own), "jku": "https://evil.example.com/keys", "x5u": "https://e"})
    )
    assert desk.published.reads == 1


def test_an_issuer_with_two_audiences_is_two_entries() -> None:
    other = replace(ISSUER, audience="ours", tenant="acme", tenant_claim="", role=Role.OPERATOR, role_claim="")
    desk = Desk(issuers=(ISSUER, other))
    assert desk.grant(token(aud=["x", "ours"], org=None)).principal.role is Role.OPERATOR
    assert desk.grant(token()).principal.role is Role.EDITOR


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "x" * 9_000, "tw_x_y", token() + "x", f"{token()} {token()}"])
def test_what_is_no_token_is_refused_without_a_request(text: str) -> None:
    desk = Desk()
    desk.refuses(text)
    assert desk.published.reads <= 1


def test_ten_thousand_tokens_of_strangers_cost_one_request_in_thirty_seconds() -> None:
    desk = Desk()
    signed = encoded(claims())
    for number in range(10_000):
        desk.refuses(f"{encoded({'alg': 'RS256', 'kid': f'k{number}'})}.{signed}.AAAA")
        desk.clock.advance(6)
    assert desk.published.reads == 2
    assert desk.grant(token(exp=NOW_S + 900)).principal.name.endswith("|ada")


def test_without_issuers_no_token_is_accepted() -> None:
    sign_in = SignIn(MemoryApiKeys(World()), SettableClock(NOW_S * 1_000))
    with pytest.raises(Unauthenticated):
        sign_in.grant(f"Bearer {token()}")
