"""Logs in S3: one compressed object for each part of an attempt's log."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidewheel.adapters.aws.clients import OnDemand, code_of, translated
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LEVEL = 6
"""Of compression: the highest takes several times as long, for a per cent or two."""


class S3Logs:
    """``ports.Logs`` in a bucket of their own.

    Args:
        bucket: The bucket's name.
        connect: Makes the client when it is needed first: most attempts store nothing.
    """

    def __init__(self, bucket: str, connect: Callable[[], S3Client]) -> None:
        self._bucket = bucket
        self._s3 = OnDemand(connect)

    def append(self, tenant: str, execution: str, attempt: int, part: int, data: bytes) -> None:
        """See ``ports.Logs``."""
        key = keys.log_part(keys.log_prefix(tenant, execution, attempt), part)
        body = gzip.compress(data, _LEVEL, mtime=0)  # without the time a repeat stores the same
        with translated("logs.append", key):
            self._s3().put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/gzip")

    def read(self, tenant: str, execution: str, attempt: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """See ``ports.Logs``."""
        prefix = keys.log_prefix(tenant, execution, attempt)
        after = keys.log_part(prefix, first - 1) if first else prefix
        while True:
            with translated("logs.read", prefix):
                page = self._s3().list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after)
            for item in page.get("Contents", ()):
                after = item["Key"]
                data = self._part(after)
                if data is not None:
                    yield keys.parse_log_part(prefix, after), data
            if not page.get("IsTruncated"):
                return

    def _part(self, key: str) -> bytes | None:
        """A part's data; None if it expired since it was listed."""
        with translated("logs.read", key):
            try:
                body = self._s3().get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable("part of a log", key, str(error)) from error
