"""The authorizer: what it grants holds for the whole stage, and everything else is refused in the gateway's words."""

from __future__ import annotations

from typing import Any

import pytest

from functions.authorizer import handler
from tests.support.issuing import ISSUER, NOW_S, Published, token
from tests.support.world_examples import a_token, an_api_key
from tidewheel.adapters.memory import MemoryApiKeys, SettableClock, World
from tidewheel.adapters.tokens.verifier import JwtVerifier
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.roles import Role
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.ports import PortError

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/v1/jobs/j1/executions"


class Desk:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.keys, self.published = SettableClock(NOW_S * 1_000), MemoryApiKeys(World()), Published()
        verifier = JwtVerifier([ISSUER], self.published.fetch, self.clock)
        monkeypatch.setattr(handler, "_sign_in", lambda: SignIn(self.keys, self.clock, verifier))
        self.keys.swap(an_api_key(1, kinds=frozenset({"python"}), networks=("10.0.0.0/8",)))

    def ask(self, authorization: str | None, name: str = "Authorization") -> Any:
        headers = None if authorization is None else {"Accept": "*/*", name: authorization}
        return handler.handler({"methodArn": ARN, "headers": headers, "requestContext": {}}, None)  # type: ignore[arg-type]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_key_is_granted_for_every_path_of_the_stage(desk: Desk, name: str) -> None:
    answer = desk.ask(f"Bearer {a_token(1)}", name)
    (statement,) = answer["policyDocument"]["Statement"]
    stage = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/*"
    assert (statement["Effect"], statement["Resource"]) == ("Allow", stage)
    assert answer["principalId"] == f"key:{a_token(1).id}"
    assert all(isinstance(value, str) for value in answer["context"].values())
    grant = Grant.of_context(answer["context"])
    assert grant == an_api_key(1, kinds=frozenset({"python"}), networks=("10.0.0.0/8",)).grant
    assert a_token(1).secret not in str(answer)


def test_a_token_is_granted_until_it_expires(desk: Desk) -> None:
    grant = Grant.of_context(desk.ask(f"Bearer {token()}")["context"])
    assert grant is not None
    assert (grant.principal.role, grant.until_ms) == (Role.EDITOR, (NOW_S + 660) * 1_000)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", f"Bearer {a_token(2)}", f"Basic {a_token(1)}"])
def test_everything_else_is_answered_with_401(desk: Desk, header: str | None) -> None:
    with pytest.raises(handler.Refusal) as caught:
        desk.ask(header)
    assert str(caught.value) == "Unauthorized"  # the one text that API Gateway answers with 401


def test_a_store_that_fails_is_another_error_which_the_gateway_does_not_keep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_id: str) -> None:
        raise PortError("api_keys.get", "x", "throttled")

    monkeypatch.setattr(desk.keys, "get", fail)
    with pytest.raises(PortError):
        desk.ask(f"Bearer {a_token(1)}")


def test_a_refusal_logs_no_token(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(handler.Refusal):
        desk.ask(f"Bearer {a_token(2)}")
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert "unknown, expired or revoked" in logged
    assert a_token(2).secret not in logged
