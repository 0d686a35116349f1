"""Secrets: a tenant's own, by name, and no other's."""

from __future__ import annotations

import re
import secrets as chance
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.secrets import SecretsManager
from tidewheel.adapters.memory import MemorySecrets, SettableClock
from tidewheel.ports import Secrets

Put = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Vault:
    """The port, and how a person would put a secret (of a tenant, by name) into what lies beneath."""

    secrets: Secrets
    put: Put


def _memory() -> Vault:
    texts: dict[tuple[str, str], str] = {}

    class Live(MemorySecrets):
        def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
            return MemorySecrets(texts).get(tenant, name, newest=newest)

    return Vault(Live(), lambda tenant, name, text: texts.update({(tenant, name): text}))


def _cloud(deployment: str) -> tuple[Vault, Any]:
    client: Any = clients.secretsmanager()

    def put(tenant: str, name: str, text: str) -> None:
        client.create_secret(Name=f"{deployment}/{tenant}/{name}", SecretString=text)

    return Vault(SecretsManager(lambda: client, deployment, SettableClock(0)), put), client


@pytest.fixture(params=["memory", "moto", pytest.param("ministack", marks=pytest.mark.ministack)])
def vault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    if request.param == "memory":
        yield _memory()
    elif request.param == "moto":
        with mock_aws():
            yield _cloud("tidewheel")[0]
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("ministack_endpoint"))
        deployment = f"t{chance.token_hex(4)}"
        made, client = _cloud(deployment)
        yield made
        for page in client.get_paginator("list_secrets").paginate():
            for one in page["SecretList"]:
                if one["Name"].startswith(f"{deployment}/"):
                    client.delete_secret(SecretId=one["Name"], ForceDeleteWithoutRecovery=True)


def test_a_secret_is_had_by_its_name(vault: Vault) -> None:
    vault.put("acme", "token_1.2@x+y=z-", "s3cret ☂\n")
    assert vault.secrets.get("acme", "token_1.2@x+y=z-") == "s3cret ☂\n"


def test_each_tenant_has_its_own(vault: Vault) -> None:
    vault.put("acme", "token", "ours")
    vault.put("other", "token", "theirs")
    vault.put("other", "only", "theirs")
    assert vault.secrets.get("acme", "token") == "ours"
    assert vault.secrets.get("other", "token") == "theirs"
    with pytest.raises(LookupError, match="/acme/only'"):
        vault.secrets.get("acme", "only")


@pytest.mark.parametrize("name", ["missing", "", "../other/token", "other/token", "a b", "☂", "x" * 129, "token*"])
def test_what_is_not_there_is_a_lookup_error(vault: Vault, name: str) -> None:
    vault.put("other", "token", "theirs")
    vault.put("acme", "token", "ours")
    with pytest.raises(LookupError):
        vault.secrets.get("acme", name)


def test_a_slash_leads_to_no_other_tenant(vault: Vault) -> None:
    vault.put("acme/sub", "token", "theirs")
    with pytest.raises(LookupError):
        vault.secrets.get("acme", "sub/token")


def test_one_that_is_missing_is_told_by_the_name_under_which_it_is_to_be_created(vault: Vault) -> None:
    full = vault.secrets.full_name("acme", "none")
    assert full.endswith("/acme/none")
    with pytest.raises(LookupError, match=re.escape(repr(full))):
        vault.secrets.get("acme", "none")
