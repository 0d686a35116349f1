import httpx
import pytest

from tests.support.api_bench import EVERY_JOB, HTTP_JOB, ApiBench
from tidewheel.client import ApiError, Client, Unreachable
from tidewheel.client.connection import TRIES
from tidewheel.wire.bodies.job import JobBody
from tidewheel.wire.endpoints.jobs import GET_JOB, REPLACE_JOB

URL = "https://api.example/prod"


@pytest.fixture
def api_bench():
    return ApiBench()


@pytest.fixture
def api(api_bench):
    with Client(URL, transport=api_bench.transport()) as client:
        yield client


def scripted(*steps, waits=None, **rest):
    """A client whose connection follows a script of answers and errors; and the requests that it saw."""
    seen, left = [], list(steps)

    def handle(request):
        seen.append(request)
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    waits = [] if waits is None else waits
    return Client(URL, transport=httpx.MockTransport(handle), wait=waits.append, **rest), seen


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


def test_a_create_is_repeated_under_one_key(api_bench):
    good = httpx.Response(201, text=api_bench.call("POST", "/jobs", HTTP_JOB).text)
    waits = []
    client, seen = scripted(httpx.ConnectError("refused"), httpx.Response(503), good, waits=waits)
    client.create_job(HTTP_JOB)
    keys = {request.headers["Idempotency-Key"] for request in seen}
    assert (len(seen), len(keys), len(waits)) == (3, 1, 2)


def test_a_value_goes_where_its_operation_declares_it():
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
def test_a_call_with_other_parameters_is_never_sent(values, message):
    client, seen = scripted()
    with pytest.raises(TypeError, match=message):
        client.call(GET_JOB, values)
    assert seen == []


def test_each_post_has_its_own_key_unless_one_is_given():
    client, seen = scripted(httpx.Response(404), httpx.Response(404), httpx.Response(404))
    for key in (None, None, "mine"):
        with pytest.raises(ApiError):
            client.run_job("j", key=key)
    keys = [request.headers["Idempotency-Key"] for request in seen]
    assert keys[2] == "mine"
    assert len(set(keys)) == 3


def test_tries_are_bounded():
    client, seen = scripted(*[httpx.ReadTimeout("slow")] * TRIES)
    with pytest.raises(Unreachable, match="slow") as error:
        client.health()
    assert (len(seen), error.value.status) == (TRIES, 0)
    client, seen = scripted(*[httpx.Response(503, text="busy")] * TRIES)
    with pytest.raises(ApiError, match="busy"):
        client.health()
    assert len(seen) == TRIES


def test_the_service_says_how_long_to_wait():
    waits = []
    good = httpx.Response(200, json={"status": "ok", "version": "v1"})
    busy = [httpx.Response(503, headers={"Retry-After": after}) for after in ("1", "9999", "soon")]
    client, _ = scripted(*busy, good, waits=waits)
    client.health()
    assert waits[:2] == [1.0, 5.0]
    assert 0 < waits[2] < 5


def test_refusals_are_not_repeated():
    client, seen = scripted(httpx.Response(500))
    with pytest.raises(ApiError):
        client.health()
    assert len(seen) == 1


def test_a_delete_whose_answer_was_lost_succeeds():
    client, _ = scripted(httpx.ReadTimeout("lost"), httpx.Response(404))
    client.delete_job("j0000000000000001")
    client, _ = scripted(httpx.Response(404))
    with pytest.raises(ApiError):
        client.delete_job("j0000000000000001")


def test_answers_that_are_no_problem_documents():
    denied = httpx.Response(403, json={"message": "Forbidden"}, headers={"x-amzn-RequestId": "r1"})
    client, _ = scripted(denied, httpx.Response(200, text="<html>"), httpx.Response(302))
    with pytest.raises(ApiError, match=r"403 Forbidden.*r1"):
        client.health()
    with pytest.raises(ApiError, match="Unknown answer"):
        client.health()
    with pytest.raises(ApiError, match="302"):
        client.health()


def test_fields_of_a_newer_release_are_passed_over():
    client, _ = scripted(httpx.Response(200, json={"status": "ok", "version": "v1", "mood": "fine"}))
    assert client.health().version == "v1"


def test_a_token_is_sent_and_ids_are_quoted():
    client, seen = scripted(httpx.Response(404), httpx.Response(404), token="t0ken")
    for call in (client.job, client.execution):
        with pytest.raises(ApiError):
            call("a/../b?c")
    assert seen[0].headers["Authorization"] == "Bearer t0ken"
    assert [request.url.raw_path for request in seen] == [
        b"/prod/v1/jobs/a%2F..%2Fb%3Fc",
        b"/prod/v1/executions/a%2F..%2Fb%3Fc",
    ]
