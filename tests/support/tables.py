"""The tables, queues and bucket as the state stack makes them, with their keys alone; for moto and MiniStack."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.fleet.route import ROUTES, Route
from tidewheel.names import EXECUTIONS_BY_FAILURE_INDEX, JOBS_BY_TENANT_INDEX, logs_bucket, physical
from tidewheel.names import Table as Role

_count = itertools.count(1)


@dataclass(frozen=True)
class Tables:
    """Physical names."""

    jobs: str
    wheel: str
    executions: str
    control: str
    access: str
    audit: str


def _key(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": kind}


def _text(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def _table(name: str, *, sorted: bool = True) -> dict[str, Any]:
    keys = [_key("pk", "HASH")] + ([_key("sk", "RANGE")] if sorted else [])
    return {
        "TableName": name,
        "KeySchema": keys,
        "AttributeDefinitions": _text("pk", "sk") if sorted else _text("pk"),
        "BillingMode": "PAY_PER_REQUEST",
    }


def make_tables(dynamodb: Any) -> Tables:
    """New tables under a name that no other test has."""
    deployment = f"t{next(_count)}"
    names = {role.value: physical(deployment, role) for role in Role}
    index = {
        "IndexName": JOBS_BY_TENANT_INDEX,
        "KeySchema": [_key("tenant", "HASH"), _key("job", "RANGE")],
        "Projection": {"ProjectionType": "ALL"},
    }
    jobs = _table(names[Role.JOBS])
    jobs["AttributeDefinitions"] += _text("tenant", "job")
    dynamodb.create_table(**jobs, GlobalSecondaryIndexes=[index])
    dynamodb.create_table(**_table(names[Role.WHEEL]))
    by_failure = {
        "IndexName": EXECUTIONS_BY_FAILURE_INDEX,
        "KeySchema": [_key("dt", "HASH"), _key("de", "RANGE")],
        "Projection": {"ProjectionType": "ALL"},
    }
    executions = _table(names[Role.EXECUTIONS])
    executions["AttributeDefinitions"] += _text("dt", "de")
    dynamodb.create_table(**executions, GlobalSecondaryIndexes=[by_failure])
    dynamodb.create_table(**_table(names[Role.CONTROL], sorted=False))
    dynamodb.create_table(**_table(names[Role.ACCESS]))
    dynamodb.create_table(**_table(names[Role.AUDIT]))
    return Tables(**names)


def drop_tables(dynamodb: Any, tables: Tables) -> None:
    """Removes them again: so that an emulator of a whole session stays small."""
    for name in (tables.jobs, tables.wheel, tables.executions, tables.control, tables.access, tables.audit):
        dynamodb.delete_table(TableName=name)


def make_queues(sqs: Any) -> Mapping[Route, str]:
    """A new queue for each route, by URL."""
    deployment = f"t{next(_count)}"
    return {route: sqs.create_queue(QueueName=physical(deployment, str(route)))["QueueUrl"] for route in ROUTES}


def drop_queues(sqs: Any, urls: Mapping[Route, str]) -> None:
    """Removes them again."""
    for url in urls.values():
        sqs.delete_queue(QueueUrl=url)


def make_bucket(s3: Any) -> str:
    """A new bucket for logs, by name."""
    name = logs_bucket(f"t{next(_count)}", "000000000000", "us-east-1")
    s3.create_bucket(Bucket=name)
    return name


def drop_bucket(s3: Any, bucket: str) -> None:
    """Removes it again, with what is in it."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)
