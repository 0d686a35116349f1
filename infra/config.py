"""What one deployment is to be, read once from the CDK context and frozen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from ipaddress import ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from infra.capacity import Capacity
from tidewheel import names, settings
from tidewheel.wire.targets import MODELS, PRIVILEGED, allowed_kinds

ReadContext = Callable[[str], object]
"""Answers the value of a context key, or None."""

DEFAULT_SHARDS = {"aws": 16, "local": 4}
ECONOMY_SHARDS = 2
"""Each shard costs an idle deployment in economy mode some 16 cents a month."""
ECONOMY_MEMORY_MB = 512
SCHEDULER_MEMORY_MB = 1024
"""CPU comes with it: 1,769 MB are one processor (AWS Lambda, "Memory"). Most of what an idle loop costs."""
DEFAULT_SCHEDULERS = 2
"""Schedulers that turn the wheel side by side: each takes over for another within 5 s."""
CIRCUIT_FAILURES = 5
CIRCUIT_OPEN = 600
"""Failures in a row that open a target's circuit, and for how many seconds."""
MAX_CIRCUIT_OPEN = 86_400

FARGATE_TASKS = (1, 10)
"""The fewest and the most tasks of the Fargate pool. One at least: from none it would grow only when many wait."""
FARGATE_BASE = 1
"""Tasks that are on demand whatever Spot does; more are Spot, three of four."""
MAX_POOLS = 5
"""A function's environment, 4 KB at most (AWS Lambda quotas), names four queues for each, by URL."""

LOCAL_KINDS = '{"*": ["command", "python"]}'
"""The privileged kinds that run on the local cloud: what the tutorial and the tests use, as the user who started it."""

LOCAL_NETWORKS = "127.0.0.0/8,::1/128"
"""What http targets may have on the local cloud besides public addresses: the receivers of tests and demos."""

_DEPLOYMENT = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]")
"""The name of a bucket takes 63 characters: this, "-logs-", account, and the longest region's name."""
_POOL = re.compile(names.POOL_PATTERN, re.ASCII)
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")

_FORMER = {
    "authorizer_arn": "a deployment brings its own authorizer, for API keys (`tidewheel admin init` makes the first) "
    "and for tokens of the issuers that the context key 'issuers' names"
}
"""Keys that earlier versions had, and what is to be done instead."""

_Choice = TypeVar("_Choice", bound=StrEnum)
_Parsed = TypeVar("_Parsed")


class ApiLogs(StrEnum):
    """Whether API Gateway writes logs, which takes a role that an account has once for each region."""

    OFF = "off"
    ACCOUNT_ROLE = "account-role"  # by the role that the account has
    OWN_ROLE = "own-role"  # by a role of this deployment, which becomes the account's


class Stage(StrEnum):
    """A stack."""

    STATE = "state"
    SERVICE = "service"


class Target(StrEnum):
    """Where the app is deployed: a real account, or an emulator on this machine."""

    AWS = "aws"
    LOCAL = "local"


