"""The fixed names of a deployment, of which each must be free before its stack is created."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.config import ApiLogs, Config, Stage
from tidewheel import names


@dataclass(frozen=True)
class Named:
    """Something that a stack creates under a fixed name.

    Args:
        stage: The stack.
        kind: What it is, as in ``a table``; ``checks`` knows how to look for each.
        name: Its name.
    """

    stage: Stage
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def fixed_names(config: Config, account: str, region: str) -> Iterator[Named]:
    """All of them, for an account's number and a region. A test compares them with the templates."""
    physical = config.physical
    for table in names.Table:
        yield Named(Stage.STATE, "table", physical(table))
    yield Named(Stage.STATE, "bucket", names.logs_bucket(config.deployment, account, region))
    for queue in (*map(str, config.routes), names.DEAD_LETTERS):
        yield Named(Stage.SERVICE, "queue", physical(queue))
    for function in _functions(config):
        yield Named(Stage.SERVICE, "function", physical(function))
        yield Named(Stage.SERVICE, "log group", names.log_group(physical(function)))
    if config.api_logs is not ApiLogs.OFF:
        yield Named(Stage.SERVICE, "log group", f"/aws/apigateway/{physical('api')}")
    yield Named(Stage.SERVICE, "topic", physical(names.ON_CALL))
    if config.fargate:
        yield Named(Stage.SERVICE, "log group", f"/aws/ecs/{physical(f'worker-{names.FARGATE_POOL}')}")
        yield Named(Stage.SERVICE, "cluster", physical("workers"))


def _functions(config: Config) -> list[names.Function]:
    without = {names.Function.ECHO} | ({names.Function.WATCHDOG} if config.economy else set())
    return [function for function in names.Function if function not in without]
