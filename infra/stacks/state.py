"""The state stack: the four tables, which outlive every version of the service."""

from __future__ import annotations

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.config import Config
from tidewheel import names

TTL_ATTRIBUTE = "ttl"


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


class StateStack(Stack):
    """Everything that cannot be built again from the code."""

    def __init__(self, scope: Construct, id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            id,
            stack_name=config.physical("state"),
            description="Tidewheel: jobs, the wheel, executions and control",
            termination_protection=not config.local,
        )
        self._config = config
        jobs = self._table(names.Table.JOBS)
        jobs.add_global_secondary_index(
            index_name=names.JOBS_BY_TENANT_INDEX,
            partition_key=_text("tenant"),
            sort_key=_text("job"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        self._table(names.Table.WHEEL)
        executions = self._table(names.Table.EXECUTIONS)
        executions.add_global_secondary_index(
            index_name=names.EXECUTIONS_BY_DEATH_INDEX,
            partition_key=_text("dt"),
            sort_key=_text("de"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        self._table(names.Table.CONTROL, sorted_and_expiring=False)

    def _table(self, role: names.Table, *, sorted_and_expiring: bool = True) -> dynamodb.Table:
        """One table, billed by request.

        Encrypted with DynamoDB's own key: it costs nothing per request, while a KMS key would bill calls and
        add one more thing that can throttle the wheel.
        """
        local = self._config.local
        table = dynamodb.Table(
            self,
            role.capitalize(),
            table_name=self._config.physical(role),
            partition_key=_text("pk"),
            sort_key=_text("sk") if sorted_and_expiring else None,
            time_to_live_attribute=TTL_ATTRIBUTE if sorted_and_expiring else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.DEFAULT,
            deletion_protection=not local,
            removal_policy=RemovalPolicy.DESTROY if local else RemovalPolicy.RETAIN,
        )
        _keep_logical_id(table, role.capitalize())
        return table


def _keep_logical_id(table: dynamodb.Table, logical_id: str) -> None:
    """A moved or renamed construct must never mean a new table."""
    resource = table.node.default_child
    assert isinstance(resource, CfnResource)
    resource.override_logical_id(logical_id)