class ContextError(Exception):
    """A context key is missing or holds what cannot be used; ``key`` names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"context {key!r} {problem}")
        self.key = key


@dataclass(frozen=True)
class Config:
    """The answers to every question that the app asks of the person who deploys it.

    ``listed`` holds, by context key, the ARNs that are given for the kinds of target which ask for them. ``creating``
    holds the stacks that this deployment creates: they are protected against deletion by the next one, so that a
    creation that fails can be rolled back and repeated.
    """

    target: Target
    deployment: str
    shards: int
    schedulers: int
    listed: Mapping[str, tuple[str, ...]]
    capacity: Capacity
    api_logs: ApiLogs = ApiLogs.OFF
    creating: frozenset[Stage] = frozenset()
    economy: bool = False
    containers: bool = False
    scheduler_memory: int = SCHEDULER_MEMORY_MB
    circuit_failures: int = CIRCUIT_FAILURES
    circuit_open: int = CIRCUIT_OPEN
    tenant_concurrency: str = "{}"
    plans: str = "{}"
    least_log: int = 0
    writes_together: int = names.WRITES_AT_ONCE
    lean_transport: bool = True
    allow_kinds: str = "{}"
    pools: tuple[str, ...] = names.POOLS
    allowed_networks: str = "none"
    fargate: bool = False
    fargate_tasks: tuple[int, int] = FARGATE_TASKS
    fargate_vpc: str | None = None
    fargate_subnets: tuple[str, ...] = ()
    fargate_base: int = FARGATE_BASE
    fargate_public: bool = True
    sign_in: settings.SignIn = settings.SignIn.GATEWAY
    issuers: str = "[]"

    @property
    def routes(self) -> tuple[names.Route, ...]:
        """What has a queue: each pool with each priority."""
        return names.routes_of(self.pools)

    @property
    def pace(self) -> str:
        """What the functions are told of how the wheel is turned."""
        return "economy" if self.economy else "loop"

    @property
    def local(self) -> bool:
        """Whether this is for the emulator: nothing is protected there."""
        return self.target is Target.LOCAL

    def protects(self, stage: Stage) -> bool:
        """Whether a stack, and what it keeps, is protected against deletion."""
        return not self.local and stage not in self.creating

    def runs(self, kind: str, pool: str) -> bool:
        """Whether targets of a kind may run on a pool."""
        return allowed_kinds(settings.allow_kinds(self.allow_kinds)).allows(kind, pool)

    def physical(self, role: str) -> str:
        """The physical name of a part in this deployment."""
        return names.physical(self.deployment, role)

    @classmethod
    def from_context(cls, read: ReadContext) -> Config:
        """Reads the context.

        Raises:
            ContextError: A key is malformed, or is none any more.
        """
        for key, problem in _FORMER.items():
            if _text(read, key):
                raise ContextError(key, f"is none any more: {problem}")
        target, economy = _target(read), _flag(read, "economy")
        schedulers = _number(read, "schedulers", 1 if economy else DEFAULT_SCHEDULERS)
        config = cls(
            target=target,
            deployment=_deployment(read),
            shards=_number(read, "shards", ECONOMY_SHARDS if economy else DEFAULT_SHARDS[target]),
            schedulers=schedulers,
            listed=_listed_targets(read),
            capacity=Capacity.from_context(
                partial(_number, read), local=target is Target.LOCAL, economy=economy, schedulers=schedulers
            ),
            api_logs=_one_of(read, "api_logs", ApiLogs, ApiLogs.OFF),
            creating=frozenset(_each_of(read, "creating", Stage)),
            economy=economy,
            containers=_flag(read, "containers"),
            allowed_networks=_networks(read, LOCAL_NETWORKS if target is Target.LOCAL else "none"),
            scheduler_memory=_number(read, "scheduler_memory", ECONOMY_MEMORY_MB if economy else SCHEDULER_MEMORY_MB),
            pools=_pools(read),
            fargate=_flag(read, "fargate"),
            fargate_tasks=_tasks(read),
            fargate_vpc=_matching(read, "fargate_vpc", _VPC, "the id of a VPC, as in vpc-0123456789abcdef0"),
            fargate_subnets=_subnets(read),
            fargate_base=_number(read, "fargate_base", FARGATE_BASE, least=0),
            fargate_public=_flag(read, "fargate_public", default="false" if _text(read, "fargate_vpc") else "true"),
            circuit_failures=_number(read, "circuit_failures", CIRCUIT_FAILURES, 0),
            circuit_open=_number(read, "circuit_open", CIRCUIT_OPEN, 1, MAX_CIRCUIT_OPEN),
            tenant_concurrency=_tenant_concurrency(read),
            plans=_plans(read),
            least_log=_number(read, "least_log", 0, 0),
            writes_together=_number(read, "writes_together", names.WRITES_AT_ONCE, 1, names.WRITES_AT_ONCE),
            lean_transport=_flag(read, "lean_transport", default="true"),
            sign_in=_one_of(read, "sign_in", settings.SignIn, settings.SignIn.GATEWAY),
            issuers=_issuers(read),
            allow_kinds=_allow_kinds(read, LOCAL_KINDS if target is Target.LOCAL else "{}"),
        )
        _check_kinds(config)
        _check_together(config)
        return config


def _text(read: ReadContext, key: str) -> str:
    value = read(key)
    return "" if value is None else str(value).strip()


def _target(read: ReadContext) -> Target:
    return _one_of(read, "target", Target, Target.AWS)


def _one_of(read: ReadContext, key: str, kind: type[_Choice], default: _Choice) -> _Choice:
    return _choice(key, _text(read, key) or default, kind)


def _each_of(read: ReadContext, key: str, kind: type[_Choice]) -> list[_Choice]:
    return [_choice(key, text, kind) for text in _listed(read, key)]


def _choice(key: str, text: str, kind: type[_Choice]) -> _Choice:
    try:
        return kind(text)
    except ValueError as error:
        *others, last = kind
        raise ContextError(key, f"must be {', '.join(others)} or {last}, not {str(text)!r}") from error


def _deployment(read: ReadContext) -> str:
    text = _text(read, "deployment") or names.DEFAULT_DEPLOYMENT
    if not _DEPLOYMENT.fullmatch(text):
        raise ContextError("deployment", f"must be 2 to 30 lower-case letters, digits and dashes, not {text!r}")
    return text


def _number(read: ReadContext, key: str, default: int, least: int = 1, most: int | None = None) -> int:
    text = _text(read, key) or str(default)
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ContextError(key, f"must be a whole number of {bounds}, not {text!r}")
    return int(text)


def _json(read: ReadContext, key: str, default: str, parse: Callable[[str], _Parsed]) -> _Parsed:
    """Text on the command line, an object or a list in a context file."""
    value = read(key)
    text = json.dumps(value) if isinstance(value, dict | list) else _text(read, key) or default
    try:
        return parse(text)
    except ValueError as error:
        raise ContextError(key, str(error)) from error


def _tenant_concurrency(read: ReadContext) -> str:
    """As the worker's environment holds it."""
    return json.dumps(_json(read, "tenant_concurrency", "{}", settings.tenant_concurrency), sort_keys=True)


