"""Functions that declare jobs, and what registering them does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_bench import ApiBench
from tests.support.clients import KINDS, a_client
from tidewheel.client import Client
from tidewheel.tasks import declared, job, registered, registry
from tidewheel.wire.refused import Refused
from tidewheel.wire.targets import allowed_kinds

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})
    monkeypatch.setattr(sys.modules["tidewheel.tasks.declared"], "_declared", {})


def a_bench() -> ApiBench:
    """A deployment whose pool `fargate` runs Python functions."""
    bench = ApiBench()
    bench.ports = replace(bench.ports, kinds=allowed_kinds({"fargate": frozenset({"python"})}))
    return bench


@pytest.fixture
def bench() -> ApiBench:
    return a_bench()


@pytest.fixture(params=KINDS)
def api(bench: ApiBench, request: pytest.FixtureRequest) -> Iterator[Any]:
    client = a_client(request.param, bench.transport())
    yield client
    client.close()


def report(region: str = "eu") -> str:
    return region


def other() -> None: ...


def names(*of: Any) -> list[str]:
    return [one.name for one in declared(*of)]


def test_a_declared_function_is_a_task_and_stays_itself() -> None:
    assert job(cron="0 6 * * *", arguments={"region": "us"})(report) is report
    assert registered() == {f"{__name__}.report": report}
    (one,) = declared(report)
    assert one.document["target"] == {
        "kind": "python",
        "function": f"{__name__}.report",
        "arguments": {"region": "us"},
    }
    assert (one.name, one.document["schedule"], one.document["pool"]) == (
        f"{__name__}.report",
        {"cron": "0 6 * * *"},
        "fargate",
    )


def test_a_function_may_have_several_jobs_and_a_name_has_one_function() -> None:
    job(name="a", every="5m")(job(name="b", at="2099-01-01T00:00:00Z")(report))
    job(name="a", every="6m")(report)  # its module was imported again
    assert names() == ["a", "b"]
    assert declared()[0].document["schedule"] == {"every": "6m"}
    with pytest.raises(ValueError, match=r"the job a is .*report's already"):
        job(name="a", task="other", every="5m")(other)


def test_jobs_are_found_by_function_module_and_package() -> None:
    package, module = ModuleType("shop"), ModuleType("shop.bills")
    bill = type(report)(report.__code__, {}, "bill", ("eu",))
    bill.__module__ = "shop.bills"
    job(name="bill", every="5m")(bill)
    job(name="other", every="5m")(other)
    assert names(package) == names(module) == names(bill) == ["bill"]
    assert names(module, other) == ["bill", "other"]
    for nothing in (ModuleType("sho"), report):
        with pytest.raises(ValueError, match="declares no job"):
            declared(nothing)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "needs a schedule"),
        ({"timezone": "Europe/Paris"}, "needs a schedule"),
        ({"every": "5m", "name": "a b"}, "cannot name a function's job"),
        ({"every": "5m", "task": "7up"}, "is not a task's name"),
        ({"every": "5m", "arguments": {"country": "eu"}}, "country"),
    ],
)
def test_what_cannot_be_declared_is_refused_where_it_stands(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        job(**fields)(report)
    assert names() == []


def test_registering_creates_then_changes_nothing_then_shows_what_changes(api: Any) -> None:
    job(name="r", cron="0 6 * * *", timezone="Europe/Paris", tags={"team": "a"})(report)
    (one,) = api.register(report, dry_run=True)
    assert (one.change, one.job, list(api.jobs())) == ("created", None, [])
    (one,) = api.register()
    assert str(one) == "created r"
    assert (one.job.target.function, one.job.unique_name) == (f"{__name__}.report", True)
    (again,) = api.register(report)
    assert (str(again), again.job.generation) == ("unchanged r", 1)
    job(name="r", cron="0 7 * * *", timezone="Europe/Paris", timeout=timedelta(minutes=5))(report)
    for dry_run in (True, False):
        (changed,) = api.register(report, dry_run=dry_run)
        assert str(changed).splitlines() == [
            "changed r",
            '  schedule.cron: "0 6 * * *" -> "0 7 * * *"',
            '  tags.team: "a" -> null',
            '  timeout: "PT1M" -> "PT5M"',
        ]
        assert api.job("r").generation == 1 + (not dry_run)
    assert [str(one) for one in api.register()] == ["unchanged r"]


SCHEDULES: Any = st.one_of(
    st.fixed_dictionaries({"every": st.one_of(st.just("PT90S"), st.timedeltas(SECOND, timedelta(days=9)))}),
    st.fixed_dictionaries(
        {
            "every": st.just("1h"),
            "anchor": st.integers(0, 2**31).map(lambda s: datetime.fromtimestamp(s, UTC)),
        }
    ),
    st.fixed_dictionaries({"at": st.just(datetime(2099, 1, 1, tzinfo=UTC))}),
    st.fixed_dictionaries({"at": st.just("2099-01-01T00:00:00"), "timezone": st.just("Europe/Paris")}),
    st.fixed_dictionaries(
        {"cron": st.sampled_from(["H 3 * * *", "@daily", "@every 5m", "rate(5 minutes)", "*/7 * * * 1-5"])}
    ),
    st.fixed_dictionaries({"cron": st.just("CRON_TZ=Asia/Tokyo 0 9 * * *")}),
)
FIELDS: Any = st.fixed_dictionaries(
    {},
    optional={
        "jitter": st.sampled_from(["5s", timedelta(seconds=5)]),
        "window": st.just("PT1H"),
        "deadline": st.just("1h"),
        "retry": st.fixed_dictionaries({}, optional={"max_attempts": st.integers(1, 9), "base": st.just("7s")}),
        "misfire": st.just({"policy": "skip"}),
        "start": st.sampled_from(["2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)]),
        "tags": st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=3)),
        "overlap": st.sampled_from(["skip", "replace"]),
    },
)


@given(schedule=SCHEDULES, fields=FIELDS)
def test_whatever_is_declared_registering_it_again_changes_nothing(
    schedule: dict[str, Any], fields: dict[str, Any]
) -> None:
    bench = a_bench()
    client = a_client("blocking", bench.transport())
    module = sys.modules["tidewheel.tasks.declared"]
    module._declared.clear()  # type: ignore[attr-defined]
    job(name="r", **schedule, **fields)(report)
    (made,) = client.register()
    bench.clock.advance(3_600_000)
    (again,) = client.register()
    assert str(again) == "unchanged r"
    assert again.job == client.job(made.job.id)


def test_a_job_of_that_name_that_calls_something_else_is_left_alone(api: Any) -> None:
    job(name="hook", every="5m")(report)
    api.create_job(
        {"name": "hook", "target": {"kind": "http", "url": "https://example.com"}, "schedule": {"every": "1h"}}
    )
    with pytest.raises(ValueError, match=r"the job hook .* calls .*example\.com.*rename"):
        api.register()
    assert len(list(api.jobs())) == 1


def test_nothing_is_written_if_one_declaration_is_no_job(api: Any) -> None:
    job(name="a", every="5m")(report)
    job(name="b", cron="99 * * * *")(report)
    with pytest.raises(Refused):
        api.register()
    assert list(api.jobs()) == []


@pytest.mark.parametrize(("present", "change"), [(False, "created"), (True, "changed")])
def test_somebody_else_registers_at_the_same_time(bench: ApiBench, present: bool, change: str) -> None:
    job(name="r", every="5m")(report)
    if present:
        a_client("blocking", bench.transport()).register()
        job(name="r", every="6m")(report)
    meanwhile: list[str] = []
    carried = bench.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method in {"POST", "PUT"} and not meanwhile:
            meanwhile.append(str(Client("https://x/prod", transport=carried).register()[0]))
        return carried.handle_request(request)

    (one,) = a_client("blocking", httpx.MockTransport(handle)).register()
    assert meanwhile[0].startswith(change)
    assert str(one) == "unchanged r"
    assert len(bench.call("GET", "/jobs").json["items"]) == 1
