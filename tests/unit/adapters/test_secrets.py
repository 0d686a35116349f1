"""Secrets Manager: what is kept, for how long, and what its errors become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from tidewheel.adapters.aws import secrets
from tidewheel.adapters.aws.secrets import SecretsManager
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.limits import SECRET_FRESH_MS, SECRET_MISSING_MS
from tidewheel.ports import PortError, Refused, Throttled


class Service:
    """Answers what it is told, or raises it, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Mapping[str, Any] | Exception = {"SecretString": "s3cret"}

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - the service's word
        self.asked.append(SecretId)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(1_000)


@pytest.fixture
def vault(service: Service, clock: SettableClock) -> SecretsManager:
    return SecretsManager(lambda: service, "t", clock)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")


def test_one_is_read_once_in_five_minutes(vault: SecretsManager, service: Service, clock: SettableClock) -> None:
    assert [vault.get("acme", "a"), vault.get("acme", "a")] == ["s3cret", "s3cret"]
    assert service.asked == ["t/acme/a"]
    clock.sleep(SECRET_FRESH_MS - 1)
    service.answer = {"SecretString": "rotated"}
    assert vault.get("acme", "a") == "s3cret"
    clock.sleep(1)
    assert vault.get("acme", "a") == "rotated"
    assert len(service.asked) == 2


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_one_that_is_missing_is_looked_for_again_after_half_a_minute(
    vault: SecretsManager, service: Service, clock: SettableClock, code: str
) -> None:
    service.answer = refused(code)
    for _ in range(2):
        with pytest.raises(LookupError, match="there is no secret 't/acme/a'"):
            vault.get("acme", "a")
    assert len(service.asked) == 1
    clock.sleep(SECRET_MISSING_MS)
    service.answer = {"SecretString": "there"}
    assert vault.get("acme", "a") == "there"


def test_the_newest_is_half_a_minute_old_at_most(vault: SecretsManager, service: Service, clock: SettableClock) -> None:
    vault.get("acme", "a")
    service.answer = {"SecretString": "corrected"}
    clock.sleep(SECRET_MISSING_MS - 1)
    assert vault.get("acme", "a", newest=True) == "s3cret"
    clock.sleep(1)
    assert vault.get("acme", "a") == "s3cret"
    assert vault.get("acme", "a", newest=True) == "corrected"
    assert vault.get("acme", "a") == "corrected"
    assert len(service.asked) == 2


def test_one_that_is_no_text_is_none(vault: SecretsManager, service: Service) -> None:
    service.answer = {"SecretBinary": b"s3cret"}
    with pytest.raises(LookupError):
        vault.get("acme", "a")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("ThrottlingException"), Throttled),
        (refused("AccessDeniedException"), Refused),
        (refused("DecryptionFailure"), PortError),
        (ConnectTimeoutError(endpoint_url="x"), PortError),
    ],
)
def test_what_the_service_raises_is_translated_and_not_kept(
    vault: SecretsManager, service: Service, error: Exception, kind: type[PortError]
) -> None:
    service.answer = error
    with pytest.raises(kind) as raised:
        vault.get("acme", "a")
    assert "t/acme/a" in str(raised.value)
    service.answer = {"SecretString": "s3cret"}
    assert vault.get("acme", "a") == "s3cret"


def test_only_so_many_are_kept(vault: SecretsManager, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "SECRETS_KEPT", 2)
    for name in "abcbca":
        vault.get("acme", name)
    assert service.asked == [f"t/acme/{name}" for name in "abca"]


def test_a_strange_name_asks_for_nothing(vault: SecretsManager, service: Service) -> None:
    with pytest.raises(LookupError, match="is no name of a secret"):
        vault.get("acme", "../other/a")
    assert service.asked == []
