"""The state stack: the tables and the bucket of logs, which outlive every version of the service."""

from __future__ import annotations

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import nag
from infra.config import Config, Stage
from infra.constructs.keeping import removal
from tidewheel import names

TTL_ATTRIBUTE = "ttl"
_HOT = (names.Table.WHEEL, names.Table.EXECUTIONS)


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


class StateStack(Stack):
    """Everything that cannot be built again from the code."""

    def __init__(self, scope: Construct, id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            id,
            stack_name=config.physical("state"),
            description="Tidewheel: jobs, the wheel, executions, control, access, audit and logs",
            termination_protection=config.protects(Stage.STATE),
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
            index_name=names.EXECUTIONS_BY_FAILURE_INDEX,
            partition_key=_text("dt"),
            sort_key=_text("de"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        self._table(names.Table.CONTROL, sorted_and_expiring=False)
        self._table(names.Table.ACCESS)
        self._table(names.Table.AUDIT)
        self._logs()

    def _table(self, role: names.Table, *, sorted_and_expiring: bool = True) -> dynamodb.Table:
        """One table, billed by request.

        Encrypted with DynamoDB's own key: it costs nothing per request, while a KMS key would bill calls and
        add one more thing that can throttle the wheel.
        """
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
            deletion_protection=self._config.protects(Stage.STATE),
            removal_policy=removal(self._config),
            warm_throughput=self._warm_throughput(role),
        )
        _keep_logical_id(table, role.capitalize())
        return table

    def _warm_throughput(self, role: names.Table) -> dynamodb.WarmThroughput | None:
        """For the tables that every run writes; the others are written when a job is."""
        capacity = self._config.capacity
        if role not in _HOT or not (capacity.warm_reads or capacity.warm_writes):
            return None
        return dynamodb.WarmThroughput(
            read_units_per_second=capacity.warm_reads or None, write_units_per_second=capacity.warm_writes or None
        )

    def _logs(self) -> s3.Bucket:
        """The bucket of the attempts' logs, which are kept as long as their executions are."""
        expiry = s3.LifecycleRule(
            expiration=Duration.millis(names.RETENTION_MS),
            abort_incomplete_multipart_upload_after=Duration.days(1),
        )
        bucket = s3.Bucket(
            self,
            "Logs",
            bucket_name=names.logs_bucket(self._config.deployment, self.account, self.region),
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[expiry],
            removal_policy=removal(self._config),
        )
        _keep_logical_id(bucket, "Logs")
        nag.acknowledge(
            bucket, "S1", "The two functions that touch it count what they do; a log of each access would cost as much."
        )
        return bucket


def _keep_logical_id(part: dynamodb.Table | s3.Bucket, logical_id: str) -> None:
    """A moved or renamed construct must never mean a new table, or a new bucket."""
    resource = part.node.default_child
    assert isinstance(resource, CfnResource)
    resource.override_logical_id(logical_id)
