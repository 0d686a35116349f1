import json
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.api import handler
from tests.support.api_bench import NOW_MS, ApiBench, Context, event, memory_ports, recorded
from tests.support.run_settings import API_ENVIRONMENT, DEAD_LETTER_HANDLER_ENVIRONMENT
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.names import Env
from tidewheel.wiring.api.services import services_of


def test_the_handler_answers_without_settings_what_needs_none(monkeypatch):
    for variable in Env:
        monkeypatch.delenv(variable, raising=False)
    handler._services.cache_clear()
    assert handler.handler(event("GET", "/v1/openapi.json"), Context())["statusCode"] == 200
    answer = handler.handler(recorded("get"), Context())
    assert answer["statusCode"] == 500
    assert "TIDEWHEEL" not in answer["body"]


def test_the_services_are_built_once_and_their_counts_are_handed_on(monkeypatch):
    built, flushed = [], []

    @cache
    def services():
        built.append(services_of(memory_ports(SettableClock(NOW_MS))))
        return built[-1]

    monkeypatch.setattr(handler, "_services", services)
    monkeypatch.setattr(handler, "_app", handler.resolver(services))
    monkeypatch.setattr(RecordingTelemetry, "flush", lambda telemetry: flushed.append(id(telemetry)))
    assert handler.handler(recorded("create"), Context())["statusCode"] == 201
    assert handler.handler(recorded("unknown_route"), Context())["statusCode"] == 404
    assert (len(built), len(flushed)) == (1, 2)


def test_the_real_wiring_reaches_nobody_before_the_first_request(monkeypatch):
    environment = DEAD_LETTER_HANDLER_ENVIRONMENT | API_ENVIRONMENT
    for variable in Env:
        monkeypatch.delenv(variable, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    handler._services.cache_clear()
    assert handler._services() is handler._services()
    assert handler._services().jobs.pools == {"lambda"}
    handler._services.cache_clear()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WRITTEN = {
    "name": st.just("a") | JSON,
    "target": st.fixed_dictionaries(
        {"kind": st.sampled_from(["http", "lambda"])}, optional={"url": JSON, "function": JSON}
    )
    | st.just({"kind": "http", "url": "https://example.com"})
    | JSON,
    "schedule": st.fixed_dictionaries({}, optional=dict.fromkeys(("at", "every", "cron", "timezone", "anchor"), JSON))
    | st.just({"every": "5m"})
    | JSON,
    **dict.fromkeys(("start", "end", "retry", "tags", "jitter", "timeout", "priority", "x"), JSON),
}


@settings(deadline=None, max_examples=200)
@given(st.fixed_dictionaries({}, optional=WRITTEN), st.fixed_dictionaries({}, optional=WRITTEN))
def test_no_body_breaks_the_api(body, patch):
    api_bench = ApiBench()
    created = api_bench.call("POST", "/jobs", json.dumps(body))
    assert created.status in {201, 400, 422}
    id = api_bench.call("POST", "/jobs", {"name": "a", "target": {"kind": "lambda", "function": "f"}}).json["id"]
    edited = api_bench.call("PATCH", f"/jobs/{id}", json.dumps(patch))
    assert edited.status in {200, 400, 422}
