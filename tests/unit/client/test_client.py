"""Both clients: what they send, what they make of answers, and that they are the same."""

import inspect

import httpx
import pytest

from tests.support.api_bench import EVERY_JOB, HTTP_JOB, ApiBench
from tests.support.clients import KINDS, URL, FakeTime, a_client
from tidewheel.client import ApiError, AsyncClient, Client, Unreachable, Unsendable
from tidewheel.client.sending import RETRIES
from tidewheel.wire.bodies.job import JobBody
from tidewheel.wire.endpoints.dead_letters import REDRIVE_DEAD_LETTERS
from tidewheel.wire.endpoints.jobs import CREATE_JOB, DELETE_JOB, EDIT_JOB, GET_JOB, PAUSE_JOB, REPLACE_JOB

OWN = {"from_env", "carrier", "close"}
"""What each client writes for itself."""


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def api_bench():
    return ApiBench()


@pytest.fixture
def api(api_bench, kind):
    client = a_client(kind, api_bench.transport())
    yield client
    client.close()


@pytest.fixture
def scripted(kind):
    """Makes clients whose connection follows a script of answers and errors; and shows the requests that it saw."""
    made = []

    def make(*steps, time=None, **rest):
        seen, left = [], list(steps)

        def handle(request):
            seen.append(request)
            step = left.pop(0)
            if isinstance(step, Exception):
                raise step
            return step

        made.append(a_client(kind, httpx.MockTransport(handle), time, **rest))
        return made[-1], seen

    yield make
    for client in made:
        client.close()


def methods(client):
    return {name for name in vars(client) if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    assert methods(Client) == methods(AsyncClient) > OWN
    for name in methods(Client) - OWN:
        one, other = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(one) == inspect.signature(other)
        assert one.__wrapped__ is other.__wrapped__
        assert one.__doc__


def test_the_way_of_a_job(api):
    job = api.create_job(JobBody.model_validate(EVERY_JOB))
    assert api.job(job.id) == job
    assert api.edit_job(job.id, {"timeout": "5m"}, match=1).generation == 2
    assert api.replace_job(job.id, EVERY_JOB, match=2).generation == 3
    assert api.pause_job(job.id).state == "paused"
    assert api.resume_job(job.id).state == "active"
    assert len(api.upcoming(job.id, 3).items) == 3
    execution = api.run_job(job.id, key="k")
    assert api.run_job(job.id, key="k") == api.execution(execution.id) == execution
    cancelled = api.cancel(execution.id, "not today")
    assert (cancelled.state, cancelled.reason) == ("cancelled", "someone cancelled it: not today")
    assert api.cancel(execution.id) == cancelled
    assert list(api.executions(job.id)) == [cancelled]
    api.delete_job(job.id, match=5)
    with pytest.raises(ApiError) as error:
        api.job(job.id)
    assert error.value.status == 404
    assert api.health().status == "ok"
    assert api.openapi()["openapi"] == "3.1.0"


def test_pages_are_walked(api):
    ids = sorted((api.create_job(EVERY_JOB | {"tags": {"a": "b"}}).id for _ in range(5)), reverse=True)
    assert [job.id for job in api.jobs(page=2, tags=["a:b"], state="active")] == ids
    runs = {api.run_job(ids[0]).id for _ in range(3)}
    assert {run.id for run in api.executions(ids[0], page=1)} == runs


def test_an_error_carries_the_problem(api):
    with pytest.raises(ApiError, match=r"target\.url") as error:
        api.create_job({"name": "", "target": {"kind": "http"}})
    assert [one.field for one in error.value.problem.errors] == ["name", "target.url"]


def test_a_create_is_repeated_under_one_key(api_bench, scripted):
    good = httpx.Response(201, text=api_bench.call("POST", "/jobs", HTTP_JOB).text)
    time = FakeTime()
    client, seen = scripted(httpx.ConnectError("refused"), httpx.Response(503), good, time=time)
    client.create_job(HTTP_JOB)
    keys = {request.headers["Idempotency-Key"] for request in seen}
    assert (len(seen), len(keys), len(time.waits)) == (3, 1, 2)


def test_a_value_goes_where_its_operation_declares_it(scripted):
    client, seen = scripted(httpx.Response(404))
    with pytest.raises(ApiError):
        client.call(REPLACE_JOB, {"id": "a/b c", "If-Match": '"3"'}, HTTP_JOB)
    assert (seen[0].method, seen[0].url.raw_path) == ("PUT", b"/prod/v1/jobs/a%2Fb%20c")
    assert seen[0].headers["If-Match"] == '"3"'


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "the operation getJob needs a value for id"),
        ({"id": None}, "the operation getJob needs a value for id"),
        ({"id": "j", "count": 3}, "the operation getJob has no parameter count"),
    ],
)
def test_a_call_with_other_parameters_is_never_sent(values, message, scripted):
    client, seen = scripted()
    with pytest.raises(TypeError, match=message):
        client.call(GET_JOB, values)
    assert seen == []


