"""``ports.Requests``: what is remembered of requests under idempotency keys."""

from __future__ import annotations

from dataclasses import replace

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT
from tidewheel.domain.limits import KEY_RETENTION_MS
from tidewheel.domain.repeats import Remembered

FIRST = Remembered.started(TENANT, "pauseJob a job k1", "digest", NOW_MS, plan="what it sets out to do")


def found(backend: Backend, now_ms: int = NOW_MS) -> Remembered | None:
    return backend.requests.get(TENANT, FIRST.name, now_ms)


def test_a_request_is_remembered_and_then_its_result(backend: Backend) -> None:
    assert found(backend) is None
    assert backend.requests.begin(FIRST, NOW_MS) is None
    assert found(backend) == FIRST
    backend.requests.fulfil(FIRST.fulfilled("j1"))
    assert found(backend) == FIRST.fulfilled("j1")


def test_the_first_of_a_name_stands(backend: Backend) -> None:
    other = replace(FIRST, digest="another", plan="")
    assert backend.requests.begin(FIRST, NOW_MS) is None
    assert backend.requests.begin(other, NOW_MS + 1) == FIRST
    assert found(backend) == FIRST


def test_a_begin_whose_answer_was_lost_may_be_repeated(backend: Backend) -> None:
    assert backend.requests.begin(FIRST, NOW_MS) is None
    assert backend.requests.begin(FIRST, NOW_MS) is None


def test_names_and_tenants_are_apart(backend: Backend) -> None:
    others = [replace(FIRST, name="pauseJob a job k2"), replace(FIRST, tenant="other"), replace(FIRST, name="")]
    for one in (FIRST, *others):
        assert backend.requests.begin(one, NOW_MS) is None
    assert [backend.requests.get(one.tenant, one.name, NOW_MS) for one in others] == others


def test_what_is_past_its_time_counts_as_absent_though_it_is_still_stored(backend: Backend) -> None:
    assert backend.requests.begin(FIRST, NOW_MS) is None
    assert found(backend, NOW_MS + KEY_RETENTION_MS - 1) == FIRST
    end_ms = NOW_MS + KEY_RETENTION_MS
    assert found(backend, end_ms) is None
    again = Remembered.started(TENANT, FIRST.name, "another", end_ms)
    assert backend.requests.begin(again, end_ms) is None
    assert found(backend, end_ms) == again
