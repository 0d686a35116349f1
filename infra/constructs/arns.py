"""The ARNs of parts by their physical names.

A part is referred to by name where a reference would tie two stacks to each other's exports, or a function
to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack

from infra.config import Config
from tidewheel import names


@dataclass(frozen=True)
class Arns:
    """The ARNs of one deployment, in the account and region of a stack."""

    stack: Stack
    config: Config

    def table(self, table: names.Table) -> str:
        """A table."""
        return self.stack.format_arn(service="dynamodb", resource="table", resource_name=self.config.physical(table))

    def jobs_by_tenant(self) -> str:
        """The index of the Jobs table; a permission on the table does not include it."""
        return f"{self.table(names.Table.JOBS)}/index/{names.JOBS_BY_TENANT_INDEX}"

    def executions_by_failure(self) -> str:
        """The index of the Executions table."""
        return f"{self.table(names.Table.EXECUTIONS)}/index/{names.EXECUTIONS_BY_FAILURE_INDEX}"

    def logs_bucket(self) -> str:
        """The bucket of logs."""
        name = names.logs_bucket(self.config.deployment, self.stack.account, self.stack.region)
        return self.stack.format_arn(service="s3", region="", account="", resource=name)

    def logs(self) -> str:
        """Everything in it, as a pattern."""
        return f"{self.logs_bucket()}/*"

    def secrets(self) -> str:
        """All secrets that jobs may name; the tenant comes next in their names."""
        return self.secret(f"{names.secrets_prefix(self.config.deployment)}/*")

    def function(self, role: str) -> str:
        """A function by its role in this deployment; the role may be a pattern."""
        return self.stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=self.config.physical(role),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def secret(self, pattern: str) -> str:
        """The secrets whose names match a pattern, which takes in the six characters that follow a name."""
        return self.stack.format_arn(
            service="secretsmanager", resource="secret", resource_name=pattern, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
