"""``tidewheel doctor``: each check, and what is told when it fails."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.support.command_line import CommandLine
from tidewheel.cli.deployments.checking import Check, Found, checks
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment
from tidewheel.client.moment import Moment

URL = "https://api.example/prod"
AT_S = 1_763_657_220.0
DATE = "Thu, 20 Nov 2025 16:47:00 GMT"
HEALTH = {"status": "ok", "version": "v1", "state": "normal", "since": None, "reasons": []}
ME = {"tenant": "default", "principal": "key:k", "role": "editor", "kinds": []}
USAGE = {
    "plan": "free",
    "limits": [{"limit": "executions_per_day", "allowed": 100, "used": 5, "reset_at": "2025-11-21"}],
}


def looked(
    answers: dict[str, Any], *, wall_s: float = AT_S, date: str | None = DATE, token: str | None = "t"
) -> list[Check]:
    """The checks over these answers by path: a status, or a document."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path.rpartition("/")[2], 404)
        if isinstance(found, Exception):
            raise found
        headers = {"Date": date} if date else {}
        if isinstance(found, int):
            return httpx.Response(found, headers=headers, json={})
        return httpx.Response(200, headers=headers, json=found)

    steady = iter(range(100))

    def now() -> Moment:
        return Moment(next(steady) / 100, wall_s)

    with Client(URL, transport=httpx.MockTransport(answer)) as api:
        return list(checks(api, Deployment(URL, token, {}), "1.2.3", now))


def by_name(found: list[Check]) -> dict[str, Check]:
    return {one.what: one for one in found}


def test_what_is_well_is_told(run: CommandLine) -> None:
    found = looked({"health": HEALTH, "jobs": {"items": []}, "me": ME, "usage": USAGE})
    assert [(one.what, one.found) for one in found] == [
        (what, Found.OK) for what in ("reach", "clock", "versions", "scheduler", "health", "sign-in", "limits")
    ]
    told = by_name(found)
    assert told["reach"].detail == f"{URL} in 10 ms"
    assert told["versions"].detail == "this is 1.2.3, for the API v1; the service has the API v1"
    assert told["sign-in"].detail == "with a token: tenant default, principal key:k, role editor"
    assert told["limits"].detail == "plan free, none is nearly used"


@pytest.mark.parametrize(
    ("wall_s", "date", "found", "told"),
    [
        (AT_S - 2, DATE, Found.OK, "within"),
        (AT_S + 3, DATE, Found.OK, "within"),
        (AT_S + 60, DATE, Found.FAILED, "59 s ahead of"),
        (AT_S - 60, DATE, Found.FAILED, "60 s behind"),
        (AT_S, None, Found.NOTE, "no date"),
        (AT_S, "soon", Found.NOTE, "no date"),
    ],
)
def test_a_clock_that_is_wrong_is_told(wall_s: float, date: str | None, found: Found, told: str) -> None:
    check = by_name(looked({"health": HEALTH}, wall_s=wall_s, date=date))["clock"]
    assert (check.found, told in check.detail) == (found, True), check


@pytest.mark.parametrize(
    ("answers", "what", "told"),
    [
        ({"health": httpx.ConnectError("refused")}, "reach", "refused"),
        ({"health": 403}, "reach", "answered 403"),
        ({"health": ["no object"]}, "reach", "answered 200"),
        ({"health": {**HEALTH, "version": "v2"}}, "versions", "the service has the API v2"),
        ({"health": {**HEALTH, "reasons": [{"id": "silent", "text": "nobody has measured"}]}}, "scheduler", "nobody"),
        (
            {"health": {**HEALTH, "state": "read-only", "reasons": [{"id": "operator", "text": "at work"}]}},
            "health",
            "read-only; at work",
        ),
        ({"health": HEALTH, "jobs": 401}, "sign-in", "with a token: Unauthorized"),
        ({"health": HEALTH, "jobs": {}, "me": 500}, "sign-in", "Internal Server Error"),
        (
            {"health": HEALTH, "jobs": {}, "usage": {"plan": "x", "limits": [{"limit": "l", "allowed": 5, "used": 5}]}},
            "limits",
            "plan x, l: 5 of 5 used",
        ),
    ],
)
def test_what_is_amiss_is_told_with_a_remedy(answers: dict[str, Any], what: str, told: str) -> None:
    check = by_name(looked(answers))[what]
    assert (check.found, told in check.detail, bool(check.remedy)) == (Found.FAILED, True, True), check


def test_a_service_of_an_older_release_is_understood_as_far_as_it_goes() -> None:
    found = by_name(looked({"health": {"status": "ok", "version": "v1"}, "jobs": {}}, token=None))
    assert found["scheduler"].found is Found.NOTE
    assert found["sign-in"] == Check("sign-in", Found.OK, "without a token: jobs may be read")
    assert "limits" not in found


def test_nearly_used_is_a_note() -> None:
    usage = {"plan": "x", "limits": [{"limit": "l", "allowed": 10, "used": 9, "reset_at": "soon"}, {"limit": "m"}]}
    check = by_name(looked({"health": HEALTH, "jobs": {}, "usage": usage}))["limits"]
    assert (check.found, check.remedy) == (Found.NOTE, "it is whole again at soon")


@pytest.fixture
def refusing() -> httpx.MockTransport:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    return httpx.MockTransport(refuse)


def test_the_command_prints_a_table_and_its_status_says_whether_all_is_well(
    run: CommandLine, refusing: httpx.MockTransport
) -> None:
    result = run("doctor", transport=refusing)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "connection refused" in result.stdout
    assert json.loads(run("doctor", "--json").stdout)[0]["found"] == "ok"
