"""What a run costs: units that are counted in tests, times AWS's list prices. Pure.

The prices are those of ``us-east-1``; ``tests/support/prices.toml`` names the source of each, and a test holds both
together. What targets cost themselves, Fargate and machines of one's own are not in them.
"""

from __future__ import annotations

from datetime import date

PRICES_AS_OF = date(2026, 11, 30)
"""The day of the list prices."""

DOLLARS = {
    "dynamodb_write_units": 0.625 / 1_000_000,
    "dynamodb_read_units": 0.125 / 1_000_000,
    "dynamodb_storage": 0.25,  # a GB and month
    "dynamodb_recovery": 0.20,  # a GB and month
    "lambda_gb_seconds": 13.3334 / 1_000_000,
    "lambda_invocations": 0.20 / 1_000_000,
    "sqs_requests": 0.40 / 1_000_000,
    "sqs_fair_requests": 0.10 / 1_000_000,  # besides, since each message has a message group
    "log_gigabytes": 0.50,
}
"""Dollars for one unit."""

WRITES_ALONE = 3.0
READS = 1.5
SQS_ALONE = 3.0
"""Units of a run that shares nothing with another, the most that a run without retries takes: DynamoDB's, and requests
to SQS. ``tests/contract/test_billed_units.py`` counts them."""
WORKER_MB = 512
TARGET_SECONDS = 0.1
"""The memory of a worker on Lambda, and how long a target is assumed to take."""
LOGGED_BYTES = 700
"""What Lambda and the worker log of a run."""
RECORD_KB = 1.0
"""The record of an execution, which is kept for a month."""
_KB_IN_GB = 1024**2
_GB = 1024


def units_of_run() -> dict[str, float]:
    """The quantities of one run that shares nothing with another, by the name of their price in ``DOLLARS``."""
    return {
        "dynamodb_write_units": WRITES_ALONE,
        "dynamodb_read_units": READS,
        "sqs_requests": SQS_ALONE,
        "sqs_fair_requests": SQS_ALONE,
        "lambda_invocations": 1,
        "lambda_gb_seconds": WORKER_MB / _GB * TARGET_SECONDS,
        "log_gigabytes": LOGGED_BYTES / _GB**3,
        "dynamodb_storage": RECORD_KB / _KB_IN_GB,
        "dynamodb_recovery": RECORD_KB / _KB_IN_GB,
    }


def dollars_of_run() -> float:
    """Dollars for one run at list price, without retries, if its target answers in ``TARGET_SECONDS``.

    It is the most: runs that share slots and messages cost less than half of it.
    """
    return sum(quantity * DOLLARS[name] for name, quantity in units_of_run().items())
