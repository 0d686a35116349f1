"""The API over services in memory as a WSGI application, for whoever drives one: fuzzers and generated clients."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from tests.support.api_bench import WHO, ApiBench, event, signed_in
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.roles import Role

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
TOKEN = "tw_fuzz_token"
"""What signs in, as ``GRANT``; anything else is left to the API."""
GRANT = Grant(replace(WHO, role=Role.ADMIN))


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
