"""The parts that several functions build alike."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace
from typing import TYPE_CHECKING

import tzdata

from tidewheel.adapters.aws.dynamodb.control.layouts import DynamoLayouts
from tidewheel.adapters.aws.dynamodb.control.table import ControlTable
from tidewheel.adapters.aws.dynamodb.grouped_gets import GroupedGets
from tidewheel.adapters.aws.dynamodb.jobs import DynamoJobs
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import Clock
from tidewheel.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def jobs(client: DynamoDBClient, jobs_table: str, wheel_table: str = "", executions_table: str = "") -> DynamoJobs:
    """The Jobs store; a flow that only reads jobs names no other table.

    From here on the process reads time zones from the locked ``tzdata`` package alone, never from the operating
    system, so that all functions agree on the instants of a schedule. Generations record the package's version.
    """
    zoneinfo.reset_tzpath(to=())
    return DynamoJobs(client, jobs_table, wheel_table, executions_table, zones=tzdata.IANA_VERSION)


def all_jobs(client: DynamoDBClient, settings: StoreSettings, *, grouped: bool = False) -> DynamoJobs:
    """The Jobs store with the tables that its transactions write to; grouped: several threads' reads go together."""
    made = jobs(client, settings.jobs_table, settings.wheel_table, settings.executions_table)
    return replace(made, gets=GroupedGets(client, "jobs.get", settings.jobs_table)) if grouped else made


def layout_cache(client: DynamoDBClient, settings: StoreSettings, clock: Clock) -> LayoutCache:
    """What the process knows of the shard layout; it is read when it is first needed."""
    return LayoutCache(DynamoLayouts(ControlTable(client, settings.control_table)), clock, settings.shards)
