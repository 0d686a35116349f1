"""What a run of a peer does: one HTTP request to the receiver, on a connection that each thread keeps.

Runs in the peers' venv, so it imports nothing of this project. It says when it was due as Tidewheel's requests do.
"""

from __future__ import annotations

import http.client
import threading
from urllib.parse import urlsplit

_kept = threading.local()


def post(url: str, key: str, due_ms: int) -> int:
    """Calls the receiver and returns its answer's status."""
    parts = urlsplit(url)
    connection = getattr(_kept, "connection", None)
    if connection is None:
        connection = _kept.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {
        "Idempotency-Key": key,
        "Tidewheel-Due-Time": str(due_ms),
        "Tidewheel-Nominal-Time": str(due_ms),
        "Tidewheel-Attempt": "1",
    }
    connection.request("POST", parts.path, b"", headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
