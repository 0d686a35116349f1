"""Who may call the API: tenants and their API keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tidewheel.domain.access.api_key import ApiKey
from tidewheel.domain.access.issuer import Issuer
from tidewheel.domain.access.tenant import Tenant
from tidewheel.ports.records import Page


class Tenants(Protocol):
    """The tenants of a deployment."""

    def get(self, id: str) -> Tenant | None:
        """One tenant, strongly consistent; ``domain.access.tenant.unwritten`` if there is no row of it."""

    def list(self, limit: int, after: str | None) -> Page[Tenant]:
        """The tenants that were written, with ids above ``after``, by id, strongly consistent."""

    def swap(self, new: Tenant) -> Tenant | None:
        """Writes ``new`` if the stored version is one below its own (0: if none is stored).

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the tenant that is stored.

        Raises:
            Fenced: No tenant is stored although one was expected.
        """


class ApiKeys(Protocol):
    """The API keys of all tenants."""

    def get(self, id: str) -> ApiKey | None:
        """One key, strongly consistent, or None."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[ApiKey]:
        """A tenant's keys with ids above ``after``, by id, strongly consistent; expired and revoked ones too."""

    def swap(self, new: ApiKey) -> ApiKey | None:
        """Writes ``new`` if the stored version is one below its own (0: if none is stored), in list and record at once.

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the key that is stored.

        Raises:
            Fenced: No key is stored although one was expected.
        """


class TokenVerifier(Protocol):
    """Checks tokens that somebody else issued."""

    def verified(self, token: str) -> tuple[Issuer, Mapping[str, Any]]:
        """The issuer of a token and its claims; signature, issuer and audience are right, its times are not looked at.

        Raises:
            Unauthenticated: It is not a token of an issuer that is known.
            PortError: The issuer's keys could not be read.
        """
