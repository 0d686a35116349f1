"""The settings of each function: one frozen class for each, read from the environment.

A variable that is missing or malformed fails the start by its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Self

from tidewheel.domain.access.issuer import Issuer
from tidewheel.domain.access.issuers import parse_issuers
from tidewheel.domain.fleet.networks import Network, parse_networks
from tidewheel.domain.ids import is_tenant
from tidewheel.domain.limits import MAX_TENANT_CONCURRENCY
from tidewheel.domain.permits.permit import EVERYONE
from tidewheel.domain.quotas.plans import Plans, parse_plans
from tidewheel.domain.wheel.pace import PACES, Pace
from tidewheel.names import Env, Route


class SignIn(StrEnum):
    """What looks at the header ``Authorization``."""

    GATEWAY = "gateway"  # its authorizer
    FUNCTION = "function"  # the API's function itself, by keys alone: for an emulator's gateway without authorizers


class SettingsError(Exception):
    """The environment lacks a variable or holds one that cannot be read; ``variable`` names it."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


def _text(environ: Mapping[str, str], variable: Env) -> str:
    value = environ.get(variable, "")
    if not value:
        raise SettingsError(variable, "is not set")
    return value


def _positive(environ: Mapping[str, str], variable: Env) -> int:
    text = _text(environ, variable)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(variable, f"must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _number(environ: Mapping[str, str], variable: Env) -> int:
    text = _text(environ, variable)
    if not text.isdecimal():
        raise SettingsError(variable, f"must be a whole number of 0 or more, not {text!r}")
    return int(text)


def _flag(environ: Mapping[str, str], variable: Env) -> bool:
    text = _text(environ, variable)
    if text not in ("true", "false"):
        raise SettingsError(variable, f"must be true or false, not {text!r}")
    return text == "true"


def _json_object(text: str, of: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"must be a JSON object of {of} ({error})") from error
    if not isinstance(document, dict):
        raise ValueError(f"must be a JSON object of {of}, not {text!r}")  # noqa: TRY004 - a text is amiss
    return document


def tenant_concurrency(text: str) -> Mapping[str, int]:
    """Parses how many executions may run at once, by tenant.

    Raises:
        ValueError: It is malformed; the message says what it must be.
    """
    document = _json_object(text, "numbers by tenant")
    for tenant, limit in document.items():
        if tenant != EVERYONE and not is_tenant(tenant):
            raise ValueError(f"names {tenant!r}, which is no tenant; the others are {EVERYONE!r}")
        if type(limit) is not int or not 1 <= limit <= MAX_TENANT_CONCURRENCY:
            raise ValueError(
                f"gives {tenant!r} {limit!r}, which is not a whole number of 1 to {MAX_TENANT_CONCURRENCY}"
            )
    return document


def plans(text: str) -> Plans:
    """Parses the plans that a deployment defines.

    Raises:
        ValueError: They are malformed; the message says what they must be.
    """
    return parse_plans(_json_object(text, "limits by plan"))


def allow_kinds(text: str) -> Mapping[str, frozenset[str]]:
    """Parses which privileged kinds of target run, by pool.

    Raises:
        ValueError: It is malformed; the message says what it must be.
    """
    document = _json_object(text, "lists of kinds by pool")
    for pool, kinds in document.items():
        if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
            raise ValueError(f"gives {pool!r} {kinds!r}, which is no list of kinds")
    return {pool: frozenset(kinds) for pool, kinds in document.items()}


def _queues(environ: Mapping[str, str], variable: Env) -> Mapping[Route, str]:
    text = _text(environ, variable)
    try:
        document = json.loads(text)
        queues = {Route.parse(route): str(url) for route, url in document.items()}
    except (ValueError, AttributeError) as error:
        raise SettingsError(variable, f"must be a JSON object of queue URLs by route ({error})") from error
    if not queues:
        raise SettingsError(variable, "names no queue")
    return queues


def _pace(environ: Mapping[str, str], variable: Env) -> Pace:
    text = _text(environ, variable)
    if text not in PACES:
        raise SettingsError(variable, f"must be {' or '.join(PACES)}, not {text!r}")
    return PACES[text]


def _networks(environ: Mapping[str, str], variable: Env) -> tuple[Network, ...]:
    try:
        return parse_networks(_text(environ, variable))
    except ValueError as error:
        raise SettingsError(variable, f"must be a list of networks such as 10.0.0.0/8, or none ({error})") from error


def check_issuers(text: str) -> None:
    """Checks a JSON list of issuers.

    Raises:
        ValueError: It is malformed; the message says what it must be.
    """
    parse_issuers(text)


_Reader = Callable[[Mapping[str, str], Env], Any]


def _parsed(parse: Callable[[str], Any]) -> _Reader:
    """A reader of texts whose parser says by a ``ValueError`` what they must be."""

    def read(environ: Mapping[str, str], variable: Env) -> Any:
        try:
            return parse(_text(environ, variable))
        except ValueError as error:
            raise SettingsError(variable, str(error)) from error

    return read


def _sign_in(text: str) -> SignIn:
    if text not in list(SignIn):
        raise ValueError(f"must be {' or '.join(SignIn)}, not {text!r}")
    return SignIn(text)


_READERS: dict[Env, _Reader] = {
    Env.QUEUES: _queues,
    Env.SHARDS: _positive,
    Env.SCHEDULERS: _positive,
    Env.PACE: _pace,
    Env.ALLOWED_NETWORKS: _networks,
    Env.CIRCUIT_FAILURES: _number,
    Env.CIRCUIT_OPEN: _positive,
    Env.LEAST_LOG: _number,
    Env.WRITES_TOGETHER: _positive,
    Env.LEAN_TRANSPORT: _flag,
    Env.TENANT_CONCURRENCY: _parsed(tenant_concurrency),
    Env.ALLOW_KINDS: _parsed(allow_kinds),
    Env.PLANS: _parsed(plans),
    Env.SIGN_IN: _parsed(_sign_in),
    Env.ISSUERS: _parsed(parse_issuers),
}


class _FromEnvironment:
    """The base of the settings classes: each field is read from the variable of its name."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment.

        Raises:
            SettingsError: A variable is missing or malformed.
        """
        variables = {field.name: Env[field.name.upper()] for field in fields(cls)}
        return cls(**{name: _READERS.get(env, _text)(environ, env) for name, env in variables.items()})


@dataclass(frozen=True)
class StoreSettings(_FromEnvironment):
    """What every function that reads or writes the wheel needs.

    Args:
        jobs_table: A table's name, as the three that follow.
        queues: The URLs of the queues by route.
        shards: How many shards a new wheel has.
        deployment: The deployment's name: a dimension of its metrics, and the prefix of the names of secrets.
        lean_transport: Whether requests to DynamoDB and SQS go by the lean transport, or by the SDK's own.
    """

    jobs_table: str
    wheel_table: str
    executions_table: str
    control_table: str
    queues: Mapping[Route, str]
    shards: int
    deployment: str
    lean_transport: bool


@dataclass(frozen=True)
class ApiSettings(StoreSettings):
    """What the API needs.

    Args:
        pace: How often the wheel is turned.
        logs_bucket: Where the logs of attempts are read.
        allow_kinds: Which privileged kinds of target run, by pool; ``*`` stands for every pool.
        access_table: Where tenants and API keys are.
        plans: The plans that the deployment defines.
        sign_in: What signs callers in.
        audit_table: Where the audit log is.
    """

    pace: Pace
    logs_bucket: str
    allow_kinds: Mapping[str, frozenset[str]]
    access_table: str
    plans: Plans
    sign_in: SignIn
    audit_table: str


@dataclass(frozen=True)
class AuthorizerSettings(_FromEnvironment):
    """What the authorizer needs.

    Args:
        access_table: Where API keys are.
        issuers: The issuers whose tokens are accepted.
        lean_transport: Whether requests to DynamoDB go by the lean transport, or by the SDK's own.
    """

    access_table: str
    issuers: tuple[Issuer, ...]
    lean_transport: bool


@dataclass(frozen=True)
class ReconcilerSettings(StoreSettings):
    """What the reconciler needs."""


@dataclass(frozen=True)
class DeadLetterHandlerSettings(StoreSettings):
    """What the handler of the dead-letter queue needs.

    Args:
        pace: How often the wheel is turned.
    """

    pace: Pace


@dataclass(frozen=True)
class WorkerSettings(StoreSettings):
    """What a worker of any pool needs.

    Args:
        pace: How often the wheel is turned.
        logs_bucket: Where the logs of attempts are written.
        allowed_networks: What http targets may have besides public addresses.
        circuit_failures: So many failures in a row open a target's circuit; 0: none does.
        circuit_open: For how many seconds a circuit stays open.
        tenant_concurrency: How many executions run at once, by tenant; ``*`` stands for those who are not named.
        least_log: Bytes: the log of an attempt that succeeded is stored if it is not shorter; 0: each is.
        allow_kinds: Which privileged kinds of target run, by pool; ``*`` stands for every pool.
        writes_together: How many claims and finishes go in one request at most; 1: each goes alone.
        access_table: Where tenants are.
        plans: The plans that the deployment defines.
    """

    pace: Pace
    logs_bucket: str
    allowed_networks: tuple[Network, ...]
    circuit_failures: int
    circuit_open: int
    tenant_concurrency: Mapping[str, int]
    least_log: int
    allow_kinds: Mapping[str, frozenset[str]]
    writes_together: int
    access_table: str
    plans: Plans


@dataclass(frozen=True)
class SchedulerSettings(StoreSettings):
    """What a scheduler needs.

    Args:
        pace: How often the wheel is turned.
        scheduler_function: The name of its own function, which it starts again.
        code_version: A scheduler whose code is of another version hands over at once.
        schedulers: How many run at the same time.
        access_table: Where tenants are.
        plans: The plans that the deployment defines.
        tenant_concurrency: How many executions run at once, by tenant; ``*`` stands for those who are not named.
    """

    pace: Pace
    scheduler_function: str
    code_version: str
    schedulers: int
    access_table: str
    plans: Plans
    tenant_concurrency: Mapping[str, int]


@dataclass(frozen=True)
class WatchdogSettings(_FromEnvironment):
    """What the watchdog needs.

    Args:
        control_table: Where it sees which schedulers are alive.
        scheduler_function: The function that it starts.
        code_version: The version of the code that is to run.
        schedulers: How many are to run at the same time.
        deployment: The deployment's name, a dimension of its metrics.
    """

    control_table: str
    scheduler_function: str
    code_version: str
    schedulers: int
    deployment: str
