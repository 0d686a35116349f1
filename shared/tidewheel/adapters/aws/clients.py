"""The configuration of all boto3 clients, and the translation of the SDK's errors into those of the ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from tidewheel.adapters.aws import deadlines
from tidewheel.adapters.aws.dates import Dates
from tidewheel.adapters.aws.transport.lean import carry
from tidewheel.domain.limits import MAX_WAIT_MS, SECOND_MS, TRY_BOUND_MS
from tidewheel.ports import PortError, Refused, Throttled

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")
C = TypeVar("C", bound="BaseClient")

_THROTTLES = {
    "ExecutionLimitExceeded",
    "KMSThrottling",
    "KmsThrottled",
    "KmsThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
}
_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "AccessDenied",
    "AccessDeniedException",
    "KMS.AccessDeniedException",
    "KMS.DisabledException",
    "KMS.InvalidStateException",
    "KMS.NotFoundException",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsInvalidState",
    "KmsNotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
"""A right, a queue, a table or a key is missing (Amazon SQS and DynamoDB API references, common errors)."""
_MALFORMED = {
    "AWS.SimpleQueueService.BatchRequestTooLong",
    "AWS.SimpleQueueService.InvalidBatchEntryId",
    "BatchRequestTooLong",
    "InvalidAttributeValue",
    "InvalidMessageContents",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingParameter",
    "SerializationException",
    "ValidationException",
}
"""What the call says is refused (the same sources): a message that is too long, a key that is empty, no text."""
CONDITION_FAILED = "ConditionalCheckFailedException"

CALL_BOUND_MS = 9 * SECOND_MS
"""No call lasts longer: two tries of (1 s to connect + 3 s to answer), and a pause of 1 s at most between them."""

_CONNECT_S = 1
_BOUNDED = Config(
    connect_timeout=_CONNECT_S,
    read_timeout=TRY_BOUND_MS // SECOND_MS - _CONNECT_S,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=64,
    tcp_keepalive=True,
)


_HOT = _BOUNDED.merge(
    Config(
        # What the adapters send they have built themselves; what is malformed all the same, the service refuses.
        parameter_validation=False,
        user_agent=f"Tidewheel Boto3/{boto3.__version__}",  # else the SDK puts one together twice a call
        endpoint_discovery_enabled=False,  # neither service requires it, and requests are signed for their host
    )
)
"""For the services that every run calls."""


def dynamodb(dates: Dates | None = None, *, lean: bool = False) -> DynamoDBClient:
    """A client whose every call ends within ``CALL_BOUND_MS``, which is less than ``limits.WRITE_BOUND_MS``.

    It heeds the deadlines of writes to the wheel.

    Args:
        dates: Hears what time its answers say it is.
        lean: Whether the lean transport carries its calls; else, and where that cannot, the SDK does.
    """
    client = boto3.client("dynamodb", config=_HOT)
    deadlines.heed(client.meta.events, "dynamodb")
    return _hot(client, "dynamodb", dates, lean=lean)


def sqs(dates: Dates | None = None, *, lean: bool = False) -> SQSClient:
    """A client with the bounds of ``dynamodb``, and its arguments."""
    return _hot(boto3.client("sqs", config=_HOT), "sqs", dates, lean=lean)


def receiving(*, lean: bool = False) -> SQSClient:
    """A client for ``receive`` alone: its read time-out is longer than the longest wait for a message.

    It never asks twice by itself: whoever receives asks again anyway, at a pace of his own.

    Args:
        lean: As for ``dynamodb``.
    """
    own = Config(
        read_timeout=(MAX_WAIT_MS + 3 * SECOND_MS) / SECOND_MS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    client = boto3.client("sqs", config=_HOT.merge(own))
    if lean:
        carry(client)
    return client


def secretsmanager() -> SecretsManagerClient:
    """A client with the bounds of ``dynamodb``."""
    return _prompt(boto3.client("secretsmanager", config=_BOUNDED), "secrets-manager")


def _hot(client: C, service: str, dates: Dates | None, *, lean: bool) -> C:
    """A client with the arguments of ``dynamodb``; the service is called as in the SDK's events."""
    if dates is not None:
        dates.listen(client.meta.events, service)
    if lean:
        carry(client)
    return _prompt(client, service)


