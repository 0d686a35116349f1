"""Signing in on what is deployed: nobody gets in without a key, and one that was revoked is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from localstack import sign_in
from localstack.places import Places
from tests.support.polling import until

WITHIN_S = 75
"""The minute for which the gateway keeps an answer, and a while."""


@pytest.fixture
def asked(http):
    """The status of a request with another key."""

    def ask(key: str | None, path: str = "/jobs", method: str = "GET", **rest: Any) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        url = f"{http.base_url}{path.lstrip('/')}"
        return httpx.request(method, url, headers=headers, timeout=http.timeout, **rest).status_code

    return ask


def test_nobody_gets_in_without_a_key(stack, asked):
    key = stack.outputs.api_key
    assert asked(key) == 200
    assert [asked(None), asked("nonsense"), asked(key[:-1]), asked(key[:-1] + ("0" if key[-1] != "0" else "1"))] == [
        401
    ] * 4
    assert [asked(None, "/health"), asked(None, "/openapi.json")] == [200, 200]


def test_the_stacks_key_is_an_admins_of_the_default_tenant(http):
    found = http.get("/me").json()
    assert (found["tenant"], found["role"], found["kinds"]) == ("default", "admin", ["command", "python", "sql"])


def test_a_key_is_made_rotated_and_revoked(http, asked):
    made = http.post("/keys", json={"name": "reader", "role": "viewer"}).json()
    assert asked(made["token"]) == 200
    assert asked(made["token"], method="POST", json={}) == 403
    successor = http.post(f"/keys/{made['id']}/rotate", json={"overlap": "PT0S"}).json()
    assert asked(successor["token"]) == 200
    until(lambda: asked(made["token"]) == 401, "the rotated key to be refused", within_s=WITHIN_S)
    assert http.delete(f"/keys/{successor['id']}").status_code == 200
    until(lambda: asked(successor["token"]) == 401, "the revoked key to be refused", within_s=WITHIN_S)


def test_tenants_see_nothing_of_each_other(stack, http, jobs, asked):
    ours = jobs.create(schedule={"cron": "0 9 * * *"}, target={"kind": "http", "url": "https://example.com/hook"})
    places = Places(own=stack.folder)
    platform = sign_in.make(places, stack.outputs.endpoint, "--role", "platform-admin")
    signed_in = {"Authorization": f"Bearer {platform}"}
    with httpx.Client(base_url=http.base_url, headers=signed_in, timeout=http.timeout) as admin:
        made = admin.post("/tenants", json={"id": "e2e-other"})
        assert made.status_code in {201, 409}
        acting = {"Tidewheel-Tenant": "e2e-other"}
        assert admin.get(f"/jobs/{ours.id}").status_code == 200
        assert admin.get(f"/jobs/{ours.id}", headers=acting).status_code == 404
        theirs = admin.post("/keys", headers=acting, json={"name": "theirs", "role": "admin"}).json()["token"]
    for path in (f"/jobs/{ours.id}", f"/jobs/{ours.id}/executions", f"/jobs/{ours.id}/ledger"):
        assert asked(theirs, path) == 404
