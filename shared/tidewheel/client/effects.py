"""Helpers for targets: with an execution's id and fencing token, a repeated delivery has no second effect.

Tidewheel calls a target at least once. A Lambda target that keeps its effects in DynamoDB may say::

    table = boto3.resource("dynamodb").Table("invoices")  # partition key: execution

    def handler(event, context):
        delivery = Delivery.from_event(event)
        # the effect is the item: one write, done once
        put_once(table, delivery, {"customer": "c1", "cents": 1200})
        # the effect is elsewhere: it is not repeated once its result is stored
        receipt = run_once(receipts, delivery, lambda: send_mail(key=delivery.execution))
        # a state that every run updates: an older run or attempt never overwrites it
        put_if_newer(states, delivery, {"customer": "c1", "balance": 0})

This module does not import the AWS SDK: a table is any object with the two methods of ``Table``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

RANK = "tidewheel"
"""The attribute of an item that names the attempt which wrote it."""
_RESULT = "result"
_DIGITS = 10


class NotDelivered(ValueError):
    """The input does not name an execution: Tidewheel did not send it, or not all of it was passed on."""


class Superseded(Exception):
    """A newer attempt of the execution has started; this one must have no further effect."""


class Table(Protocol):
    """A DynamoDB table; boto3's ``Table`` is one."""

    def get_item(self, **request: Any) -> Any:
        """See DynamoDB's GetItem."""

    def put_item(self, **request: Any) -> Any:
        """See DynamoDB's PutItem."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The attempt and the execution that a call belongs to.

    Args:
        execution: The execution's id. All its attempts have the same, so it is the idempotency key.
        token: The fencing token. A later attempt of the same execution has a higher one.
        nominal_ms: The nominal time (ms since the epoch).
        due_ms: The due time (ms since the epoch).
    """

    execution: str
    token: int
    nominal_ms: int
    due_ms: int

    @property
    def rank(self) -> str:
        """A text that orders all attempts of all executions of a job: the greater of two is the newer one."""
        return f"{self.execution}#{self.token:0{_DIGITS}d}"

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Self:
        """From the headers of an HTTP request, whatever the case of their names.

        Raises:
            NotDelivered: Tidewheel's headers are missing.
        """
        return cls._named(headers, "idempotency-key")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """From the environment of a command: ``os.environ``.

        Raises:
            NotDelivered: Tidewheel did not start it.
        """
        return cls._named(environ, "tidewheel-execution")

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Self:
        """From a message's attributes, as boto3 receives them, or as Lambda passes on those of SQS and SNS.

        Raises:
            NotDelivered: Tidewheel's attributes are missing; a receiver has to ask SQS for them.
        """
        return cls._named({name: _text(value) for name, value in attributes.items()}, "tidewheel-execution")

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """From a Lambda function's event, or an event of EventBridge.

        Raises:
            NotDelivered: The event is not Tidewheel's.
        """
        about = event.get("tidewheel")
        if about is None and isinstance(event.get("detail"), Mapping):
            about = event["detail"].get("tidewheel")
        if not isinstance(about, Mapping):
            raise NotDelivered("the event has no object tidewheel: pass it as the function received it")
        return cls._read(about, ("execution", "fencing_token", "nominal_ms", "due_ms"))

    @classmethod
    def _named(cls, values: Mapping[str, str], execution: str) -> Self:
        found = {name.lower().replace("_", "-"): value for name, value in values.items()}
        names = (execution, "tidewheel-fencing-token", "tidewheel-nominal-time", "tidewheel-due-time")
        return cls._read(found, names)

    @classmethod
    def _read(cls, values: Mapping[str, Any], names: tuple[str, str, str, str]) -> Self:
        missing = [name for name in names if name not in values]
        if missing:
            raise NotDelivered(f"{', '.join(missing)} is missing: pass on all that Tidewheel sent")
        execution, *numbers = (values[name] for name in names)
        try:
            token, nominal_ms, due_ms = map(int, numbers)
        except (TypeError, ValueError) as error:
            raise NotDelivered(f"{', '.join(names[1:])} are not all whole numbers") from error
        return cls(str(execution), token, nominal_ms, due_ms)


