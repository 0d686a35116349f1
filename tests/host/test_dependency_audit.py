"""A vulnerability that is known stops `make check`; a list that cannot be asked does not, and is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.support.dependency_audit import audited

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


class Osv(BaseHTTPRequestHandler):
    """A list of vulnerabilities that has one, of a package of the lock, or none."""

    package = ""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        known = {"vulns": [{"id": "GHSA-test", "modified": "2026-01-01T00:00:00Z"}]}
        self._answer({"results": [known if one["package"]["name"] == self.package else {} for one in asked]})

    def do_GET(self) -> None:
        self._answer({"id": "GHSA-test", "modified": "2026-01-01T00:00:00Z", "summary": "planted", "affected": []})

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def osv() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("package", "status"), [("idna", 1), ("", 0)])
def test_a_known_vulnerability_is_found(
    osv: str, package: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Osv, "package", package)
    assert audited(["--service-url", osv]) == status
    assert ("GHSA-test: planted" in capsys.readouterr().out) == bool(status)


def test_a_list_that_cannot_be_asked_is_told_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert audited(["--service-url", "http://127.0.0.1:9"]) == 0
    assert "not audited, OSV cannot be reached" in capsys.readouterr().out
