"""``ports.Logs``: parts are stored under their numbers and read in order."""

from __future__ import annotations

import gzip

import pytest

from tests.support.world import Backend, Cloud
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution
from tidewheel.adapters.aws.logs import S3Logs
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable

JOB = a_job()
ONE, OTHER = execution(JOB).id, execution(JOB, NOW_MS + 1).id
PREFIX = keys.log_prefix(TENANT, ONE, 1)


def read(backend: Backend, first: int = 0, *, attempt: int = 1) -> list[tuple[int, bytes]]:
    return list(backend.logs.read(TENANT, ONE, attempt, first))


def test_nothing_is_stored_at_first(backend: Backend) -> None:
    assert read(backend) == []


def test_parts_are_read_from_a_number_on_in_order(backend: Backend) -> None:
    parts = {number: f"part {number}\n".encode() for number in (0, 2, 1, 10, 9)}
    for number, data in parts.items():
        backend.logs.append(TENANT, ONE, 1, number, data)
    assert read(backend) == sorted(parts.items())
    assert read(backend, 2) == [(number, parts[number]) for number in (2, 9, 10)]
    assert [number for number, _ in read(backend, 3)] == [9, 10]  # the ones between were lost
    assert read(backend, 11) == []


def test_a_part_is_whatever_bytes_it_is(backend: Backend) -> None:
    data = bytes(range(256)) * 5_000
    backend.logs.append(TENANT, ONE, 1, 0, data)
    assert read(backend) == [(0, data)]


def test_a_part_of_the_same_number_is_overwritten(backend: Backend) -> None:
    backend.logs.append(TENANT, ONE, 1, 0, b"once")
    backend.logs.append(TENANT, ONE, 1, 0, b"twice")
    assert read(backend) == [(0, b"twice")]


def test_attempts_executions_and_tenants_are_kept_apart(backend: Backend) -> None:
    backend.logs.append(TENANT, ONE, 1, 0, b"first")
    backend.logs.append(TENANT, ONE, 10, 0, b"tenth")
    backend.logs.append(TENANT, ONE, 1_000, 0, b"thousandth")
    backend.logs.append(TENANT, OTHER, 1, 0, b"other")
    backend.logs.append("other", ONE, 1, 0, b"foreign")
    assert read(backend) == [(0, b"first")]
    assert read(backend, attempt=10) == [(0, b"tenth")]
    assert read(backend, attempt=1_000) == [(0, b"thousandth")]
    assert read(backend, attempt=2) == []


class _Pages:
    """Lists two keys a page, and loses what ``gone`` says between the list and the fetch."""

    def __init__(self, cloud: Cloud) -> None:
        self._s3, self._bucket = cloud.s3, cloud.bucket
        self.pages, self.gone = 0, ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._s3, name)

    def list_objects_v2(self, **request: object) -> object:
        self.pages += 1
        page = self._s3.list_objects_v2(**request, MaxKeys=2)
        if self.gone:
            self._s3.delete_object(Bucket=self._bucket, Key=self.gone)
        return page


@pytest.fixture
def paged(backend: Backend) -> tuple[S3Logs, _Pages]:
    if backend.cloud is None:
        pytest.skip("memory: it has no pages")
    pages = _Pages(backend.cloud)
    return S3Logs(backend.cloud.bucket, lambda: pages), pages


def test_a_long_list_is_read_page_by_page_and_no_further_than_asked(paged: tuple[S3Logs, _Pages]) -> None:
    logs, pages = paged
    for number in range(5):
        logs.append(TENANT, ONE, 1, number, b"%d" % number)
    reading = logs.read(TENANT, ONE, 1)
    assert next(reading) == (0, b"0")
    assert pages.pages == 1
    assert [number for number, _ in reading] == [1, 2, 3, 4]
    assert pages.pages == 3


def test_a_part_that_expires_meanwhile_is_left_out(paged: tuple[S3Logs, _Pages]) -> None:
    logs, pages = paged
    for number in range(2):
        logs.append(TENANT, ONE, 1, number, b"x")
    pages.gone = keys.log_part(PREFIX, 0)
    assert list(logs.read(TENANT, ONE, 1)) == [(1, b"x")]


def test_a_repeat_stores_the_same_object(backend: Backend) -> None:
    cloud = backend.cloud
    if cloud is None:
        pytest.skip("memory: it has no objects")
    backend.logs.append(TENANT, ONE, 1, 0, b"a line\n" * 1_000)
    answer = cloud.s3.get_object(Bucket=cloud.bucket, Key=f"{TENANT}/{JOB.id}/{ONE}/001/00000.gz")
    body = answer["Body"].read()
    assert body[4:8] == bytes(4)  # no time of compression (RFC 1952, 2.3)
    assert len(body) < 100  # of 7,000


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"cut off", mtime=0)[:-9]])
def test_a_damaged_part_names_its_key(backend: Backend, body: bytes) -> None:
    cloud = backend.cloud
    if cloud is None:
        pytest.skip("memory: it keeps objects, which cannot be damaged")
    cloud.s3.put_object(Bucket=cloud.bucket, Key=keys.log_part(PREFIX, 3), Body=body)
    with pytest.raises(Unreadable, match=r"001/00003\.gz"):
        read(backend)


def test_a_foreign_object_is_not_taken_for_a_part(backend: Backend) -> None:
    cloud = backend.cloud
    if cloud is None:
        pytest.skip("memory: it has no objects")
    key = keys.log_part(PREFIX, 0).replace("00000.gz", "notes.gz")
    cloud.s3.put_object(Bucket=cloud.bucket, Key=key, Body=gzip.compress(b"x"))
    with pytest.raises(Unreadable, match="notes"):
        read(backend)
