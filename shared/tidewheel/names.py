"""The names of tables, queues, functions and environment variables, in one place.

Physical names are ``<deployment>-<role>``; one AWS account can hold several deployments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_DEPLOYMENT = "tidewheel"


class Table(StrEnum):
    """The four tables of the state stack; the value is the role in the physical name."""

    JOBS = "jobs"
    WHEEL = "wheel"
    EXECUTIONS = "executions"
    CONTROL = "control"


class Function(StrEnum):
    """The functions of the service stack; the value is also the folder under ``functions/``."""

    API = "api"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    WATCHDOG = "watchdog"
    ECHO = "echo"  # a sample target, deployed on the local cloud alone


JOBS_BY_TENANT_INDEX = "by_tenant"
"""Index of the Jobs table that lists a tenant's jobs (partition ``tenant``, sort ``job``)."""

DEAD_LETTERS = "dead-letters"
PRIORITIES = ("critical", "high", "normal", "low")
POOLS = ("lambda",)


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """Where work waits for a worker: one queue per pool and priority."""

    pool: str
    priority: str

    def __str__(self) -> str:
        return f"{self.pool}-{self.priority}"

    @classmethod
    def parse(cls, text: str) -> Route:
        """The inverse of ``str``; the priority never holds a dash.

        Raises:
            ValueError: The text has no dash.
        """
        pool, dash, priority = text.rpartition("-")
        if not dash:
            raise ValueError(f"{text!r} is not <pool>-<priority>")
        return cls(pool, priority)


ROUTES = tuple(Route(pool, priority) for pool in POOLS for priority in PRIORITIES)


def physical(deployment: str, role: str) -> str:
    """The physical name of a table, queue or function, such as ``tidewheel-jobs``."""
    return f"{deployment}-{role}"


class Env(StrEnum):
    """The environment variables by which the stack tells a function what it is made of."""

    JOBS_TABLE = "TIDEWHEEL_JOBS_TABLE"
    WHEEL_TABLE = "TIDEWHEEL_WHEEL_TABLE"
    EXECUTIONS_TABLE = "TIDEWHEEL_EXECUTIONS_TABLE"
    CONTROL_TABLE = "TIDEWHEEL_CONTROL_TABLE"
    QUEUES = "TIDEWHEEL_QUEUES"  # JSON object: "<pool>-<priority>" -> queue URL
    SHARDS = "TIDEWHEEL_SHARDS"
    SCHEDULER_FUNCTION = "TIDEWHEEL_SCHEDULER_FUNCTION"
    CODE_VERSION = "TIDEWHEEL_CODE_VERSION"  # changes with every change of the shipped code


class Output(StrEnum):
    """The outputs of the service stack that the command line and the local cloud read."""

    API_URL = "ApiUrl"
    WATCHDOG_FUNCTION = "WatchdogFunction"
    ECHO_FUNCTION_ARN = "EchoFunctionArn"  # on the local cloud alone
