"""The Control table itself: one item read as of now, one item changed on a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import translated
from tidewheel.adapters.aws.dynamodb.calls import on_condition
from tidewheel.adapters.aws.dynamodb.items import Item, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class ControlTable:
    """One table for the five stores of this package.

    Args:
        client: DynamoDB.
        name: Physical name.
    """

    client: DynamoDBClient
    name: str

    def get(self, operation: str, partition: str, *, as_of_now: bool = True) -> Item | None:
        """An item; None if there is none.

        Args:
            operation: What is tried, such as ``leases.lease``.
            partition: The item's key.
            as_of_now: Whether every write counts that was acknowledged before; else the read costs half.
        """
        with translated(operation, partition):
            key = {"pk": text(partition)}
            return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=as_of_now).get("Item")

    def update(
        self,
        operation: str,
        partition: str,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> tuple[Item | None, Item | None]:
        """Changes an item if it meets the condition.

        Args:
            operation: What is tried, such as ``leases.take``.
            partition: The item's key.
            change: The update expression.
            condition: The condition expression; empty if there is none.
            values: The values of both expressions, by placeholder.
            names: The attribute names of both expressions, by placeholder, or None.

        Returns:
            The item as written and None; or None and the item that did not meet the condition, if there is one.
        """
        extra: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        if condition:
            extra["ConditionExpression"] = condition
        if values:
            extra["ExpressionAttributeValues"] = values
        answer, standing = on_condition(
            operation,
            partition,
            self.client.update_item,
            TableName=self.name,
            Key={"pk": text(partition)},
            UpdateExpression=change,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **extra,
        )
        return None if answer is None else answer["Attributes"], standing