def test_every_change_has_a_key_and_no_other_request(scripted):
    changes = [CREATE_JOB, REPLACE_JOB, EDIT_JOB, DELETE_JOB, PAUSE_JOB, REDRIVE_DEAD_LETTERS]
    client, seen = scripted(*[httpx.Response(404)] * (len(changes) + 1))
    for operation in (*changes, GET_JOB):
        with pytest.raises(ApiError):
            client.call(operation, {"id": "j"} if operation.takes("path") else {}, {} if operation.body else None)
    assert ["Idempotency-Key" in request.headers for request in seen] == [True] * len(changes) + [False]


def test_each_post_has_its_own_key_unless_one_is_given(scripted):
    client, seen = scripted(httpx.Response(404), httpx.Response(404), httpx.Response(404))
    for key in (None, None, "mine"):
        with pytest.raises(ApiError):
            client.run_job("j", key=key)
    keys = [request.headers["Idempotency-Key"] for request in seen]
    assert keys[2] == "mine"
    assert len(set(keys)) == 3


def test_tries_are_bounded(scripted):
    client, seen = scripted(*[httpx.ReadTimeout("slow")] * RETRIES.tries)
    with pytest.raises(Unreachable, match="slow") as error:
        client.health()
    assert (len(seen), error.value.status) == (RETRIES.tries, 0)
    client, seen = scripted(*[httpx.Response(503, text="busy")] * RETRIES.tries)
    with pytest.raises(ApiError, match="busy"):
        client.health()
    assert len(seen) == RETRIES.tries


def test_refusals_are_not_repeated(scripted):
    client, seen = scripted(httpx.Response(500))
    with pytest.raises(ApiError):
        client.health()
    assert len(seen) == 1


def test_a_delete_whose_answer_was_lost_succeeds(scripted):
    client, _ = scripted(httpx.ReadTimeout("lost"), httpx.Response(404))
    client.delete_job("j0000000000000001")
    client, _ = scripted(httpx.Response(404))
    with pytest.raises(ApiError):
        client.delete_job("j0000000000000001")


def test_answers_that_are_no_problem_documents(scripted):
    denied = httpx.Response(403, json={"message": "Forbidden"}, headers={"x-amzn-RequestId": "r1"})
    client, _ = scripted(denied, httpx.Response(200, text="<html>"), httpx.Response(302))
    with pytest.raises(ApiError, match=r"403 Forbidden.*r1"):
        client.health()
    with pytest.raises(ApiError, match="Unknown answer"):
        client.health()
    with pytest.raises(ApiError, match="302"):
        client.health()


def test_fields_of_a_newer_release_are_passed_over(scripted):
    client, _ = scripted(httpx.Response(200, json={"status": "ok", "version": "v1", "mood": "fine"}))
    assert client.health().version == "v1"


def test_a_token_is_sent_and_ids_are_quoted(scripted):
    client, seen = scripted(httpx.Response(404), httpx.Response(404), token="t0ken")
    for call in (client.job, client.execution):
        with pytest.raises(ApiError):
            call("a/../b?c")
    assert seen[0].headers["Authorization"] == "Bearer t0ken"
    assert [request.url.raw_path for request in seen] == [
        b"/prod/v1/jobs/a%2F..%2Fb%3Fc",
        b"/prod/v1/executions/a%2F..%2Fb%3Fc",
    ]


def test_a_deployment_is_found_by_either(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEWHEEL_API_URL", URL)
    monkeypatch.setenv("TIDEWHEEL_TOKEN", "t0ken")
    seen = []
    script = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(404))
    with Client.from_env(transport=script) as client, pytest.raises(ApiError):
        client.job("j")
    assert (str(seen[0].url), seen[0].headers["Authorization"]) == (f"{URL}/v1/jobs/j", "Bearer t0ken")
    assert AsyncClient.from_env(folder=tmp_path, timeout=3.0).carrier.http.timeout.read == 3.0


def test_a_list_is_fetched_as_far_as_it_is_gone_through():
    pages = [httpx.Response(200, json={"items": [], "cursor": str(n)}) for n in range(3)]
    seen = []

    def handle(request):
        seen.append(request)
        return pages[len(seen) - 1]

    client = Client(URL, transport=httpx.MockTransport(handle))
    items = client.jobs()
    assert seen == []
    with pytest.raises(IndexError):
        next(items)  # the fourth page is missing in the script
    assert [dict(request.url.params).get("cursor") for request in seen] == [None, "0", "1", "2"]


def test_texts_of_answers_are_heard(scripted):
    heard = []
    good = httpx.Response(200, json={"status": "ok", "version": "v1"})
    client, _ = scripted(httpx.Response(503), good, heard=heard.append)
    client.health()
    assert heard == ['{"status":"ok","version":"v1"}']


def test_a_platform_admin_acts_in_another_tenant(api, api_bench, kind):
    api.create_tenant({"id": "acme"})
    acting = a_client(kind, api_bench.transport(), tenant="acme")
    assert (api.me().tenant, acting.me().tenant) == ("default", "acme")
    acting.close()
    for unfit in ("Zoë", "a\nb", ""):
        with pytest.raises(Unsendable, match="Tidewheel-Tenant"):
            a_client(kind, api_bench.transport(), tenant=unfit)