def _prompt(client: C, service: str) -> C:
    """A client that does not heed what a service asks for between two tries."""
    client.meta.events.register_first(f"needs-retry.{service}", _forget_retry_after)
    return client


def _forget_retry_after(response: tuple[Any, Any] | None = None, **_: object) -> None:
    """A service may ask for up to 5 s of pause before a retry, which would exceed the bound; it is not heeded."""
    if response is not None:
        response[0].headers.pop("x-amz-retry-after", None)


def functions(read_timeout_ms: int = 3 * SECOND_MS) -> LambdaClient:
    """A client that waits that long for a function's answer, and never invokes it twice by itself."""
    return boto3.client("lambda", config=asking_once(read_timeout_ms))


def asking_once(read_timeout_ms: int) -> Config:
    """For clients whose calls have effects: only the job's retry policy decides whether such a call is repeated."""
    own = Config(read_timeout=read_timeout_ms / SECOND_MS, retries={"mode": "standard", "total_max_attempts": 1})
    return _BOUNDED.merge(own)


def s3() -> S3Client:
    """A client with the bounds of ``dynamodb``. Paths name the buckets, as the local cloud needs; AWS takes both."""
    return _prompt(boto3.client("s3", config=_BOUNDED.merge(Config(s3={"addressing_style": "path"}))), "s3")


class OnDemand(Generic[T]):
    """A client that is made on first use: many processes never need it, and making one costs 20 ms of CPU.

    Args:
        connect: Makes it.
    """

    def __init__(self, connect: Callable[[], T]) -> None:
        self._connect = connect
        self._connecting = Lock()
        self._client: T | None = None

    def __call__(self) -> T:
        """The client, the same each time."""
        with self._connecting:  # making clients is not safe on several threads
            if self._client is None:
                self._client = self._connect()
            return self._client


def code_of(error: ClientError) -> str:
    """The service's error code."""
    return error.response.get("Error", {}).get("Code", "")


def is_throttle(code: str) -> bool:
    """Whether an error code means that the service is too busy."""
    return code in _THROTTLES


def is_missing(code: str) -> bool:
    """Whether an error code means that a right is missing, or that what the call names does not exist."""
    return code in _MISSING


def error_of(code: str, operation: str, subject: str, problem: str) -> PortError:
    """The port's error for a service's error code: ``Throttled``, ``Refused`` or, for any other, ``PortError``.

    Credentials that are unknown or have expired are no refusal: they are this process's, and another one may do better.
    """
    if is_throttle(code):
        return Throttled(operation, subject, problem)
    if code in _MISSING or code in _MALFORMED:
        return Refused(operation, subject, problem, mendable=is_missing(code))
    return PortError(operation, subject, problem)


def shared(error: PortError, operation: str, subject: str) -> PortError:
    """The error of a request that several shared, as that of one of them: each raises its own.

    Args:
        error: Any but ``Refused``, after which each asks alone.
        operation: What that one tried.
        subject: On what.
    """
    return type(error)(operation, subject, error.problem)


@contextmanager
def translated(operation: str, subject: str) -> Iterator[None]:
    """Turns what the SDK raises into ``PortError`` and its kinds."""
    try:
        yield
    except ClientError as error:
        raise error_of(code_of(error), operation, subject, str(error)) from error
    except ParamValidationError as error:  # the SDK itself refuses what the service would
        raise Refused(operation, subject, str(error), mendable=False) from error
    except BotoCoreError as error:
        raise PortError(operation, subject, str(error)) from error
