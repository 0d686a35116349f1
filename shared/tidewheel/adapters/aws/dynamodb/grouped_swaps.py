"""Conditional writes of whole items that go in one request when several threads write at once.

A write that comes alone is a ``PutItem``. Those that come while a request is under way go together as statements of
PartiQL (``BatchExecuteStatement``), each with its own condition and its own answer. No statement replaces an item, so
one names every attribute: those that the item has are set, the others removed.

Whether a statement whose condition failed returns the item that stands is told differently by AWS's documents, and
``INSERT`` returns none anywhere. What is returned is taken; what is not is read once, by the thread whose write it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidewheel.adapters.aws.clients import error_of, shared, translated
from tidewheel.adapters.aws.dynamodb.calls import jitter_ms, swap
from tidewheel.adapters.aws.dynamodb.items import Attributes, Item, NewItem, number, without_nones
from tidewheel.adapters.aws.dynamodb.together import ALONE, Together, Unsent
from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import GROUPED_BYTES, SECOND_MS, TRY_BOUND_MS
from tidewheel.ports import Clock, Fenced, PortError, Refused, Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementErrorTypeDef, BatchStatementRequestTypeDef

_CONDITION_FAILED = {"ConditionalCheckFailed", "DuplicateItem"}
_CODES = {
    "ItemCollectionSizeLimitExceeded": "ItemCollectionSizeLimitExceededException",
    "ProvisionedThroughputExceeded": "ProvisionedThroughputExceededException",
    "ResourceNotFound": "ResourceNotFoundException",
    "ThrottlingError": "ThrottlingException",
    "TransactionConflict": "TransactionConflictException",
    "ValidationError": "ValidationException",
}
"""A statement's codes by which a request of its own would have said the same (DynamoDB API, BatchStatementError)."""
_INTERNAL = "InternalServerError"
_CLOCK: Clock = SystemClock()  # pauses between two tries, below the engine's clock


@dataclass(frozen=True, slots=True)
class _Write:
    """A write: what is to stand, and which version (None: no item) is to be replaced."""

    subject: str
    attributes: Attributes
    expected: int | None

    @property
    def item(self) -> NewItem:
        return without_nones(self.attributes)

    @property
    def key(self) -> NewItem:
        return {name: value for name in ("pk", "sk") if (value := self.attributes[name])}

    @property
    def sorted_key(self) -> tuple[str, str]:
        return self.key["pk"]["S"], self.key["sk"]["S"]

    @property
    def is_large(self) -> bool:
        return sum(len(text) for value in self.attributes.values() if value for text in value.values()) > GROUPED_BYTES


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of a write.

    Args:
        standing: The item that stands in its way.
        fails: Whether its condition failed, though that item is not known.
        error: What went wrong.
        passes: Whether that may pass: the SDK would try again by itself.
    """

    standing: Item | None = None
    fails: bool = False
    error: PortError | None = None
    passes: bool = False


_WRITTEN = _Answer()


class GroupedSwaps:
    """``calls.swap`` for several threads. Two writes of one item never go together.

    Args:
        client: DynamoDB.
        operation: What errors name.
        table: Physical name of a table with sort keys.
        most: How many writes go in one request; 1: each goes alone, beside the others.
    """

    def __init__(self, client: DynamoDBClient, operation: str, table: str, most: int) -> None:
        self._client = client
        self._operation = operation
        self._table = table
        self._most = most
        self.together = Together[_Write, _Answer](self._write, most, key=lambda write: write.sorted_key)

    def swap(self, subject: str, attributes: Attributes, expected: int | None) -> Item | None:
        """As ``calls.swap``.

        Args:
            subject: What errors name.
            attributes: Every attribute that items of this kind may have.
            expected: The stored version that is to be replaced; None: there must be none.
        """
        write = _Write(subject, attributes, expected)
        if self._most == 1 or write.is_large:
            return self._alone(write)
        answer = self._answer(write)
        if answer is ALONE:
            return self._alone(write)
        if answer.error is not None:
            raise answer.error
        return self._standing(write) if answer.fails else answer.standing

    def _answer(self, write: _Write) -> _Answer | Unsent:
        """Asks again once, after a pause, as the SDK does with a request of its own, unless the first try took long."""
        until_ms = _CLOCK.monotonic_ms() + TRY_BOUND_MS
        answer = self.together.ask(write)
        if answer is ALONE or not answer.passes or _CLOCK.monotonic_ms() >= until_ms:
            return answer
        _CLOCK.sleep(jitter_ms(SECOND_MS))
        return self.together.ask(write)

    def _alone(self, write: _Write) -> Item | None:
        return swap(self._client, self._operation, write.subject, self._table, write.item, write.expected)

    def _standing(self, write: _Write) -> Item | None:
        """Reads what stands in the way of a write; if that has expired since, a first write is tried once more."""
        with translated(self._operation, write.subject):
            item = self._client.get_item(TableName=self._table, Key=write.key, ConsistentRead=True).get("Item")
        if not item and write.expected is not None:
            raise Fenced(self._operation, write.subject, "the item to be replaced is gone")
        return item or self._alone(write)

    def _write(self, group: Sequence[_Write]) -> Sequence[_Answer | Unsent]:
        """Sends one request. What is refused is asked again by each alone, so that nobody fails for another's write."""
        if len(group) == 1:
            return [_Answer(self._alone(group[0]))]
        statements = [self._statement(write) for write in group]
        try:
            with translated(self._operation, self._table):
                answers = self._client.batch_execute_statement(Statements=statements)["Responses"]
        except Refused:
            return [ALONE] * len(group)
        except PortError as error:
            return [_Answer(error=shared(error, self._operation, one.subject)) for one in group]
        return [self._answered(write, answer.get("Error")) for write, answer in zip(group, answers, strict=False)]

    def _answered(self, write: _Write, error: BatchStatementErrorTypeDef | None) -> _Answer | Unsent:
        if error is None:
            return _WRITTEN
        code = error.get("Code", "")
        if code in _CONDITION_FAILED:
            standing = error.get("Item")
            return _Answer(standing, fails=not standing)
        problem = f"{code}: {error.get('Message', '')}"
        failure = error_of(_CODES.get(code, code), self._operation, write.subject, problem)
        if isinstance(failure, Refused):
            return ALONE
        return _Answer(error=failure, passes=isinstance(failure, Throttled) or code == _INTERNAL)

    def _statement(self, write: _Write) -> BatchStatementRequestTypeDef:
        """A write in PartiQL. A clause for each attribute: DynamoDB takes no commas between them."""
        item, key = write.item, write.key
        if write.expected is None:
            pairs = ", ".join(f"'{name}': ?" for name in item)
            text, values = f'INSERT INTO "{self._table}" VALUE {{{pairs}}}', list(item.values())
        else:
            clauses = " ".join(
                f'SET "{name}" = ?' if name in item else f'REMOVE "{name}"'
                for name in write.attributes
                if name not in key
            )
            text = f'UPDATE "{self._table}" {clauses} WHERE "pk" = ? AND "sk" = ? AND "ver" = ?'
            values = [value for name, value in item.items() if name not in key]
            values += [*key.values(), number(write.expected)]
        return {"Statement": text, "Parameters": values, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