def _text(attribute: Any) -> str:
    """An attribute's value in the form of SQS by boto3, of SQS by Lambda, or of SNS."""
    if not isinstance(attribute, Mapping):
        return str(attribute)
    found = (attribute[name] for name in ("StringValue", "stringValue", "Value") if attribute.get(name) is not None)
    return str(next(found, ""))


def put_once(table: Table, delivery: Delivery, item: Mapping[str, Any], *, key: str = "execution") -> bool:
    """Stores an item that is itself the effect, unless another attempt of the execution has stored it.

    Args:
        table: The table.
        delivery: The attempt that writes.
        item: The item without its partition key.
        key: The table's partition key, a string; it becomes the execution's id.

    Returns:
        Whether the stored item is this attempt's; also after a repeat of the same write.
    """
    return _put(
        table,
        {**item, key: delivery.execution, RANK: delivery.rank},
        "attribute_not_exists(#key) OR #rank = :rank",
        {"#key": key, "#rank": RANK},
        delivery,
    )


def put_if_newer(table: Table, delivery: Delivery, item: Mapping[str, Any], *, attribute: str = RANK) -> bool:
    """Stores an item unless a newer attempt, or a newer run of the job, wrote the item with that key.

    Args:
        table: The table.
        delivery: The attempt that writes. Only runs of one job can be compared by age.
        item: The item with its key.
        attribute: The attribute that names the attempt; an item without it counts as older than all.

    Returns:
        Whether it was stored.
    """
    condition = "attribute_not_exists(#rank) OR #rank <= :rank"
    return _put(table, {**item, attribute: delivery.rank}, condition, {"#rank": attribute}, delivery)


def run_once(table: Table, delivery: Delivery, effect: Callable[[], Any], *, key: str = "execution") -> Any:
    """Calls ``effect`` and stores its result, unless a result of this execution is stored already.

    The start of the attempt is stored first, so that an attempt which a newer one has overtaken has no effect. If an
    attempt dies after its effect and before the result is stored, the next attempt repeats the effect: no store can
    prevent that. If the service that has the effect takes an idempotency key, give it ``delivery.execution``.

    Args:
        table: The table for results; it has a partition key and no sort key.
        delivery: The attempt that asks.
        effect: Has the effect and returns a JSON value.
        key: The table's partition key, a string; it becomes the execution's id.

    Returns:
        What the effect returned, now or in an earlier attempt.

    Raises:
        Superseded: A newer attempt has started, before or while this one had its effect.
    """
    names = {"#key": key, "#rank": RANK, "#result": _RESULT}
    began = {key: delivery.execution, RANK: delivery.rank}
    free = "attribute_not_exists(#key) OR (attribute_not_exists(#result) AND #rank <= :rank)"
    if not _put(table, began, free, names, delivery):
        stored = table.get_item(Key={key: delivery.execution}, ConsistentRead=True).get("Item", {})
        if _RESULT not in stored:
            raise _superseded(delivery)
        return json.loads(stored[_RESULT])
    result = effect()
    if not _put(table, {**began, _RESULT: json.dumps(result)}, "#rank = :rank", {"#rank": RANK}, delivery):
        raise _superseded(delivery)
    return result


def _superseded(delivery: Delivery) -> Superseded:
    return Superseded(f"attempt {delivery.token} of {delivery.execution} was overtaken by a newer one")


def _put(table: Table, item: Mapping[str, Any], condition: str, names: Mapping[str, str], delivery: Delivery) -> bool:
    """Whether the condition held, and the item is stored."""
    try:
        table.put_item(
            Item=dict(item),
            ConditionExpression=condition,
            ExpressionAttributeNames=dict(names),
            ExpressionAttributeValues={":rank": delivery.rank},
        )
    except Exception as error:
        if _code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _code(error: Exception) -> str:
    """The service's code of an error of the AWS SDK; empty for any other error."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""
