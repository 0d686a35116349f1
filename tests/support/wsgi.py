"""The API over services in memory as a WSGI application, for whoever drives one: fuzzers and generated clients."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tests.support.api_bench import WHO, ApiBench, event, signed_in
from tidewheel.domain.access.grant import Grant

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
TOKEN = "tw_fuzz_token"
"""What signs in, as ``GRANT``; anything else is left to the API."""
GRANT = Grant(WHO)


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(app: Application) -> Iterator[str]:
    """The URL at which an application is served on the loopback address."""
    with make_server("127.0.0.1", 0, app, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def application(bench: ApiBench) -> Application:
    """The application. A body that is no UTF-8 goes in base64, as API Gateway has it."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        made = _event(environ)
        grant = GRANT if made["headers"].get("Authorization") == f"Bearer {TOKEN}" else None
        answer = bench.send(signed_in(made, grant))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.text.encode()]

    return app


def _event(environ: Mapping[str, Any]) -> dict[str, Any]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, errors="replace"):
        query.setdefault(name, []).append(value)
    path = "/" + environ["PATH_INFO"].lstrip("/").encode("latin-1").decode(errors="replace")
    made = event(environ["REQUEST_METHOD"], path, None, None, query)
    made["headers"] = _headers(environ)
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return made | {"body": raw.decode() or None}
    except UnicodeDecodeError:
        return made | {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    sent = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    sent |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {name.replace("_", "-").title(): value for name, value in sent.items()}
