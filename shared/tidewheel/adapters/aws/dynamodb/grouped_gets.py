"""Reads of single items that go in one request when several threads ask at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewheel.adapters.aws.clients import shared, translated
from tidewheel.adapters.aws.dynamodb.calls import last_start_ms, read_into
from tidewheel.adapters.aws.dynamodb.items import Item
from tidewheel.adapters.aws.dynamodb.together import ALONE, Together, Unsent
from tidewheel.domain.limits import JOBS_AT_ONCE
from tidewheel.ports import PortError, Refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class _Get:
    subject: str
    key: Mapping[str, Any]

    @property
    def sorted_key(self) -> tuple[str, str]:
        return self.key["pk"]["S"], self.key["sk"]["S"]


class GroupedGets:
    """Eventually consistent reads of a table, by key: ``GetItem``, or ``BatchGetItem`` for several.

    An item is read after it was asked for, as by a request of its own. What several ask for is read once.

    Args:
        client: DynamoDB.
        operation: What errors name.
        table: Physical name of a table with sort keys.
    """

    def __init__(self, client: DynamoDBClient, operation: str, table: str) -> None:
        self._client = client
        self._operation = operation
        self._table = table
        self.together = Together[_Get, Item | PortError | None](self._read, JOBS_AT_ONCE)

    def get(self, subject: str, key: Mapping[str, Any]) -> Item | None:
        """The item of a key, or None; ``subject`` is what an error names.

        Raises:
            Throttled: It was still unprocessed after several tries.
            PortError: The request failed that it was in. One that is refused fails nobody else: each is asked alone.
        """
        asked = _Get(subject, key)
        answer = self.together.ask(asked)
        if answer is ALONE:
            return self._alone(asked)
        if isinstance(answer, PortError):
            raise answer
        return answer

    def _alone(self, asked: _Get) -> Item | None:
        with translated(self._operation, asked.subject):
            return self._client.get_item(TableName=self._table, Key=asked.key, ConsistentRead=False).get("Item")

    def _read(self, group: Sequence[_Get]) -> Sequence[Item | PortError | Unsent | None]:
        if len(group) == 1:
            return [self._alone(group[0])]
        once = {one.sorted_key: one.key for one in group}
        found: list[Item] = []
        failure: PortError | None = None
        try:
            read_into(found, self._client, self._operation, self._table, list(once.values()), until_ms=last_start_ms())
        except Refused:  # for what one of them says, or for want of the right to read several
            return [ALONE] * len(group)
        except PortError as error:
            failure = error
        items = {(item["pk"]["S"], item["sk"]["S"]): item for item in found}
        return [items.get(one.sorted_key, self._failed(one, failure)) for one in group]

    def _failed(self, asked: _Get, failure: PortError | None) -> PortError | None:
        """The error of the request as that of one question."""
        return failure and shared(failure, self._operation, asked.subject)
