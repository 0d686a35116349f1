"""``ports.Tenants`` and ``ports.ApiKeys``: who may call the API, and the conditional writes that decide it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_tenant, a_token, an_api_key, full_api_key, full_tenant
from tidewheel.domain import keys
from tidewheel.domain.access.tenant import EVERY_KIND, Tenant, TenantState, unwritten
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.ports import Fenced

KEY = an_api_key()


@pytest.fixture(params=["tenants", "api_keys"])
def kind(request: pytest.FixtureRequest) -> tuple[Any, Callable[[Backend], Any]]:
    """An example of a kind, and its store."""
    example = {"tenants": a_tenant(), "api_keys": KEY}[request.param]
    return example, lambda backend: getattr(backend, request.param)


def test_what_nobody_made_is_not_there(backend: Backend) -> None:
    assert backend.tenants.get(TENANT) is None
    assert backend.api_keys.get(KEY.id) is None
    assert (backend.tenants.list(10, None).items, backend.api_keys.list(TENANT, 10, None).items) == ([], [])


def test_the_default_tenant_needs_no_row(backend: Backend) -> None:
    found = backend.tenants.get(DEFAULT_TENANT)
    assert found == unwritten(DEFAULT_TENANT)
    assert found is not None
    assert (found.version, found.kinds, found.state) == (0, frozenset({EVERY_KIND}), TenantState.ACTIVE)
    written = replace(found, version=1, plan="pro")
    assert backend.tenants.swap(written) is None
    assert backend.tenants.get(DEFAULT_TENANT) == written


def test_every_field_of_a_tenant_is_kept(backend: Backend) -> None:
    tenant = full_tenant()
    assert backend.tenants.swap(tenant) is None
    assert backend.tenants.get(tenant.id) == tenant
    assert list(backend.tenants.list(10, None).items) == [tenant]


def test_every_field_of_a_key_is_kept_in_record_and_list(backend: Backend) -> None:
    key = full_api_key()
    assert backend.api_keys.swap(key) is None
    assert backend.api_keys.get(key.id) == key
    assert list(backend.api_keys.list(key.tenant, 10, None).items) == [key]


def test_a_second_version_replaces_the_first_and_no_other(backend: Backend, kind: Any) -> None:
    first, store_of = kind
    store = store_of(backend)
    second = replace(first, version=2, name="another")
    with pytest.raises(Fenced):
        store.swap(second)
    assert store.swap(first) is None
    assert store.swap(second) is None
    assert store.swap(replace(first, name="a third")) == second
    assert store.swap(replace(second, name="a fourth")) == second
    assert store.get(first.id) == second


def test_a_repeat_of_an_applied_write_succeeds(backend: Backend, kind: Any) -> None:
    first, store_of = kind
    store = store_of(backend)
    second = replace(first, version=2, name="another")
    for one in (first, first, second, second):
        assert store.swap(one) is None
    assert store.get(first.id) == second


@pytest.mark.needs("threads")
def test_of_many_writers_exactly_one_succeeds(backend: Backend, kind: Any) -> None:
    first, store_of = kind
    store, won = store_of(backend), []
    assert store.swap(first) is None

    def write(name: str) -> None:
        try:
            if store.swap(replace(first, version=2, name=name)) is None:
                won.append(name)
        except Exception as error:  # noqa: BLE001 - a transaction in conflict is throttled, and wrote nothing
            assert "conflict" in str(error).lower()  # noqa: PT017

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won in ([store.get(first.id).name], [])


def test_lists_go_on_where_a_page_ended(backend: Backend) -> None:
    tenants = [a_tenant(id) for id in ("a", "b-1", "c_2")]
    held = sorted((an_api_key(number) for number in range(1, 4)), key=lambda key: key.id)
    for tenant in tenants:
        backend.tenants.swap(tenant)
    for key in held:
        backend.api_keys.swap(key)
    for expected, page_of in (
        (tenants, lambda after: backend.tenants.list(2, after)),
        (held, lambda after: backend.api_keys.list(TENANT, 2, after)),
    ):
        first = page_of(None)
        assert list(first.items) == expected[:2]
        assert first.cursor == expected[1].id
        last = page_of(first.cursor)
        assert (list(last.items), last.cursor) == (expected[2:], None)


def test_a_list_of_keys_shows_no_other_tenants(backend: Backend) -> None:
    own, foreign = an_api_key(1), an_api_key(2, tenant="other")
    backend.api_keys.swap(own)
    backend.api_keys.swap(foreign)
    assert list(backend.api_keys.list(TENANT, 10, None).items) == [own]
    assert list(backend.api_keys.list("other", 10, None).items) == [foreign]


@pytest.mark.needs("damage")
def test_a_damaged_row_says_so_and_hides_no_other(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.tenants.swap(a_tenant("a"))
    backend.tenants.swap(a_tenant("b"))
    backend.cloud.dynamodb.update_item(
        TableName=backend.cloud.tables.access,
        Key={"pk": {"S": keys.TENANTS}, "sk": {"S": "a"}},
        UpdateExpression="REMOVE w",
    )
    with pytest.raises(Unreadable, match="tenant"):
        backend.tenants.get("a")
    page = backend.tenants.list(10, None)
    assert ([one.id for one in page.items], len(page.unreadable)) == (["b"], 1)


@pytest.mark.needs("damage")
def test_no_token_is_stored(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.api_keys.swap(KEY)
    stored = str(backend.cloud.dynamodb.scan(TableName=backend.cloud.tables.access)["Items"])
    assert KEY.digest in stored
    assert a_token().secret not in stored


@pytest.mark.needs("damage")
def test_a_key_that_ended_vanishes_from_record_and_list(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.api_keys.swap(replace(KEY, revoked_ms=NOW_MS, expires_ms=NOW_MS + 10_000))
    items = backend.cloud.dynamodb.scan(TableName=backend.cloud.tables.access)["Items"]
    assert {item["ttl"]["N"] for item in items} == {str((NOW_MS + 90 * 86_400_000) // 1_000)}


def test_a_tenants_grants() -> None:
    tenant = full_tenant()
    assert (tenant.grants("sql"), tenant.grants("python")) == (True, False)
    assert (tenant.runs_on("lambda"), tenant.runs_on("mine")) == (True, False)
    assert (tenant.calls("http:api.example.com"), tenant.calls("http:example.org")) == (True, False)
    free = Tenant("free", kinds=frozenset({EVERY_KIND}))
    assert free.grants("sql")
    assert free.runs_on("mine")
    assert free.calls("lambda:anything")
