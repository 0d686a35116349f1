"""Reads a small document from a URL, in bounded time and size."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock, PortError

TIMEOUT_S = 2.0
"""Of the connection, and of each wait for bytes."""
BOUND_MS = 4 * SECOND_MS
"""Of the whole document."""
MAX_BYTES = 256 * 1024
_CHUNK = 16 * 1024


def fetch(url: str, clock: Clock) -> bytes:
    """The document at an ``https`` URL. No redirect is followed.

    Raises:
        PortError: It could not be read, is too large, or comes too slowly.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise PortError("tokens.fetch", url, "it is no https URL")
    ends_ms = clock.monotonic_ms() + BOUND_MS
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT_S, context=context)
    try:
        path = parts.path or "/"
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers={"Accept": "*/*"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise PortError("tokens.fetch", url, f"it answered {answer.status}")
        return _read(answer, url, clock, ends_ms)
    except (OSError, http.client.HTTPException) as error:
        raise PortError("tokens.fetch", url, f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, url: str, clock: Clock, ends_ms: int) -> bytes:
    read = bytearray()
    while chunk := answer.read1(_CHUNK):
        read += chunk
        if len(read) > MAX_BYTES:
            raise PortError("tokens.fetch", url, f"it has more than {MAX_BYTES} bytes")
        if clock.monotonic_ms() >= ends_ms:
            raise PortError("tokens.fetch", url, f"it took longer than {BOUND_MS} ms")
    return bytes(read)
