"""The ``sql`` target: one statement on an Aurora cluster, by its Data API."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.targets.calling import SdkError, answered, failed, succeeded_with
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Call, Caller
from tidewheel.wire.targets.sql import mentions

if TYPE_CHECKING:
    from mypy_boto3_rds_data import RDSDataServiceClient
    from mypy_boto3_rds_data.type_defs import FieldTypeDef, SqlParameterTypeDef

KIND = "sql"
READ_MS = 60 * SECOND_MS
"""Read time-out (ms): the Data API ends a statement after 45 s (Amazon Aurora, limitations of the Data API)."""

_AGAIN = re.compile(r"SQLState: (?:40001|40P01)")
"""The SQL states of a serialization failure and a deadlock: the transaction was rolled back and may be repeated."""

_RESUMING = "DatabaseResumingException"
_TOO_LONG = "StatementTimeoutException"


def make(_: Surroundings) -> Caller:
    """The caller of this kind."""
    return SqlTarget(boto3.client("rds-data", config=clients.asking_once(READ_MS)))


@dataclass(frozen=True, slots=True)
class SqlTarget:
    """``ports.Caller`` for the kind ``sql``.

    A statement that mentions ``:tidewheel_execution``, ``:tidewheel_token`` (the attempt, an integer) or
    ``:tidewheel_nominal_ms`` gets them as parameters, so that it can recognise a repeat.
    """

    client: RDSDataServiceClient

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        return answered(call, lambda: self._execute(call), lambda said: _answer_of(call, said), _refused)

    def _execute(self, call: Call) -> Mapping[str, Any]:
        spec = call.target.spec
        return self.client.execute_statement(
            resourceArn=spec["cluster"],
            secretArn=spec["secret"],
            database=spec["database"],
            sql=spec["sql"],
            parameters=_parameters(call),
            includeResultMetadata=True,
        )


def _parameters(call: Call) -> list[SqlParameterTypeDef]:
    sql, own = str(call.target.spec["sql"]), call.target.spec.get("parameters") or {}
    supplied = {
        "tidewheel_execution": call.execution,
        "tidewheel_token": call.attempt,
        "tidewheel_nominal_ms": call.nominal_ms,
    }
    wanted = {name: value for name, value in supplied.items() if mentions(sql, name)}
    return [{"name": name, "value": _field(value)} for name, value in {**own, **wanted}.items()]


def _field(value: Any) -> FieldTypeDef:
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}


def _answer_of(call: Call, said: Mapping[str, Any]) -> Answer:
    document = {"updated": said.get("numberOfRecordsUpdated") or 0, "records": _records(said)}
    return succeeded_with(call, json.dumps(document).encode())


def _refused(error: SdkError) -> Answer:
    """The answer of an error, where the service's status 400 hides that a retry may help: the database resumes, two
    statements deadlocked, or the statement ran too long.
    """
    answer = failed(error)
    code = clients.code_of(error) if isinstance(error, ClientError) else ""
    if code == _TOO_LONG:
        return replace(answer, result=Result.TIMED_OUT)
    if code == _RESUMING or _AGAIN.search(answer.reason):
        return replace(answer, retryable=True)
    return answer


def _records(said: Mapping[str, Any]) -> list[Any]:
    """The rows as objects by column label; as lists if labels are missing or occur twice."""
    labels = [column.get("label") or column.get("name") or "" for column in said.get("columnMetadata") or ()]
    rows = [[_value(field) for field in row] for row in said.get("records") or ()]
    if not labels or len(set(labels)) < len(labels):
        return rows
    return [dict(zip(labels, row, strict=True)) for row in rows]


def _value(field: Mapping[str, Any]) -> Any:
    ((kind, value),) = field.items()
    match kind:
        case "isNull":
            return None
        case "blobValue":
            return base64.b64encode(value).decode()
        case "arrayValue":
            return _array(value)
        case _:
            return value


def _array(value: Mapping[str, Sequence[Any]]) -> list[Any]:
    ((kind, values),) = value.items()
    return [_array(one) for one in values] if kind == "arrayValues" else list(values)
