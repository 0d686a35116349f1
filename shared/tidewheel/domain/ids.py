"""Ids of jobs and executions, and stable hashes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from tidewheel.domain.errors import Invalid, Unreadable

DEFAULT_TENANT = "default"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, in lower case: sorts as the numbers do."""
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_NOMINAL_DIGITS = 9  # 45 bits of milliseconds reach the year 3084
_NONCE_DIGITS = 8  # 40 bits
_JOB_DIGITS = 16  # 80 bits: one collision is expected after 10^12 jobs, and creation is conditional
TENANT = r"[a-z0-9][a-z0-9_-]{0,31}"
"""The pattern of a tenant's name: no character that separates the parts of a key."""
_TENANT = re.compile(TENANT)
JOB_ID_PATTERN = rf"j[{ALPHABET}]{{{_JOB_DIGITS}}}"
"""Of a job's id."""
_NODE = r"(?:\.(?:0|[1-9][0-9]{0,4}))?"
EXECUTION_ID_PATTERN = rf"{JOB_ID_PATTERN}-[{ALPHABET}]{{{_NOMINAL_DIGITS}}}-(?:s|[rb][{ALPHABET}]{{1,16}}){_NODE}"
"""Of an execution's id: job, nominal time, origin; only runs that no schedule named carry a nonce, and only a step of a
run of a workflow its number."""
EXECUTION_BEGINNING_PATTERN = (
    rf"{JOB_ID_PATTERN}-(?:[{ALPHABET}]{{0,{_NOMINAL_DIGITS}}}"
    rf"|[{ALPHABET}]{{{_NOMINAL_DIGITS}}}-(?:s?|[rb][{ALPHABET}]{{0,16}}))"
)
"""Of an execution's id, or the beginning of one with the whole id of its job."""
_JOB = re.compile(JOB_ID_PATTERN)
_JOB_BEGINNING = re.compile(rf"j[{ALPHABET}]{{3,{_JOB_DIGITS - 1}}}")
_EXECUTION = re.compile(EXECUTION_ID_PATTERN)


class Origin(StrEnum):
    """Why an execution exists."""

    SCHEDULE = "s"
    RUN = "r"
    BACKFILL = "b"


def encode32(value: int, digits: int) -> str:
    """The value in base 32 with leading zeros, so that text order is number order."""
    text = ""
    for _ in range(digits):
        value, digit = divmod(value, 32)
        text = ALPHABET[digit] + text
    return text


def text_of_nominal(nominal_ms: int) -> str:
    """A nominal time (ms since the epoch) as it is written in ids: text order is time order."""
    return encode32(nominal_ms, _NOMINAL_DIGITS)


def _decode32(text: str) -> int:
    value = 0
    for character in text:
        value = value * 32 + _VALUES[character]
    return value


def stable_hash(*parts: str | int) -> int:
    """A hash of 64 bits that depends on the parts only: the same in every process, release and machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def text_of_entropy(entropy: bytes) -> str:
    """Random bytes in base 32, five bits to a digit; their last digit may hold fewer."""
    return encode32(int.from_bytes(entropy), -(-8 * len(entropy) // 5))


def job_id(entropy: bytes) -> str:
    """A job id from at least 10 bytes, random or hashed from an idempotency key."""
    return "j" + encode32(int.from_bytes(entropy[:10]), _JOB_DIGITS)


def nonce(entropy: bytes) -> str:
    """The part of an execution id that makes requested runs unique, from 5 random bytes."""
    return encode32(int.from_bytes(entropy[:5]), _NONCE_DIGITS)


def bucket_of(tenant: str, job: str, buckets: int) -> int:
    """The bucket, 0 to ``buckets`` - 1, of each list of jobs in which a job's row lies."""
    return stable_hash("list", tenant, job) % buckets


def shard_of(tenant: str, job: str, shards: int) -> int:
    """The wheel shard, 0 to ``shards`` - 1, on which a job's entries lie."""
    return stable_hash(tenant, job) % shards


def check_tenant(tenant: str) -> str:
    """Returns the tenant's name if it is valid.

    Raises:
        Invalid: The name is not 1 to 32 of a-z, 0-9, _ and -.
    """
    if not is_tenant(tenant):
        raise Invalid("tenant", f"{tenant!r} is not a tenant", "use 1 to 32 of a-z, 0-9, _ and -")
    return tenant


def is_tenant(text: str) -> bool:
    """Whether the text has the form of a tenant."""
    return _TENANT.fullmatch(text) is not None


def is_job_id(text: str) -> bool:
    """Whether the text has the form of a job id."""
    return _JOB.fullmatch(text) is not None


def begins_job_id(text: str) -> bool:
    """Whether the text may be the beginning of a job id: at least four characters of it, and not all."""
    return _JOB_BEGINNING.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ExecutionId:
    """The parts of an execution's id; ``str`` returns the id.

    The nominal time comes before the origin, so that the ids of a job sort by time.

    Args:
        job: The job's id.
        nominal_ms: The instant that the schedule named, or that of the request (ms since the epoch).
        origin: Why the execution exists.
        nonce: Empty for the origin ``SCHEDULE``, whose nominal time alone makes it unique.
        node: Which step of a run of a workflow it is, by index; None for any other execution.
    """

    job: str
    nominal_ms: int
    origin: Origin = Origin.SCHEDULE
    nonce: str = ""
    node: int | None = None

    def __str__(self) -> str:
        node = "" if self.node is None else f".{self.node}"
        return f"{self.job}-{text_of_nominal(self.nominal_ms)}-{self.origin}{self.nonce}{node}"

    @property
    def run(self) -> ExecutionId:
        """The run that it is a step of; itself, if it is none."""
        return replace(self, node=None)

    def of_node(self, node: int) -> str:
        """The id of a step of this run, by the step's index."""
        return str(replace(self, node=node))

    @classmethod
    def parse(cls, text: str) -> ExecutionId:
        """The inverse of ``str``.

        Raises:
            Unreadable: The text is no execution id.
        """
        if not _EXECUTION.fullmatch(text):
            raise Unreadable("execution id", text, "expected <job>-<nominal time>-<origin>")
        job, nominal, tail = text.split("-")
        tail, _, node = tail.partition(".")
        return cls(job, _decode32(nominal), Origin(tail[0]), tail[1:], int(node) if node else None)


def is_whole_execution_id(text: str) -> bool:
    """Whether the text is an execution's id, and not the beginning of a longer one."""
    try:
        id = ExecutionId.parse(text)
    except Unreadable:
        return False
    return id.node is not None or id.origin is Origin.SCHEDULE or len(id.nonce) >= _NONCE_DIGITS
