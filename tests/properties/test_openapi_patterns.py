"""The patterns of the OpenAPI document are as strict as the server: it takes what they let through, and no more."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.api_bench import HTTP_JOB, ApiBench
from tidewheel.domain.ids import ExecutionId, Origin, job_id
from tidewheel.wire.openapi import document

PATHS = document()["paths"]
SCHEMAS = document()["components"]["schemas"]
HTTP_OK = 300
UNKNOWN = 404
INSIDE_JSON = st.characters(exclude_categories=["Cs"])
JOB, EXECUTION = job_id(bytes(10)), str(ExecutionId(job_id(bytes(10)), 1_763_657_220_000, Origin.RUN, "0" * 8))


def parameter(path: str, method: str, name: str) -> dict[str, Any]:
    (found,) = (one["schema"] for one in PATHS[path][method]["parameters"] if one["name"] == name)
    return dict(found)


NAME = SCHEMAS["JobBody"]["properties"]["name"]
TAGS = SCHEMAS["JobBody"]["properties"]["tags"]
((TAG_KEY, TAG),) = TAGS["patternProperties"].items()
CAUSE = SCHEMAS["RetryBody"]["properties"]["on"]["items"]
KEY = parameter("/v1/jobs", "post", "Idempotency-Key")
MATCH = parameter("/v1/jobs/{id}", "patch", "If-Match")
JOB_ID = parameter("/v1/jobs/{id}", "get", "id")
EXECUTION_ID = parameter("/v1/executions/{id}", "get", "id")


def allows(schema: dict[str, Any], text: str) -> bool:
    """What a validator says of a text. ECMA's ``$`` is the very end; Python's also matches before a last line break."""
    long = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return long and re.search(schema["pattern"].removesuffix("$") + r"\Z", text) is not None


def near(schema: dict[str, Any], example: str) -> st.SearchStrategy[str]:
    """Texts of the pattern, and texts that differ from one of it in a character or two."""
    inside = st.from_regex(schema["pattern"].removesuffix("$") + r"\Z") | st.just(example)
    odd = st.sampled_from('\x00\n\x1f \x7f\x85\xa0\u1680\u2003\u2028\u202e\u2069\ufeff\u200d\u00e9\u0663*"~!9z')

    def changed(text: str, at: int, put: str, drop: int) -> str:
        at %= len(text) + 1
        return text[:at] + put + text[at + drop :]

    mixed = st.builds(changed, inside, st.integers(0, 300), odd | INSIDE_JSON | st.just(""), st.integers(0, 1))
    return (inside | mixed | st.text(INSIDE_JSON, max_size=20)).map(lambda text: text[:300])


@given(near(NAME, "daily report"))
@settings(max_examples=300, deadline=None)
def test_names(text: str) -> None:
    answer = ApiBench().call("POST", "/jobs", HTTP_JOB | {"name": text})
    assert (answer.status < HTTP_OK) == allows(NAME, text)


@given(near(TAG, "a value"))
@settings(max_examples=200, deadline=None)
def test_values_of_tags(text: str) -> None:
    answer = ApiBench().call("POST", "/jobs", HTTP_JOB | {"tags": {"a": text}})
    assert (answer.status < HTTP_OK) == allows(TAG, text)


@given(near({"pattern": TAG_KEY}, "team/a"))
@settings(max_examples=200, deadline=None)
def test_names_of_tags(text: str) -> None:
    assert TAGS["additionalProperties"] is False
    answer = ApiBench().call("POST", "/jobs", HTTP_JOB | {"tags": {text: "a"}})
    assert (answer.status < HTTP_OK) == allows({"pattern": TAG_KEY}, text)


@given(near(CAUSE, "429"))
@settings(max_examples=200, deadline=None)
def test_causes_of_retries(text: str) -> None:
    answer = ApiBench().call("POST", "/jobs", HTTP_JOB | {"retry": {"on": [text]}})
    assert (answer.status < HTTP_OK) == allows(CAUSE, text)


@given(near(KEY, "7c1e"))
@settings(max_examples=200, deadline=None)
def test_idempotency_keys(text: str) -> None:
    answer = ApiBench().call("POST", "/jobs", HTTP_JOB, headers={"Idempotency-Key": text})
    assert (answer.status < HTTP_OK) == allows(KEY, text)


@given(near(MATCH, '"3"'))
@settings(max_examples=200, deadline=None)
def test_if_match(text: str) -> None:
    bench = ApiBench()
    id = bench.call("POST", "/jobs", HTTP_JOB).json["id"]
    answer = bench.call("PATCH", f"/jobs/{id}", {"name": "b"}, headers={"If-Match": text})
    assert (answer.status in {200, 412}) == allows(MATCH, text)


@given(near(NAME, "daily report").filter(lambda text: allows(NAME, text)))
@settings(max_examples=200, deadline=None)
def test_every_name_is_a_path(text: str) -> None:
    bench = ApiBench()
    id = bench.call("POST", "/jobs", HTTP_JOB | {"name": text}).json["id"]
    assert allows(JOB_ID, f"name:{text}")
    assert bench.call("GET", f"/jobs/{quote(f'name:{text}', safe='')}").json["id"] == id


@pytest.mark.parametrize(
    ("kind", "schema", "example"), [("jobs", JOB_ID, JOB), ("executions", EXECUTION_ID, EXECUTION)]
)
@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_the_pattern_of_a_path_does_not_let_through_is_unknown(
    kind: str, schema: dict[str, Any], example: str, data: st.DataObject
) -> None:
    text = data.draw(near(schema, example).filter(lambda text: not allows(schema, text) and text))
    assert ApiBench().call("GET", f"/{kind}/{quote(text, safe='')}").status == UNKNOWN
    if "/" not in text and text.strip():
        assert ApiBench().call("GET", f"/{kind}/{text}").status == UNKNOWN


@given(st.from_regex(EXECUTION_ID["pattern"].removesuffix("$") + r"\Z"))
def test_what_the_pattern_of_an_execution_lets_through_begins_one(text: str) -> None:
    job, nominal, tail = (*text.split("-"), "")[:3]
    whole = f"{job}-{nominal.ljust(9, '0')}-{tail or 's'}"
    assert ExecutionId.parse(whole if whole[-1] == "s" or len(tail) > 1 else f"{whole}0")


@pytest.mark.parametrize("odd", ["\n", "\r", "\x00", "\x1f", "\x7f", "\x85", "\u2028"])
def test_an_id_with_a_control_character_is_not_that_of_the_job_without_it(odd: str) -> None:
    """A line break at the end was overlooked: the job was shown, and deleted."""
    bench = ApiBench()
    id = bench.call("POST", "/jobs", HTTP_JOB).json["id"]
    for path in (f"/jobs/{id}{odd}", f"/jobs/{odd}{id}", f"/jobs/{id}/upcoming{odd}", f"/jobs{odd}"):
        assert bench.call("GET", path).status == UNKNOWN
    assert bench.call("DELETE", f"/jobs/{id}{odd}").status == UNKNOWN
    assert bench.call("GET", f"/jobs/{id}").status < HTTP_OK


def test_a_method_that_a_path_does_not_have_is_documented() -> None:
    for path, operations in PATHS.items():
        for operation in operations.values():
            assert operation["responses"]["405"] == {"$ref": "#/components/responses/method-not-allowed"}
        missing = next(method for method in ("PUT", "POST") if method.lower() not in operations)
        answer = ApiBench().call(missing, path.removeprefix("/v1").replace("{id}", JOB))
        assert (answer.status, answer.headers["Allow"]) == (405, ", ".join(sorted(map(str.upper, operations))))
