"""A table in memory behind the client of DynamoDB: conditional puts and statements of PartiQL, faults at random."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tidewheel.adapters.clock import SystemClock
from tidewheel.domain.limits import WRITES_AT_ONCE

Item = Mapping[str, Any]
_NAME = re.compile(r"""(SET|REMOVE)?\s*["'](\w+)["']""")
_INTERNAL, _LOST, _FAILED = "InternalServerError", "lost", "ConditionalCheckFailedException"
_FAULTS = ["ThrottlingException", "ValidationException", _INTERNAL]
_SHORT = {
    _FAILED: "ConditionalCheckFailed",
    "ThrottlingException": "ThrottlingError",
    "ValidationException": "ValidationError",
}
"""The codes of statements, by those of requests."""


@dataclass(frozen=True)
class Tried:
    """One try of a write, as the table saw it.

    Args:
        applied: Whether it was written.
        at: How many writes of that item were applied by then.
        told: The code that a request of its own would have answered; empty for a success; ``lost``: no answer.
    """

    applied: bool
    at: int
    told: str


@dataclass(frozen=True)
class Odds:
    """How often (of 1) something goes wrong.

    Args:
        member: A statement, or a put, is throttled or fails inside.
        request: A whole request is throttled, refused, or has no answer.
        items: A failed statement returns the item that stands.
    """

    member: float = 0
    request: float = 0
    items: float = 1


@dataclass
class FakeTable:
    """A client with one table.

    Attributes:
        requests: The keys that each request wrote, with its operation.
        versions: What stood under each key, one after another.
        tries: The tries of each written item, by what ``who`` says in it.
    """

    random: Random = field(default_factory=lambda: Random(0))
    odds: Odds = Odds()
    requests: list[tuple[str, Sequence[Any]]] = field(default_factory=list)
    versions: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    tries: dict[str, list[Tried]] = field(default_factory=lambda: defaultdict(list))
    _clock: SystemClock = field(default_factory=SystemClock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def get_item(self, Key: Any, ConsistentRead: bool, **_: Any) -> Any:  # noqa: N803 - the service's names
        assert ConsistentRead
        with self._turn:
            self.requests.append(("GetItem", [Key["sk"]["S"]]))
            stood = self.versions[Key["sk"]["S"]]
            return {"Item": stood[-1]} if stood else {}

    def put_item(self, Item: Item, ExpressionAttributeValues: Any = None, **_: Any) -> Any:  # noqa: N803
        expected = ExpressionAttributeValues[":ver"]["N"] if ExpressionAttributeValues else None
        self._yield()
        with self._turn:
            self.requests.append(("PutItem", [Item["sk"]["S"]]))
            told = self._tried(Item, expected, self._fault(self.odds.request, [*_FAULTS, _LOST]))
            stood = self.versions[Item["sk"]["S"]]
        _raise(told, {"Item": stood[-1]} if told == _FAILED and stood else {})
        return {}

    def batch_execute_statement(self, Statements: Sequence[Any]) -> Any:  # noqa: N803
        self._yield()
        with self._turn:
            writes = [parsed(one["Statement"], one["Parameters"]) for one in Statements]
            keys = [write.item["sk"]["S"] for write in writes]
            assert 2 <= len(set(keys)) == len(keys) <= WRITES_AT_ONCE
            self.requests.append(("BatchExecuteStatement", keys))
            whole = self._fault(self.odds.request, [*_FAULTS, _LOST])
            answers = [self._answer(write.item, write.expected, whole) for write in writes]
        _raise(whole)
        return {"Responses": answers}

    def _answer(self, item: Item, expected: str | None, whole: str) -> Any:
        told = self._tried(item, expected, whole or self._fault(self.odds.member, _FAULTS))
        if not told:
            return {}
        if told == _FAILED and expected is None:
            return {"Error": {"Code": "DuplicateItem", "Message": "no"}}
        answer: dict[str, Any] = {"Code": _SHORT.get(told, told), "Message": "no"}
        if told == _FAILED and self.random.random() < self.odds.items:
            answer["Item"] = self.versions[item["sk"]["S"]][-1]
        return {"Error": answer}

    def _fault(self, odds: float, kinds: Sequence[str]) -> str:
        return self.random.choice(kinds) if self.random.random() < odds else ""

    def _tried(self, item: Item, expected: str | None, fault: str) -> str:
        """Judges a write; one that fails inside, or whose answer is lost, may have been applied."""
        stood = self.versions[item["sk"]["S"]]
        holds = expected == (stood[-1]["ver"]["N"] if stood else None)
        applied = holds and (not fault or (fault in {_INTERNAL, _LOST} and self.random.random() < 1 / 2))
        if applied:
            stood.append(dict(item))
        told = fault or ("" if holds else _FAILED)
        self.tries[item["who"]["S"]].append(Tried(applied, len(stood), told))
        return told

    def _yield(self) -> None:
        for _ in range(self.random.randrange(20)):
            self._clock.sleep(0)  # others may run; nothing is waited for


@dataclass(frozen=True)
class Statement:
    """What a statement writes.

    Args:
        table: Where.
        item: What stands then, if nothing stood that it does not name.
        expected: The version that it replaces; None: it inserts.
    """

    table: str
    item: Item
    expected: str | None


def parsed(statement: str, values: Sequence[Any]) -> Statement:
    """Reads a statement of ours; any other fails."""
    body, _, where = statement.partition(" WHERE ")
    kind, table, rest = body.split('"', 2)
    names = _NAME.findall(rest)
    if kind == "INSERT INTO ":
        return Statement(table, dict(zip([name for _, name in names], values, strict=True)), None)
    assert (kind, where) == ("UPDATE ", '"pk" = ? AND "sk" = ? AND "ver" = ?')
    written = [name for clause, name in names if clause == "SET"] + ["pk", "sk", "expected"]
    item = dict(zip(written, values, strict=True))
    return Statement(table, item, item.pop("expected")["N"])


def _raise(code: str, fields: Mapping[str, Any] | None = None) -> None:
    if code == _LOST:
        raise ReadTimeoutError(endpoint_url="http://table")
    if code:
        response: Any = {"Error": {"Code": code, "Message": "no"}, **(fields or {})}
        raise ClientError(response, "Any")
