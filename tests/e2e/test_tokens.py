"""Tokens of an issuer on what is deployed: who they are, what they may do, and that made-up ones are refused."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from tests.e2e.stack import AUDIENCE, KEY_ID
from tests.support.issuing import rsa_key
from tidewheel.domain.limits import SECOND_MS

JOB = {
    "name": "by a token",
    "schedule": {"cron": "0 9 * * *"},
    "target": {"kind": "http", "url": "https://example.com/hook"},
}


@pytest.fixture
def token(stack, clock):
    """Makes tokens of the stack's issuer, good ones but for what is changed."""

    def made(*, key: Any = None, alg: str = "RS256", kid: str = KEY_ID, **changes: Any) -> str:
        now_s = clock.now_ms() // SECOND_MS
        claims = {"iss": stack.issuer, "aud": AUDIENCE, "sub": "ada", "org": "default", "groups": ["editors"]}
        claims |= {"iat": now_s, "exp": now_s + 600} | changes
        signing = None if alg == "none" else key or rsa_key()
        return jwt.encode(claims, signing, algorithm=alg, headers={"kid": kid})

    return made


@pytest.fixture
def asked(http):
    def ask(token: str, method: str = "GET", path: str = "/me", **rest: Any) -> httpx.Response:
        url = f"{http.base_url}{path.lstrip('/')}"
        return httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=http.timeout, **rest)

    return ask


def test_a_token_creates_a_job_by_the_role_in_its_claims(stack, token, asked, jobs):
    editor = token()
    me = asked(editor).json()
    name = f"{stack.issuer}|ada"
    assert (me["tenant"], me["principal"], me["role"], me["key"]) == ("default", name, "editor", None)
    made = asked(editor, "POST", "/jobs", json=JOB)
    assert (made.status_code, made.json()["created_by"]) == (201, name)
    jobs.made.append(made.json()["id"])
    reader = token(groups=["staff", "readers"])
    assert asked(reader, path=f"/jobs/{made.json()['id']}").status_code == 200
    assert asked(reader, "POST", "/jobs", json=JOB).status_code == 403


def test_a_token_that_is_not_the_issuers_for_this_service_is_refused(stack, token, asked, clock):
    assert asked(token()).status_code == 200
    now_s = clock.now_ms() // SECOND_MS
    refused = {
        "wrong audience": token(aud="another service"),
        "several others": token(aud=["another", "service"]),
        "no signature": token(alg="none"),
        "signed by another": token(key=rsa_key(number=1)),
        "signed with what is published": token(alg="HS256", key="what-is-published-is-no-secret-of-anybodys"),
        "unknown key": token(kid="two"),
        "another issuer": token(iss="http://127.0.0.1/"),
        "expired": token(exp=now_s - 600),
        "not yet": token(nbf=now_s + 600),
        "no tenant": token(org=None),
        "no role": token(groups=["staff"]),
        "cut": token()[:-9],
    }
    assert {why: asked(one).status_code for why, one in refused.items()} == dict.fromkeys(refused, 401)
    assert asked(token()).status_code == 200


def test_a_token_for_a_tenant_that_is_not_there_is_nobodys(token, asked):
    assert asked(token(org="nobody-has-it")).status_code == 401
