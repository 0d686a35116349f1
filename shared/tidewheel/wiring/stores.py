"""The stores that several functions build alike."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

import tzdata

from tidewheel.adapters.aws.dynamodb.jobs import DynamoJobs
from tidewheel.settings import RunSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def jobs(client: DynamoDBClient, jobs_table: str, wheel_table: str = "", executions_table: str = "") -> DynamoJobs:
    """The Jobs store; who only reads jobs needs no other table's name.

    From here on the process takes its time zones from the locked ``tzdata`` package alone, never from the
    operating system: every function then agrees on what a schedule names, and generations say by which version.
    """
    zoneinfo.reset_tzpath(to=())
    return DynamoJobs(client, jobs_table, wheel_table, executions_table, zones=tzdata.IANA_VERSION)


def all_jobs(client: DynamoDBClient, settings: RunSettings) -> DynamoJobs:
    """The Jobs store with the tables that its transactions reach."""
    return jobs(client, settings.jobs_table, settings.wheel_table, settings.executions_table)
