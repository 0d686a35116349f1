"""The names of tables, queues, functions and environment variables, in one place.

Physical names are ``<deployment>-<role>``; one AWS account can hold several deployments.
"""

from __future__ import annotations

from enum import StrEnum

from tidewheel.domain.fleet.kinds import EVERY_POOL
from tidewheel.domain.fleet.route import (
    FARGATE_POOL,
    LAMBDA_POOL,
    POOL_PATTERN,
    POOLS,
    PRIORITIES,
    ROUTES,
    Route,
    routes_of,
)
from tidewheel.domain.limits import MAX_RECEIVES, RECONCILE_EVERY_MS, RETENTION_MS, WRITES_AT_ONCE

__all__ = [
    "DEAD_LETTERS",
    "DEFAULT_DEPLOYMENT",
    "EVERY_POOL",
    "EXECUTIONS_BY_FAILURE_INDEX",
    "FARGATE_POOL",
    "JOBS_BY_TENANT_INDEX",
    "LAMBDA_POOL",
    "MAX_RECEIVES",
    "METRICS_NAMESPACE",
    "ON_CALL",
    "POOLS",
    "POOL_PATTERN",
    "PRIORITIES",
    "RECONCILE_EVERY_MS",
    "RETENTION_MS",
    "ROUTES",
    "SIGNED_PREFIX",
    "WRITES_AT_ONCE",
    "Env",
    "Function",
    "Output",
    "Route",
    "Table",
    "log_group",
    "logs_bucket",
    "physical",
    "routes_of",
    "secrets_prefix",
]

DEFAULT_DEPLOYMENT = "tidewheel"


class Table(StrEnum):
    """The tables of the state stack; the value is the role in the physical name."""

    JOBS = "jobs"
    WHEEL = "wheel"
    EXECUTIONS = "executions"
    CONTROL = "control"
    ACCESS = "access"
    AUDIT = "audit"


class Function(StrEnum):
    """The functions of the service stack; the value is also the folder under ``functions/``."""

    API = "api"
    AUTHORIZER = "authorizer"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    WATCHDOG = "watchdog"
    RECONCILER = "reconciler"
    DEAD_LETTER_HANDLER = "dead_letter_handler"
    ECHO = "echo"  # a sample target, deployed on the local cloud alone


JOBS_BY_TENANT_INDEX = "by_tenant"
"""Index of the Jobs table that lists a tenant's jobs (partition ``tenant``, sort ``job``)."""

EXECUTIONS_BY_FAILURE_INDEX = "by_failure"
"""Index of the Executions table that lists a tenant's dead letters (partition ``dt``, sort ``de``); it is sparse."""

DEAD_LETTERS = "dead-letters"
ON_CALL = "on-call"
METRICS_NAMESPACE = "Tidewheel"
"""The namespace of all metrics."""


SIGNED_PREFIX = "/iam"
"""What the paths begin with whose requests are signed by an AWS identity (Signature Version 4)."""


def physical(deployment: str, role: str) -> str:
    """The physical name of a table, queue or function, such as ``tidewheel-jobs``."""
    return f"{deployment}-{role}"


def log_group(function: str) -> str:
    """The group of a function's log, by the function's physical name; where Lambda would put it by itself."""
    return f"/aws/lambda/{function}"


def logs_bucket(deployment: str, account: str, region: str) -> str:
    """The physical name of the bucket of logs; the names of buckets are one list for the whole world."""
    return f"{physical(deployment, 'logs')}-{account}-{region}"


def secrets_prefix(deployment: str) -> str:
    """What the names of all secrets begin with that jobs of a deployment may name; a tenant comes next."""
    return f"tidewheel/{deployment}"


class Env(StrEnum):
    """The environment variables by which the stack tells a function what it is made of."""

    JOBS_TABLE = "TIDEWHEEL_JOBS_TABLE"
    WHEEL_TABLE = "TIDEWHEEL_WHEEL_TABLE"
    EXECUTIONS_TABLE = "TIDEWHEEL_EXECUTIONS_TABLE"
    CONTROL_TABLE = "TIDEWHEEL_CONTROL_TABLE"
    ACCESS_TABLE = "TIDEWHEEL_ACCESS_TABLE"
    SIGN_IN = "TIDEWHEEL_SIGN_IN"  # gateway or function: which of them looks at the header Authorization
    ISSUERS = "TIDEWHEEL_ISSUERS"  # JSON list: the issuers whose tokens are accepted
    AUDIT_TABLE = "TIDEWHEEL_AUDIT_TABLE"
    LOGS_BUCKET = "TIDEWHEEL_LOGS_BUCKET"
    QUEUES = "TIDEWHEEL_QUEUES"  # JSON object: "<pool>-<priority>" -> queue URL
    SHARDS = "TIDEWHEEL_SHARDS"
    SCHEDULERS = "TIDEWHEEL_SCHEDULERS"
    PACE = "TIDEWHEEL_PACE"  # loop or economy
    CIRCUIT_FAILURES = "TIDEWHEEL_CIRCUIT_FAILURES"  # in a row; 0: none opens a circuit
    CIRCUIT_OPEN = "TIDEWHEEL_CIRCUIT_OPEN"  # seconds
    TENANT_CONCURRENCY = (
        "TIDEWHEEL_TENANT_CONCURRENCY"  # JSON object: tenant, or "*" for the others -> executions at once
    )
    PLANS = "TIDEWHEEL_PLANS"  # JSON object: plan -> limits by name
    LEAST_LOG = "TIDEWHEEL_LEAST_LOG"  # bytes: a shorter log of an attempt that succeeded is not stored; 0: each is
    WRITES_TOGETHER = "TIDEWHEEL_WRITES_TOGETHER"  # claims and finishes in one request at most; 1: each goes alone
    SCHEDULER_FUNCTION = "TIDEWHEEL_SCHEDULER_FUNCTION"
    DEPLOYMENT = "TIDEWHEEL_DEPLOYMENT"  # under which the secrets lie that jobs name
    LEAN_TRANSPORT = "TIDEWHEEL_LEAN_TRANSPORT"  # true or false: how requests to DynamoDB and SQS are sent
    ALLOWED_NETWORKS = "TIDEWHEEL_ALLOWED_NETWORKS"  # CIDRs that http targets may have besides public ones, or none
    ALLOW_KINDS = "TIDEWHEEL_ALLOW_KINDS"  # JSON object: pool, or "*" for every one -> privileged kinds that it runs
    ALIVE_FILE = "TIDEWHEEL_ALIVE_FILE"  # of a pool's worker, which may lack it: touched as long as it goes on
    PROGRAM_USER = "TIDEWHEEL_PROGRAM_USER"  # of a pool's worker, which may lack it: under whom programs run, or same
    TASK_MODULES = "TIDEWHEEL_TASK_MODULES"  # of a pool's worker, which may lack it: modules with tasks, by commas
    CODE_VERSION = "TIDEWHEEL_CODE_VERSION"  # changes with every change of the shipped code


class Output(StrEnum):
    """The outputs of the service stack that the command line and the local cloud read."""

    API_URL = "ApiUrl"
    MINUTE_FUNCTION = (
        "MinuteFunction"  # what the clock wakes each minute: the watchdog, or in economy mode the scheduler
    )
    ON_CALL_TOPIC_ARN = "OnCallTopicArn"  # in an account alone: whoever subscribes hears of dead letters
    ECHO_FUNCTION_ARN = "EchoFunctionArn"  # on the local cloud alone
