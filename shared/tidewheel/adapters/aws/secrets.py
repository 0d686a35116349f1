"""Secrets in AWS Secrets Manager, cached in memory for a while, so that not every run costs a request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import OnDemand, code_of, translated
from tidewheel.domain.jobs.secret import NAME
from tidewheel.domain.limits import SECRET_FRESH_MS, SECRET_MISSING_MS, SECRETS_KEPT
from tidewheel.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""Error codes: there is no secret of that name, or it is marked for deletion."""


class SecretsManager:
    """``ports.Secrets`` on Secrets Manager: a tenant's secret has the name ``<prefix>/<tenant>/<name>`` there.

    Args:
        connect: Makes the client when it is needed first: most jobs name no secret.
        prefix: What the names of the deployment's secrets begin with.
        clock: Time.
    """

    def __init__(self, connect: Callable[[], SecretsManagerClient], prefix: str, clock: Clock) -> None:
        self._service = OnDemand(connect)
        self._prefix = prefix
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, str | None]] = {}
        """By full name: when it was read (monotonic ms), and the text, or None if there is no such secret."""

    def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
        """See ``ports.Secrets``."""
        if not NAME.fullmatch(name):  # a slash in it could name another tenant's secret
            raise LookupError(f"{name!r} is no name of a secret")
        id = self.full_name(tenant, name)
        read_ms, text = self._known.get(id, (-SECRET_FRESH_MS, None))
        fresh_ms = SECRET_MISSING_MS if newest or text is None else SECRET_FRESH_MS
        if self._clock.monotonic_ms() >= read_ms + fresh_ms:
            text = self._read(id)
            self._keep(id, text)
        if text is None:
            raise LookupError(f"there is no secret {id!r}")
        return text

    def full_name(self, tenant: str, name: str) -> str:
        """See ``ports.Secrets``."""
        return f"{self._prefix}/{tenant}/{name}"

    def _read(self, id: str) -> str | None:
        with translated("secrets.get", id):
            try:
                answer = self._service().get_secret_value(SecretId=id)
            except ClientError as error:
                if code_of(error) in _GONE:
                    return None
                raise
        return answer.get("SecretString")  # a secret of bytes has no text, and counts as absent

    def _keep(self, id: str, text: str | None) -> None:
        with self._lock:
            self._known.pop(id, None)
            if len(self._known) >= SECRETS_KEPT:
                del self._known[next(iter(self._known))]  # the one that was read longest ago
            self._known[id] = self._clock.monotonic_ms(), text
