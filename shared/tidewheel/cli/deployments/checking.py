"""Checks whether a deployment can be worked with, one thing after another; what ``tidewheel doctor`` prints.

It asks for plain JSON, so that a service of another release is understood as far as it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx

from tidewheel.cli.exits import remedy_of
from tidewheel.client import Client
from tidewheel.client.deployment import Deployment
from tidewheel.client.moment import Moment
from tidewheel.wire import VERSION

SKEW_S = 2.0
"""Seconds that two clocks may be apart: a Date header has whole ones, and the answer took its time."""
NEARLY = 0.9
"""The part of a limit from which on it is told."""
_SILENT = "silent"
_TRY_AGAIN = "try again; then look at the log of the function api"
_NOT_THERE = frozenset({403, 404})
"""How API Gateway and the API answer for a path that an older release does not have."""


class Found(StrEnum):
    """What a check found."""

    OK = "ok"
    FAILED = "failed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Args:
        what: What was looked at.
        found: Whether it is as it should be; a note is neither good nor bad.
        detail: What was found.
        remedy: What to do; empty if nothing.
    """

    what: str
    found: Found
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    http: httpx.Client

    def __call__(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(f"/{VERSION}/{path}", params=query or None)


def checks(api: Client, deployment: Deployment, client_version: str, now: Callable[[], Moment]) -> Iterator[Check]:
    """The checks, in order; what cannot be looked at without the one before is left out.

    Args:
        api: The deployment.
        deployment: How it was found.
        client_version: The version of this program.
        now: Reads this machine's clocks.
    """
    ask = _Asked(api.carrier.http)
    before = now()
    try:
        health = ask("health")
    except httpx.TransportError as error:
        detail = f"{deployment.url}: {str(error) or type(error).__name__}"
        yield Check("reach", Found.FAILED, detail, "check the URL and the network; on the local cloud: make up")
        return
    after = now()
    told = _object(health)
    if not health.is_success or told.get("status") != "ok":
        detail = f"{deployment.url} answered {health.status_code} {health.reason_phrase}"
        yield Check("reach", Found.FAILED, detail, "give the API's URL with its stage, as `outputs` shows it")
        return
    yield Check("reach", Found.OK, f"{deployment.url} in {(after.steady_s - before.steady_s) * 1000:.0f} ms")
    yield _clock(health.headers.get("Date"), before, after)
    yield _versions(told, client_version)
    yield from _scheduling(told)
    signed_in = yield from _sign_in(ask, deployment)
    if signed_in:
        yield from _quotas(ask)


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _clock(date: str | None, before: Moment, after: Moment) -> Check:
    """This machine's clock against the service's: it answered some time between the two moments."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Check("clock", Found.NOTE, "the answer has no date to compare with")
    off_s = before.wall_s - (theirs + 1) if before.wall_s > theirs + 1 else min(0.0, after.wall_s - theirs)
    if abs(off_s) <= SKEW_S:
        return Check("clock", Found.OK, f"within {SKEW_S:g} s of the service's")
    which = "ahead of" if off_s > 0 else "behind"
    return Check("clock", Found.FAILED, f"{abs(off_s):.0f} s {which} the service's", "set it by NTP")


def _versions(health: Mapping[str, Any], client_version: str) -> Check:
    theirs = str(health.get("version", "unknown"))
    detail = f"this is {client_version}, for the API {VERSION}; the service has the API {theirs}"
    remedy = "" if theirs == VERSION else "use a release of this program for that API"
    return Check("versions", Found.FAILED if remedy else Found.OK, detail, remedy)


def _scheduling(health: Mapping[str, Any]) -> Iterator[Check]:
    """Whether a scheduler measures the deployment's health, and what that is."""
    if "state" not in health:
        yield Check("scheduler", Found.NOTE, "the service does not tell")
        return
    reasons = {str(one.get("id")): str(one.get("text")) for one in health.get("reasons", ())}
    if silent := reasons.pop(_SILENT, None):
        remedy = "see the watchdog's log, and the runbook of a scheduler that does not run"
        yield Check("scheduler", Found.FAILED, silent, remedy)
    else:
        yield Check("scheduler", Found.OK, "measures the deployment's health")
    state = str(health["state"])
    detail = "; ".join([state, *reasons.values()])
    yield Check("health", Found.OK if state == "normal" else Found.FAILED, detail, _OF_STATES.get(state, ""))


_OF_STATES = {
    "busy": "jobs of priority low wait; the rest goes on",
    "overloaded": "create jobs later; what was accepted goes on",
    "read-only": "changes are refused until an operator ends it",
}


def _sign_in(ask: _Asked, deployment: Deployment) -> Generator[Check, None, bool]:
    """Whether the token is accepted, and for whom; returns whether it is."""
    how = "with a token" if deployment.token else "without a token"
    listed = ask("jobs", limit="1")
    if not listed.is_success:
        problem = str(_object(listed).get("detail") or listed.reason_phrase)
        yield Check("sign-in", Found.FAILED, f"{how}: {problem}", remedy_of(listed.status_code) or _TRY_AGAIN)
        return False
    me = ask("me")
    if me.is_success:
        told = ", ".join(f"{name} {value}" for name, value in _object(me).items() if value and isinstance(value, str))
        yield Check("sign-in", Found.OK, f"{how}: {told}")
    elif me.status_code in _NOT_THERE:
        yield Check("sign-in", Found.OK, f"{how}: jobs may be read")
    else:
        yield Check("sign-in", Found.FAILED, f"{how}: {me.reason_phrase}", remedy_of(me.status_code) or _TRY_AGAIN)
    return True


def _quotas(ask: _Asked) -> Iterator[Check]:
    usage = ask("usage")
    if not usage.is_success:
        if usage.status_code not in _NOT_THERE:
            yield Check("limits", Found.NOTE, f"cannot be read: {usage.reason_phrase}")
        return
    told = _object(usage)
    near = [one for one in told.get("limits", ()) if _is_near(one)]
    plan = f"plan {told.get('plan', 'unknown')}"
    if not near:
        yield Check("limits", Found.OK, f"{plan}, none is nearly used")
    for one in near:
        detail = f"{plan}, {one['limit']}: {one['used']:g} of {one['allowed']:g} used"
        again = f"it is whole again at {one['reset_at']}" if one.get("reset_at") else "ask an admin for more"
        yield Check("limits", Found.FAILED if one["used"] >= one["allowed"] else Found.NOTE, detail, again)


def _is_near(one: Mapping[str, Any]) -> bool:
    used, allowed = one.get("used"), one.get("allowed")
    return isinstance(used, int | float) and isinstance(allowed, int | float) and used >= NEARLY * allowed
