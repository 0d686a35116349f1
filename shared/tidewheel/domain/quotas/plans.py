"""Plans: named sets of limits. A tenant has one, and may have limits of its own, which win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidewheel.domain.access.tenant import DEFAULT_PLAN
from tidewheel.domain.limits import MAX_JOB_BYTES, MAX_TENANT_CONCURRENCY
from tidewheel.domain.quotas.limit import Limit, Limits

Plans = Mapping[str, Limits]
"""Plans by name."""

PLANS: Final[Plans] = {
    DEFAULT_PLAN: {},
    "free": {Limit.EXECUTIONS_PER_DAY: 100},
    "pro": {Limit.EXECUTIONS_PER_DAY: 10_000},
    "enterprise": {},
}
"""The plans that every deployment has, unless it defines one of the same name."""

_LEAST: Final = {Limit.RUNNING_AT_ONCE: 1}
_MOST: Final = {Limit.PAYLOAD_BYTES: MAX_JOB_BYTES, Limit.RUNNING_AT_ONCE: MAX_TENANT_CONCURRENCY}
_FRACTIONS: Final = {Limit.DOLLARS_PER_MONTH, Limit.REQUESTS_PER_SECOND}
_HIGHEST: Final = 10**12


def limits_of(plans: Plans, plan: str, own: Mapping[str, float], budget_dollars: float | None = None) -> Limits:
    """The limits of a tenant.

    Args:
        plans: The plans that the deployment defines; those of ``PLANS`` exist besides.
        plan: The name of the tenant's plan. One that is not known limits nothing.
        own: The tenant's own limits by name. A name that is unknown is passed over: another release may know it.
        budget_dollars: What its executions may cost a month; None for what its plan says.
    """
    known = {Limit(name): value for name, value in own.items() if name in _NAMES}
    budget = {} if budget_dollars is None else {Limit.DOLLARS_PER_MONTH: budget_dollars}
    return {**(plans[plan] if plan in plans else PLANS.get(plan, {})), **known, **budget}


_NAMES: Final = frozenset(Limit)


def parse_plans(document: object) -> Plans:
    """Reads plans as a deployment defines them: an object of limits by the name of the plan.

    Raises:
        ValueError: It is malformed; the message says where.
    """
    if not isinstance(document, dict):
        raise ValueError(f"must be an object of limits by the name of the plan, not {document!r}")  # noqa: TRY004
    return {str(name): _plan(str(name), limits) for name, limits in document.items()}


def _plan(name: str, document: object) -> Limits:
    if not name or len(name) > 40 or not name.isascii() or not name.replace("-", "").isalnum():  # noqa: PLR2004
        raise ValueError(f"names the plan {name!r}: use letters, digits and -, 40 at most")
    if not isinstance(document, dict):
        raise ValueError(f"gives the plan {name!r} {document!r}, which is no object of limits")  # noqa: TRY004
    return parse_limits(document, f"the plan {name!r}")


def parse_limits(document: Mapping[str, object], whose: str) -> Limits:
    """Reads limits by name, as a plan or a tenant has them.

    Args:
        document: The limits by name.
        whose: For the error, such as ``the plan 'pro'``.

    Raises:
        ValueError: One is unknown or out of bounds; the message names it.
    """
    return {_limit(name, whose): _value(name, value, whose) for name, value in document.items()}


def _limit(name: str, whose: str) -> Limit:
    if name not in _NAMES:
        raise ValueError(f"gives {whose} the limit {name!r}, which is none of {', '.join(sorted(_NAMES))}")
    return Limit(name)


def _value(name: str, value: object, whose: str) -> float:
    least, most = _LEAST.get(Limit(name), 0), _MOST.get(Limit(name), _HIGHEST)
    whole = isinstance(value, int) and not isinstance(value, bool)
    number = whole or (isinstance(value, float) and Limit(name) in _FRACTIONS)
    if not number or not least <= float(value) <= most:  # type: ignore[arg-type]
        kind = "number" if Limit(name) in _FRACTIONS else "whole number"
        raise ValueError(f"gives {whose} {name} {value!r}, which is not a {kind} from {least} to {most}")
    return value  # type: ignore[return-value]