def _plans(read: ReadContext) -> str:
    """As the environments of API and workers hold them."""
    return json.dumps(_json(read, "plans", "{}", settings.plans), sort_keys=True)


def _allow_kinds(read: ReadContext, default: str) -> str:
    """As the environments of API and workers hold it."""
    allowed = _json(read, "allow_kinds", default, settings.allow_kinds)
    for kind in sorted(frozenset().union(*allowed.values()) - PRIVILEGED):
        raise ContextError(
            "allow_kinds", f"names {kind!r}: what needs to be allowed are {', '.join(sorted(PRIVILEGED))}"
        )
    return json.dumps({pool: sorted(kinds) for pool, kinds in allowed.items()}, sort_keys=True)


def _issuers(read: ReadContext) -> str:
    """As the authorizer's environment holds it, which parses the text itself."""

    def checked(text: str) -> object:
        settings.check_issuers(text)
        return json.loads(text)

    return json.dumps(_json(read, "issuers", "[]", checked), sort_keys=True, separators=(",", ":"))


def _check_together(config: Config) -> None:
    """Some settings do not go with others."""
    if config.fargate and config.local:
        raise ContextError("fargate", "is for an account: the local cloud runs the pool's worker beside the engine")
    if config.containers and not config.local:
        raise ContextError("containers", "is for target local: an account runs its functions as it does")
    if config.economy and config.schedulers != 1:
        raise ContextError("schedulers", "must be 1 or absent in economy mode, where no scheduler stays")
    if config.sign_in is settings.SignIn.FUNCTION and not config.local:
        raise ContextError("sign_in", "must be gateway in an account: function is for an emulator's gateway alone")
    if config.sign_in is settings.SignIn.FUNCTION and config.issuers != "[]":
        raise ContextError("issuers", "needs sign_in to be gateway: the function looks at keys alone")
    for issuer in json.loads(config.issuers):
        if not config.local and urlsplit(issuer["jwks_url"]).scheme != "https":
            raise ContextError("issuers", f"needs an https URL as jwks_url in an account, not {issuer['jwks_url']!r}")


