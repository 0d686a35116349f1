"""Keys of the Access table: tenants, API keys and AWS identities."""

from __future__ import annotations

TENANTS = "tenants"
"""Access, partition: every tenant that has a row; the sort key is the tenant's id."""
API_KEY_SORT = "key"
"""Access, sort: an API key, in its own partition."""


def api_key_partition(id: str) -> str:
    """Access, partition: an API key by its id, which is all that signing in knows of it."""
    return f"key#{id}"


def api_keys_partition(tenant: str) -> str:
    """Access, partition: the copies of a tenant's API keys, which its list shows; the sort key is the key's id."""
    return f"keys#{tenant}"
