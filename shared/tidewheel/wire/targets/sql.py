"""The ``sql`` target on the wire."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tidewheel.wire.arns import arn_of
from tidewheel.wire.bodies.target import Listed, Right, WatchedTarget
from tidewheel.wire.model import refusal, shown

MAX_SQL = 65_536
"""The longest statement in characters (Amazon RDS Data Service API, ExecuteStatement)."""
_CLUSTER = "arn:aws:rds:eu-west-1:111122223333:cluster:orders"
_SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds-db-credentials/orders-AbCdEf"  # noqa: S105 - its name
_CLUSTERS = Listed(
    "sql_clusters",
    r"arn:[a-z-]+:rds:[a-z0-9-]+:\d{12}:cluster:[A-Za-z][A-Za-z0-9-]{0,62}",
    "ARNs of Aurora clusters",
    required=True,
)
_SECRETS = Listed(
    "sql_secrets",
    r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]{1,512}-[A-Za-z0-9]{6}",
    "full ARNs of secrets, as in arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!cluster-1a2b-AbCdEf",
)
"""The Data API reads the secret that a job names with the rights of whoever calls it. Those that lie under the
deployment's own name need no listing."""
_cluster = arn_of("rds", r"cluster:[A-Za-z][A-Za-z0-9-]{0,62}", "an Aurora cluster", _CLUSTER)
_secret = arn_of("secretsmanager", r"secret:[A-Za-z0-9/_+=.@!-]{1,519}", "a secret in Secrets Manager", _SECRET)
_NAME = re.compile(r"(?!tidewheel_)[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_LONG = 1 << 63


def mentions(sql: str, name: str) -> bool:
    """Whether a statement has a placeholder for a parameter; two colons are a cast."""
    return re.search(rf"(?<!:):{re.escape(name)}\b", sql) is not None


def _check_sql(sql: str) -> str:
    if not sql.strip():
        raise refusal("the statement is empty", "write one SQL statement")
    return sql


def _check_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Messages do not show values, which may be secrets."""
    for name, value in parameters.items():
        if not _NAME.fullmatch(name):
            remedy = "use letters, digits and _, begin with no digit, and not with tidewheel_"
            raise refusal(f"{shown(name)} cannot be a parameter's name", remedy)
        if value is not None and not isinstance(value, bool | int | float | str):
            raise refusal(f"the value of {name} is not one that a column takes", "use a string, a number, true or null")
        if isinstance(value, int) and not -_LONG <= value < _LONG:
            raise refusal(
                f"the value of {name} has more than 64 bits", "write it as a string and cast it in the statement"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise refusal(f"the value of {name} is not finite", "use a finite number")
    return parameters


class SqlTarget(WatchedTarget):
    """One SQL statement on an Aurora cluster by its Data API, as the user in a secret, with named parameters.

    A statement may mention `:tidewheel_execution`, `:tidewheel_token` and `:tidewheel_nominal_ms` without more.
    """

    PRIVILEGED = True
    PARTY = "cluster"
    DATA = frozenset({"parameters"})
    SERVICES = frozenset({"rds-data"})
    RIGHTS = (
        Right(("rds-data:ExecuteStatement",), listed=_CLUSTERS),
        Right(("secretsmanager:GetSecretValue",), listed=_SECRETS),
    )

    kind: Literal["sql"]
    cluster: Annotated[str, Field(examples=[_CLUSTER]), AfterValidator(_cluster)]
    secret: Annotated[str, Field(examples=[_SECRET]), AfterValidator(_secret)]
    database: Annotated[str, Field(min_length=1, max_length=64, examples=["orders"])]
    sql: Annotated[
        str,
        Field(max_length=MAX_SQL, examples=["INSERT INTO runs (id) VALUES (:tidewheel_execution)"]),
        AfterValidator(_check_sql),
    ]
    parameters: Annotated[dict[str, Any], AfterValidator(_check_parameters)] = Field(default_factory=dict)

    @field_validator("parameters", mode="after")
    @classmethod
    def _all_mentioned(cls, parameters: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for name in parameters:
            if "sql" in info.data and not mentions(info.data["sql"], name):  # absent if it was refused itself
                raise refusal(f"the statement has no place for {name}", f"write :{name} in it, or leave it out")
        return parameters

    def summary(self) -> str:
        """The cluster and how the statement begins."""
        return f"sql {self.cluster.rpartition(':')[2]} {' '.join(self.sql.split())[:40]}"