def _check_kinds(config: Config) -> None:
    """Pools must be there, and the lists of a privileged kind are given if it is allowed, and only then."""
    by_pool = settings.allow_kinds(config.allow_kinds)
    for pool in sorted(by_pool.keys() - {names.EVERY_POOL, *config.pools}):
        raise ContextError("allow_kinds", f"names the pool {pool!r}, which is none of {', '.join(config.pools)}")
    for kind in sorted(PRIVILEGED):
        allowed = any(kind in kinds for kinds in by_pool.values())
        for listed in MODELS[kind].lists():
            given = bool(config.listed[listed.key])
            if given and not allowed:
                raise ContextError(
                    listed.key, f"is for the kind {kind}, which no pool is allowed to run: see allow_kinds"
                )
            if allowed and listed.required and not given:
                raise ContextError(listed.key, f"is needed for the kind {kind}, which allow_kinds allows")


def _flag(read: ReadContext, key: str, default: str = "false") -> bool:
    text = _text(read, key).lower() or default
    if text not in {"true", "false"}:
        raise ContextError(key, f"must be true or false, not {text!r}")
    return text == "true"


def _networks(read: ReadContext, default: str) -> str:
    """A comma separated text on the command line; a list in a context file is as good."""
    value = read("allowed_networks")
    text = ",".join(map(str, value)) or "none" if isinstance(value, list) else _text(read, "allowed_networks")
    parts = [part.strip() for part in (text or default).split(",")]
    if parts == ["none"]:
        return "none"
    try:
        return ",".join(str(ip_network(part)) for part in parts)
    except ValueError as error:
        problem = f"must be networks in CIDR notation, such as 10.0.0.0/8, or none: {error}"
        raise ContextError("allowed_networks", problem) from error


def _matching(read: ReadContext, key: str, pattern: re.Pattern[str], noun: str) -> str | None:
    """The text, which the pattern takes as a whole; None if there is none."""
    text = _text(read, key)
    if text and not pattern.fullmatch(text):
        raise ContextError(key, f"must be {noun}, not {text!r}")
    return text or None


def _all_matching(read: ReadContext, key: str, pattern: re.Pattern[str], noun: str) -> tuple[str, ...]:
    """The parts of a list, each of which the pattern takes as a whole."""
    parts = _listed(read, key)
    for part in parts:
        if not pattern.fullmatch(part):
            raise ContextError(key, f"must be {noun}, not {part!r}")
    return parts


def _listed_targets(read: ReadContext) -> dict[str, tuple[str, ...]]:
    """What jobs may call, where a kind of target has it listed."""
    lists = [listed for model in MODELS.values() for listed in model.lists()]
    return {one.key: _all_matching(read, one.key, re.compile(one.pattern, re.ASCII), one.noun) for one in lists}


def _tasks(read: ReadContext) -> tuple[int, int]:
    least = _number(read, "fargate_min", FARGATE_TASKS[0])
    most = _number(read, "fargate_max", max(FARGATE_TASKS[1], least))
    if most < least:
        raise ContextError("fargate_max", f"must be {least} or more, which fargate_min asks for, not {most}")
    return least, most


def _subnets(read: ReadContext) -> tuple[str, ...]:
    subnets = _all_matching(read, "fargate_subnets", _SUBNET, "ids of subnets, as in subnet-0123456789abcdef0")
    if bool(subnets) != bool(_text(read, "fargate_vpc")):
        raise ContextError("fargate_subnets", "and fargate_vpc go together: name both, or none for a VPC of its own")
    return subnets


def _pools(read: ReadContext) -> tuple[str, ...]:
    """The pools that every deployment has, and the ones that this one has besides."""
    named = _all_matching(read, "pools", _POOL, "names of up to 31 of a-z, 0-9 and dashes")
    pools = tuple(dict.fromkeys((*names.POOLS, *named)))
    if len(pools) > MAX_POOLS:
        raise ContextError("pools", f"may name {MAX_POOLS - len(names.POOLS)} besides {', '.join(names.POOLS)}")
    return pools


def _listed(read: ReadContext, key: str) -> tuple[str, ...]:
    """A comma separated text on the command line; a list in a context file is as good."""
    value = read(key)
    text = ",".join(map(str, value)) if isinstance(value, list) else _text(read, key)
    return tuple(part.strip() for part in text.split(",") if part.strip())
